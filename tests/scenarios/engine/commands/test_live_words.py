"""Links, NAT and certificates of a scenario, on real sockets.

Order and events are compared, and that something lasted at least as long as it has to.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from scenarios.engine.commands.cli import main
from scenarios.engine.exit_codes import ExitCode

pytestmark = pytest.mark.live

HEAD = """\
format: 1
name: A world with words
world:
  gateway: {{ kind: airnotifier, app: moodle{gateway} }}
  site:    {{ kind: moodle, users: {{ ana: teacher, ben: student }} }}
{world}devices:
  phone: {{ platform: {platform}, owner: ben, state: enabled{phone} }}
{faults}flow:
"""
MESSAGE = f"  - {{ do: message, by: ana, with: {{ to: ben, text: {'x' * 150} }} }}\n"
RECEIVE = "  - { do: receive, by: phone, within: 1m, expect: { count: 1 } }\n"
QUIET = "  - { do: receive_nothing, by: phone, within: 1s }\n"
DELIVERED = "expect: { fates: { delivered: 1, lost: 0, duplicate: 0 } }\n"
PENDING = "expect: { fates: { pending: 1, lost: 0 } }\n"


def events(directory: Path, rest: str, platform: str = "ios", **parts: str) -> list[dict[str, Any]]:
    """What happened in a run that passed."""
    file, runs = directory / "words.yaml", directory / "runs"
    given = {"gateway": "", "world": "", "phone": "", "faults": "", **parts}
    file.write_text(HEAD.format(platform=platform, **given) + rest)
    assert main(["run", "--live", str(file), "--runs", str(runs), "-q"]) == ExitCode.OK
    [record] = [path for path in runs.iterdir() if path.is_dir()]
    return [json.loads(line) for line in (record / "trace.jsonl").read_text().splitlines()]


def times(happened: list[dict[str, Any]], kind: str, **fields: Any) -> list[float]:
    """The seconds of the events of a kind with these fields."""
    return [
        event["t"] / 1e9
        for event in happened
        if event["kind"] == kind and all(event.get(name) == fields[name] for name in fields)
    ]


def test_a_narrow_link_carries_no_more_than_its_rate(tmp_path: Path) -> None:
    happened = events(
        tmp_path, MESSAGE + RECEIVE + DELIVERED, "android",
        world="  links: { phone: { bandwidth: 1KiB/s } }\n",
    )  # fmt: skip
    [sent], [received] = times(happened, "vendor.sent"), times(happened, "phone.received")
    assert received - sent >= 150 / 1024, "the text alone has 150 bytes"


def test_a_link_that_loses_segments_costs_time_and_nothing_else(tmp_path: Path) -> None:
    happened = events(
        tmp_path, MESSAGE + RECEIVE + DELIVERED, "android",
        world="  links: { phone: { loss: 30% } }\n",
    )  # fmt: skip
    started = times(happened, "server.started", host="site")[0]
    requests = times(happened, "http.request", host="phone", status=200)
    # The app takes 1.2 s to open; then a few milliseconds would do.
    assert requests[-1] - started >= 1.2 + 1.0, "a lost SYN comes again after a second"


def test_an_idle_phone_is_out_of_reach_behind_its_nat_until_it_connects_again(
    tmp_path: Path,
) -> None:
    again = "  - { do: go_offline, by: phone }\n  - { do: go_online, by: phone }\n"
    happened = events(
        tmp_path,
        "  - { do: wait, with: { for: 6s } }\n" + MESSAGE + QUIET + again + RECEIVE + DELIVERED,
        "android", phone=", nat: 4s",
    )  # fmt: skip
    kinds = [event["kind"] for event in happened]
    sessions = [place for place, kind in enumerate(kinds) if kind == "phone.session"]
    assert kinds.index("vendor.accepted") < sessions[-1] < kinds.index("phone.received")


@pytest.mark.parametrize(
    ("service", "platform", "flaw"),
    [("apns", "ios", "expired"), ("gcm", "android", "other_name")],
)
def test_nothing_is_sent_to_a_push_service_with_a_bad_certificate(
    tmp_path: Path, service: str, platform: str, flaw: str
) -> None:
    fault = (
        f"target: vendor.{service}, inject: bad_certificate, with: {{ flaw: {flaw} }},"
        " window: { from: before_dispatch, to: step receive_nothing }"
    )
    happened = events(
        tmp_path, MESSAGE + QUIET + RECEIVE + DELIVERED, platform,
        faults=f"faults:\n  - {{ id: bad, {fault} }}\n",
    )  # fmt: skip
    kinds = [event["kind"] for event in happened]
    assert kinds.index("tls.refused") < kinds.index("fault.ended") < kinds.index("vendor.accepted")


def test_apns_takes_nothing_from_a_gateway_with_a_bad_certificate(tmp_path: Path) -> None:
    happened = events(
        tmp_path, MESSAGE + QUIET + PENDING, gateway=", apns: { certificate: expired }"
    )
    kinds = {event["kind"] for event in happened}
    assert "tls.refused" in kinds
    assert "vendor.accepted" not in kinds
