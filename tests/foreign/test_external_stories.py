"""What a run tells of an external gateway that goes wrong: against the two stand-ins, live."""

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from scenarios.engine.commands.cli import main
from scenarios.engine.exit_codes import ExitCode
from tests.foreign.external_gateways import (
    BROADCAST,
    CREATE_TOKENS,
    Kind,
    external_gateway,
    free_ports,
)

pytestmark = pytest.mark.live
LONG = pytest.mark.campaign

FLEET = """\
format: 1
name: A fleet behind an external gateway
world:
  gateway: {{ kind: airnotifier, app: moodle }}
  site:    {{ kind: moodle, generation: 2013, users: {{ cleo: student }} }}
  vendors: {{ apns: {{ protocol: binary, reject_delay: 300ms, close_delay: 200ms }} }}
devices:
  fleet: {{ count: {count}, platform: ios, state: enabled }}
{faults}flow:
{steps}
"""
MESSAGE = "  - { do: message, by: admin, with: { to: all, text: Exam moved } }\n"
DISPATCH = "  - { do: dispatch, by: gateway, within: 30s }\n"
SETTLE = "  - { do: settle, within: 30s }\n"

ONE_PHONE = """\
format: 1
name: A phone behind an external gateway
world:
  gateway: {{ kind: airnotifier, app: moodle }}
  site:    {{ kind: moodle, generation: 2013, users: {{ ana: teacher, ben: student }} }}
devices:
  phone: {{ platform: {platform}, owner: ben, state: enabled }}
{faults}flow:
  - {{ do: message, by: ana, with: {{ to: ben, text: Lab at nine }} }}
  - {{ do: settle, within: 20s }}
expect:
  fates: {{ delivered: 1 }}
"""


def fault(target: str, inject: str, more: str = "") -> str:
    what = f"id: f, target: {target}, inject: {inject}{more}, window: {{ from: before_dispatch }}"
    return f"faults:\n  - {{ {what} }}\n"


@dataclass
class Told:
    """What a run came to; `summary` is empty when nothing was run."""

    code: int
    shown: str
    summary: dict[str, Any]

    @property
    def fates(self) -> dict[str, int]:
        return {name: count for name, count in self.summary["fates"].items() if count}

    @property
    def gateway(self) -> list[str]:
        lines: list[str] = self.summary.get("external_gateway", [])
        return lines

    def lasted(self, step: str) -> float:
        """Seconds that a step took."""
        [found] = [each for each in self.summary["steps"] if each["do"] == step]
        return float(found["end_ns"] - found["start_ns"]) / 1e9


@dataclass
class Bench:
    """Runs a scenario against a gateway of its own."""

    directory: Path
    capsys: pytest.CaptureFixture[str]

    def run(self, kind: Kind, *texts: str, **gateway: Any) -> Told:
        """Run scenarios one after the other; what the last one came to."""
        file, runs = self.directory / "story.yaml", self.directory / "runs"
        with external_gateway(kind, self.directory, free_ports(), **gateway) as running:
            for text in texts:
                shutil.rmtree(runs, ignore_errors=True)
                file.write_text(text)
                arguments = [*running.arguments, "--seed", "1", "--runs", str(runs)]
                code = main(["run", *arguments, str(file)])
        shown = self.capsys.readouterr()
        found = [json.loads(path.read_text()) for path in runs.glob("*/summary.json")]
        return Told(code, shown.out + shown.err, found[0] if found else {})


@pytest.fixture
def bench(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Bench:
    return Bench(tmp_path, capsys)


def bad_token(count: int, position: int, steps: str) -> str:
    more = f", select: {{ index: {position} }}"
    return FLEET.format(
        count=count, faults=fault("device.fleet", "token_corrupt", more), steps=steps
    )


REJECTED = (
    r"token [0-9a-f]{12} rejected \(invalid_token\) on connection 127\.0\.0\.1:\d+ at \d+\.\d{3} s"
)
BEHIND = r"; (\d+) push(?:es)? written behind it until \d+\.\d{3} s discarded"


@pytest.mark.parametrize(
    ("position", "kind"),
    [
        (37, "2014"),
        pytest.param(0, "2013", marks=LONG),
        pytest.param(0, "2014", marks=LONG),
        pytest.param(37, "2013", marks=LONG),
    ],
)
def test_a_bad_token_costs_what_was_written_behind_it(
    bench: Bench, kind: Kind, position: int
) -> None:
    told = bench.run(kind, bad_token(100, position, MESSAGE + DISPATCH + SETTLE))
    line, *others = told.gateway
    found = re.fullmatch(REJECTED + BEHIND + "; the API had answered ok; sent again: 0", line)
    assert found is not None, line
    # What it wrote while APNs closed, nobody read; of a few such pushes the machine decides.
    unread = sum(int(each.partition(" ")[0]) for each in others)
    assert all("reached no push service" in each for each in others), others
    lost = int(found[1]) + unread
    assert told.fates["lost"] == lost > 0
    assert told.fates["rejected"] == 1
    assert told.fates.get("delivered", 0) == 99 - lost
    assert line in told.shown
    assert "pending" not in told.shown.split("not observed")[0]
    assert told.lasted("dispatch") + told.lasted("settle") < 15  # it was 30 s and a failed step


@LONG
def test_behind_the_last_of_a_hundred_nothing_is_lost(bench: Bench) -> None:
    told = bench.run("2014", bad_token(100, 99, MESSAGE + DISPATCH + SETTLE))
    [line] = told.gateway
    assert re.fullmatch(REJECTED + "; nothing came behind it", line)
    assert told.fates.items() >= {"delivered": 99, "rejected": 1}.items()


def test_a_gateway_that_sends_again_is_no_loser(bench: Bench) -> None:
    told = bench.run("ours", bad_token(100, 0, MESSAGE + DISPATCH + SETTLE))
    [line] = told.gateway
    found = re.fullmatch(REJECTED + BEHIND + r"; the API had answered ok; sent again: (\d+)", line)
    assert found is not None, line
    assert found[1] == found[2]
    assert told.fates.items() >= {"delivered": 99, "rejected": 1}.items()
    assert "lost" not in told.fates
    assert "duplicate" not in told.fates


@LONG
def test_a_broadcast_of_2013_loses_all_behind_a_bad_token(bench: Bench) -> None:
    steps = (
        "  - { do: broadcast, by: admin, with: { text: The site is down } }\n" + DISPATCH + SETTLE
    )
    told = bench.run("2013", bad_token(40, 10, steps))
    [line] = told.gateway
    found = re.fullmatch(REJECTED + BEHIND + "; the API had answered ok; sent again: 0", line)
    assert found is not None, line
    assert told.fates["lost"] == int(found[1]) == 29
    assert told.fates["delivered"] == 10


@pytest.mark.parametrize(
    ("inject", "words"),
    [("shutdown", r"with code 10 \(shutdown\)"), ("silent_close", "and sent no error packet")],
)
def test_apns_closes_of_its_own_accord(bench: Bench, inject: str, words: str) -> None:
    steps = (
        "  - { do: broadcast, by: admin, with: { text: The site is down } }\n"
        "  - { do: dispatch, by: gateway, within: 6s }\n" + SETTLE
    )
    text = FLEET.format(
        count=40, faults=fault("vendor.apns", inject, ", with: { after: 10 }"), steps=steps
    )
    told = bench.run("2013", text)
    [line] = [each for each in told.gateway if each.startswith("APNs closed")]
    found = re.fullmatch(
        r"APNs closed connection 127\.0\.0\.1:\d+ at \d+\.\d{3} s "
        + words
        + r"; (\d+) pushes that it had read by then discarded; the API had answered ok;"
        " sent again: 0",
        line,
    )
    assert found is not None, line
    assert told.fates["lost"] == int(found[1]) > 0
    assert told.fates["delivered"] == 10


@pytest.mark.parametrize("kind", ["2013", pytest.param("2014", marks=LONG)])
def test_gcm_is_unavailable(bench: Bench, kind: Kind) -> None:
    outage = fault("vendor.gcm", "unavailable", ", with: { status: 503, retry_after: 30s }")
    text = ONE_PHONE.format(platform="android", faults=outage)
    told = bench.run(kind, text.replace("generation: 2013", "generation: 2.7"))
    assert told.code == ExitCode.FAILED
    [line] = [each for each in told.gateway if each.startswith("GCM")]
    assert re.fullmatch(r"GCM answered the gateway 503 \(Retry-After: 30\) at \d+\.\d{3} s", line)
    assert told.fates == {"created": 1, "refused": 1}


def test_the_gateway_has_a_key_that_gcm_does_not_know(bench: Bench) -> None:
    text = ONE_PHONE.format(platform="android", faults="")
    told = bench.run("2013", text, gcm_key="another")
    assert told.code == ExitCode.INVALID
    assert "Error authenticating with GCM" in told.shown
    assert told.gateway == []


@pytest.mark.parametrize("kind", ["2013", "2014"])
def test_a_key_without_permission_reaches_no_push_service(bench: Bench, kind: Kind) -> None:
    text = ONE_PHONE.format(platform="ios", faults="")
    told = bench.run(kind, text, site_key=CREATE_TOKENS | BROADCAST)
    assert told.code == ExitCode.INVALID
    assert "No permission to send notification" in told.shown
    assert told.gateway == []


OTHER_CHANNEL = """\
format: 1
name: A broadcast and a phone on another channel
world:
  gateway: { kind: airnotifier, app: moodle }
  site:    { kind: moodle, generation: 2013, users: { cleo: student } }
devices:
  fleet:    { count: 5, platform: ios, state: registered }
  stranger: { platform: ios, owner: cleo }
flow:
  - { do: open_app,         by: stranger }
  - { do: accept_push,      by: stranger, save: { token: $result.token } }
  - { do: login,            by: stranger, with: { user: cleo } }
  - { do: register_gateway, by: stranger, with: { token: $token, channel: elsewhere } }
  - { do: broadcast,        by: admin, with: { text: The site is down } }
  - { do: receive,          by: fleet, within: 20s, expect: { count: 5 } }
  - { do: receive_nothing,  by: stranger, within: 2s }
"""


@LONG
def test_a_broadcast_on_another_channel(bench: Bench) -> None:
    told = bench.run("2013", OTHER_CHANNEL)
    assert told.code == ExitCode.FAILED
    assert re.search(r"step 7 receive_nothing: stranger received 1 at \d+\.\d{3} s", told.shown)
    [line] = told.gateway
    assert re.fullmatch(
        r"the broadcast on channel [0-9a-f]{32} went to token [0-9a-f]{12} of stranger, which was"
        r" registered on channel elsewhere",
        line,
    )


UNINSTALLED = """\
format: 1
name: A phone without the app behind an external gateway
world:
  gateway: { kind: airnotifier, app: moodle }
  site:    { kind: moodle, generation: 2.7, users: { ana: teacher, ben: student } }
devices:
  phone: { platform: android, owner: ben, state: enabled }
faults:
  - { id: f, target: device.phone, inject: uninstall, window: { from: before_dispatch } }
flow:
  - { do: message, by: ana, with: { to: ben, text: Lab at nine } }
  - { do: settle, within: 20s }
  - { do: message, by: ana, with: { to: ben, text: Lab at ten } }
  - { do: settle, within: 20s }
expect:
  fates: { created: 2, undeliverable: 1, rejected: 1 }
  invariants: [conservation, causal_order]
"""


@pytest.mark.parametrize("kind", ["2014", pytest.param("2013", marks=LONG)])
def test_what_gcm_rejects_is_one_push_whatever_the_api_answers(bench: Bench, kind: Kind) -> None:
    told = bench.run(kind, UNINSTALLED)
    assert told.code == ExitCode.OK, told.shown
    [line] = [each for each in told.gateway if each.startswith("GCM")]
    answer = "400" if kind == "2014" else "200 with an error"
    assert re.fullmatch(
        r"GCM rejected token [0-9a-f]{12} \(NotRegistered\) at \d+\.\d{3} s; the API answered the"
        rf" site {answer}",
        line,
    )


@pytest.mark.parametrize("kind", ["2013", pytest.param("ours", marks=LONG)])
def test_tokens_of_an_earlier_run_are_said_and_count_nowhere(bench: Bench, kind: Kind) -> None:
    steps = (
        "  - { do: broadcast, by: admin, with: { text: The site is down } }\n"
        "  - { do: dispatch, by: gateway, within: 20s, expect: { accepted: 5 } }\n" + SETTLE
    )
    ten = FLEET.format(count=10, faults="", steps=SETTLE)
    five = FLEET.format(count=5, faults="", steps=steps)
    told = bench.run(kind, ten, five)
    assert told.code == ExitCode.OK
    assert told.fates == {"created": 5, "delivered": 5, "unread": 5}
    # Tokens of the same seed are the same ones: five are this run's, and five are not.
    left, rejected, *_ = told.gateway
    assert re.fullmatch(
        r"\d+ push(es)? reached the push services for tokens that no phone of this run had by then"
        r" \(.*\), first at \d+\.\d{3} s: not of this run, and not counted",
        left,
    )
    assert re.match(r"token [0-9a-f]{12}, of no phone of this run, rejected", rejected)
    assert "of them for tokens of no phone of this run)" in rejected
