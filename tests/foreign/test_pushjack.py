"""pushjack 1.6.0, an APNs library of 2015, against the live APNs mock."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.conformance.apns_binary import NEVER_ISSUED, accepted, token_of
from tests.conformance.stage import BUNDLE, Door, Stage, live

Foreign = Callable[..., Callable[[dict[str, Any]], Any]]


def certificate(stage: Stage, directory: Path) -> str:
    """Certificate and key in one file, as pushjack wants them."""
    issued = stage.ca.issue("provider", uid=BUNDLE, environments=["production"])
    pem = directory / "provider.pem"
    pem.write_text(Path(issued.cert_file).read_text() + Path(issued.key_file).read_text())
    return str(pem)


def sending(
    foreign: Foreign,
    directory: Path,
    tokens: Callable[[Door], list[bytes]],
    message: str = "hi",
    options: dict[str, Any] | None = None,
    **settings: Any,
) -> tuple[dict[str, Any], Stage]:
    """What pushjack reports after sending to these tokens, and the stage with the mock's notes."""
    client = foreign("pushjack")
    outcome: list[tuple[dict[str, Any], Stage]] = []

    async def main(stage: Stage) -> None:
        door = await stage.apns(**settings)
        task = {
            "port": door.port,
            "certificate": certificate(stage, directory),
            "tokens": [token.hex() for token in tokens(door)],
            "message": message,
            "options": options or {},
        }
        outcome.append((await client(task), stage))

    live(main, directory)
    return outcome[0]


def test_a_good_token_is_sent_to(foreign: Foreign, tmp_path: Path) -> None:
    report, stage = sending(foreign, tmp_path, lambda door: [token_of(door)])
    assert report["errors"] == []
    assert len(report["successes"]) == 1
    assert accepted(stage) == [0]


def test_what_followed_a_bad_token_is_sent_again_on_a_new_connection(
    foreign: Foreign, tmp_path: Path
) -> None:
    def tokens(door: Door) -> list[bytes]:
        return [token_of(door), NEVER_ISSUED, token_of(door), token_of(door)]

    report, stage = sending(foreign, tmp_path, tokens)
    assert report["errors"] == [["APNSInvalidTokenError", 8, 1, NEVER_ISSUED.hex()]]
    assert accepted(stage) == [0, 2, 3]
    first, second = [note["peer"] for note in stage.notes.of("vendor.connected")]
    assert [note["peer"] for note in stage.notes.of("vendor.accepted")] == [first, second, second]
    # Both were written behind the bad one and lost there.
    (discarded,) = stage.notes.of("vendor.discarded")
    assert discarded["peer"] == first
    assert discarded["bytes"] > 2 * 80


def test_a_thousand_with_three_bad_ones_arrive_once_each(foreign: Foreign, tmp_path: Path) -> None:
    bad = {100, 101, 900}

    def tokens(door: Door) -> list[bytes]:
        return [bytes([n % 256] * 32) if n in bad else token_of(door) for n in range(1000)]

    report, stage = sending(foreign, tmp_path, tokens)
    assert [error[2] for error in report["errors"]] == sorted(bad)
    assert accepted(stage) == [n for n in range(1000) if n not in bad]


def test_a_payload_beyond_the_limit_of_2013_is_understood_as_that(
    foreign: Foreign, tmp_path: Path
) -> None:
    report, stage = sending(foreign, tmp_path, lambda door: [token_of(door)], "x" * 300)
    assert [error[:2] for error in report["errors"]] == [["APNSInvalidPayloadSizeError", 7]]
    assert accepted(stage) == []


def test_code_10_is_understood_as_shutdown_and_sending_goes_on(
    foreign: Foreign, tmp_path: Path
) -> None:
    report, stage = sending(
        foreign, tmp_path, lambda door: [token_of(door) for _ in range(5)], shutdown_after=2
    )
    assert {tuple(error[:2]) for error in report["errors"]} == {("APNSShutdownError", 10)}
    assert accepted(stage) == [0, 1, 2, 3, 4]
    assert len(stage.notes.of("vendor.connected")) == 3


def test_there_is_no_feedback_service_yet(foreign: Foreign, tmp_path: Path) -> None:
    client = foreign("pushjack")
    complaints: list[str] = []

    async def main(stage: Stage) -> None:
        door = await stage.apns()
        task = {"port": door.port, "certificate": certificate(stage, tmp_path), "feedback": True}
        try:
            await client(task)
        except AssertionError as error:
            complaints.append(str(error))

    live(main, tmp_path)
    assert "Connection refused" in complaints[0]
