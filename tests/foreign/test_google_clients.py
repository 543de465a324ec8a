"""pyfcm 1.5.4 and python-gcm 0.4 against the live GCM mock."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from sim.vendors.gcm.settings import Outage
from tests.conformance.gcm_http import MALFORMED, UNKNOWN, registered
from tests.conformance.stage import PACKAGE, Door, Stage, live

Foreign = Callable[..., Callable[[dict[str, Any]], Any]]
Ask = Callable[..., Awaitable[Any]]


def with_client(
    foreign: Foreign,
    name: str,
    directory: Path,
    talk: Callable[[Door, Ask], Awaitable[None]],
) -> Stage:
    """Let `talk(door, ask)` give tasks to a client; returns the stage with the mock's notes."""
    stages: list[Stage] = []

    async def main(stage: Stage) -> None:
        door = await stage.gcm()
        client = foreign(name, stage.ca.ca_file)
        path = "/fcm/send" if name == "pyfcm" else "/gcm/send"
        url = f"https://{door.address}:{door.port}{path}"
        stages.append(stage)
        await talk(door, lambda **task: client({"url": url, "key": "key-of-100", **task}))

    live(main, directory)
    return stages[0]


def test_pyfcm_reads_the_results_of_a_multicast(foreign: Foreign, tmp_path: Path) -> None:
    async def talk(door: Door, ask: Ask) -> None:
        answer = await ask(
            tokens=[registered(door), UNKNOWN, MALFORMED, registered(door, sender="200")],
            options={"data_message": {"message": "Grüße"}, "collapse_key": "c"},
        )
        assert (answer["success"], answer["failure"]) == (1, 3)
        assert [result.get("error") for result in answer["results"]] == [
            None,
            "NotRegistered",
            "InvalidRegistration",
            "MismatchSenderId",
        ]

    stage = with_client(foreign, "pyfcm", tmp_path, talk)
    assert len(stage.notes.of("vendor.accepted")) == 1


def test_pyfcm_splits_a_multicast_at_a_thousand(foreign: Foreign, tmp_path: Path) -> None:
    async def talk(door: Door, ask: Ask) -> None:
        answer = await ask(tokens=[registered(door)] * 2500)
        assert answer["success"] == 2500
        assert len(answer["multicast_ids"]) == 3
        assert door.service.statistics().requests == 3

    with_client(foreign, "pyfcm", tmp_path, talk)


def test_pyfcm_takes_401_for_a_bad_key(foreign: Foreign, tmp_path: Path) -> None:
    async def talk(door: Door, ask: Ask) -> None:
        answer = await ask(tokens=[registered(door)], key="wrong")
        assert answer == {"raised": "AuthenticationError"}

    with_client(foreign, "pyfcm", tmp_path, talk)


def test_pyfcm_waits_as_retry_after_says_and_tries_again(foreign: Foreign, tmp_path: Path) -> None:
    async def talk(door: Door, ask: Ask) -> None:
        once = door.service.override({"outage": Outage(retry_after=1)}, lambda: once.end())
        answer = await ask(tokens=[registered(door)])
        assert answer["success"] == 1
        assert door.service.statistics().requests == 2

    with_client(foreign, "pyfcm", tmp_path, talk)


def test_python_gcm_reads_canonical_ids_and_errors(foreign: Foreign, tmp_path: Path) -> None:
    async def talk(door: Door, ask: Ask) -> None:
        device, _ = door.service.add_device()
        old = door.service.register(device, PACKAGE, ["100"])
        new = door.service.refresh(device, PACKAGE)
        good = registered(door)
        answer = await ask(
            form="json", arguments={"registration_ids": [good, old, UNKNOWN], "data": {"a": "1"}}
        )
        assert answer["canonical"] == {old: new}
        assert answer["errors"] == {"NotRegistered": [UNKNOWN]}
        assert list(answer["success"]) == [good, old]

    with_client(foreign, "python_gcm", tmp_path, talk)


def test_python_gcm_reads_the_plain_form(foreign: Foreign, tmp_path: Path) -> None:
    async def talk(door: Door, ask: Ask) -> None:
        device, _ = door.service.add_device()
        old = door.service.register(device, PACKAGE, ["100"])
        new = door.service.refresh(device, PACKAGE)

        async def send(token: str, **more: Any) -> Any:
            arguments = {"registration_id": token, "data": {"message": "Grüße"}}
            return await ask(form="plain", arguments=arguments, **more)

        assert await send(new) is None
        assert await send(old) == new
        assert await send(UNKNOWN) == {"raised": "GCMNotRegisteredException"}
        assert await send(MALFORMED) == {"raised": "GCMInvalidRegistrationException"}
        assert await send(new, key="wrong") == {"raised": "GCMAuthenticationException"}

    stage = with_client(foreign, "python_gcm", tmp_path, talk)
    assert len(stage.notes.of("vendor.accepted")) == 2


def test_python_gcm_sends_again_what_was_unavailable(foreign: Foreign, tmp_path: Path) -> None:
    async def talk(door: Door, ask: Ask) -> None:
        bad, good = registered(door), registered(door)
        door.service.override({"per_id_error": {bad: "Unavailable"}}, lambda: None)
        answer = await ask(
            form="json", arguments={"registration_ids": [bad, good], "data": {}, "retries": 2}
        )
        assert answer["errors"] == {"Unavailable": [bad]}
        assert door.service.statistics().requests == 2
        assert door.service.statistics().accepted == 1

    with_client(foreign, "python_gcm", tmp_path, talk)
