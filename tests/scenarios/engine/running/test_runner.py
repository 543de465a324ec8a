"""A run ends with a verdict, says where a failure was asked for, and leaves a complete record."""

import hashlib
import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scenarios.engine.format.loader import load
from scenarios.engine.running.results import RunResult
from scenarios.engine.running.runner import Runner

Run = Callable[..., RunResult]

HEAD = """\
format: 1
name: A phone registers
world:
  gateway: { kind: airnotifier, app: moodle }
  site:    { kind: moodle, users: { ben: student } }
devices:
  phone: { platform: ios, owner: ben }
flow:
  - { do: open_app,    by: phone }
  - { do: accept_push, by: phone, save: { token: $result.token } }
"""


class Silent:
    """Progress that nobody watches."""

    def run_started(self, result: RunResult) -> None: ...
    def step_started(self, step: Any) -> None: ...
    def step_finished(self, step: Any) -> None: ...
    def run_finished(self, result: RunResult) -> None: ...


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs a scenario whose flow and expectations are given below the common head."""

    def run(
        rest: str = "", *, seed: int = 1, progress: Any = None, runs: str = "runs"
    ) -> RunResult:
        path = tmp_path / "phone.yaml"
        path.write_text(HEAD + rest, encoding="utf-8")
        file = load(path)
        return Runner(tmp_path / runs, progress or Silent()).run(file, file.cells[0], seed)

    return run


def message_of(result: RunResult) -> str:
    [failure] = result.failures
    return failure.plain


def test_a_flow_that_goes_as_expected_passes(run: Run) -> None:
    result = run("  - { do: register_gateway, by: phone, expect: { status: 200 } }\n")
    assert result.verdict == "passed"
    assert [step.status for step in result.steps] == ["passed"] * 3
    assert result.fates["created"] == 0


def test_a_result_that_is_not_expected_is_shown_beside_the_expected_one(run: Run) -> None:
    result = run(
        "  - { do: register_gateway, by: phone, with: { key: site }, expect: { status: 200 } }\n"
        "  - { do: wait, with: { for: 1h } }\n"
    )
    assert result.verdict == "failed"
    assert "phone.yaml:11:71: error[not-as-expected]: step 3 register_gateway" in message_of(result)
    assert "status is 403, expected 200" in message_of(result)
    assert [step.do for step in result.steps][-1] == "register_gateway", "the flow ends there"


def test_a_token_that_is_not_the_expected_one_is_not_shown(run: Run) -> None:
    result = run("  - { do: accept_push, by: phone, expect: { token: aaaa } }\n")
    assert "the token with the reference" in message_of(result)
    assert result.record is not None
    trace = (result.record / "trace.jsonl").read_text()
    assert str(result.steps[1].results["token"]) not in message_of(result) + trace


def test_a_step_that_takes_too_long_says_what_it_waited_for(run: Run) -> None:
    result = run("  - { do: receive, by: phone, within: 10s }\n")
    assert "phone.yaml:11:5: error[step-failed]: step 3 receive: nothing arrived" in message_of(
        result
    )
    assert "within 10 s; there was no notification at all" in message_of(result)
    assert result.virtual_seconds == pytest.approx(result.steps[2].start / 1e9 + 10)


def test_a_step_that_a_device_cannot_do_fails_in_its_words(run: Run) -> None:
    result = run("  - { do: register_site, by: phone }\n")
    assert "step 3 register_site: phone: log in before registering the device" in message_of(result)


def test_a_fate_that_is_not_expected_is_an_error_at_its_key(run: Run) -> None:
    result = run("expect:\n  fates: { lost: 0, delivered: 1 }\n")
    assert "phone.yaml:12:21: error[fate]: delivered: 0 of 0, expected 1" in message_of(result)


def test_a_condition_that_does_not_hold_shows_what_was_measured(run: Run) -> None:
    result = run("expect:\n  checks:\n    - { that: gateway.accepted > 0 }\n")
    assert "error[check]: check failed: gateway.accepted > 0" in message_of(result)
    assert "note: gateway.accepted is 0" in message_of(result)


def test_a_step_whose_condition_does_not_hold_is_left_out(run: Run) -> None:
    result = run("  - { do: wait, with: { for: 1h }, when: 1 > 2 }\n")
    assert result.steps[2].status == "skipped"
    assert result.virtual_seconds < 60


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    "step", ["wait, with: { for: 1h }", "register_gateway, by: phone"], ids=["idle", "busy"]
)
def test_an_interrupt_leaves_the_record_of_what_was_done(
    run: Run, step: str, number: signal.Signals
) -> None:
    do = step.partition(",")[0]

    class Impatient(Silent):
        def step_started(self, step: Any) -> None:
            if step.do == do:
                signal.raise_signal(number)

    result = run(f"  - {{ do: {step} }}\n", progress=Impatient())
    assert result.verdict == "interrupted"
    assert result.failures == []
    assert result.record is not None
    summary = json.loads((result.record / "summary.json").read_text())
    assert [each["do"] for each in summary["steps"]] == ["open_app", "accept_push", do]
    assert json.loads((result.record / "manifest.json").read_text())["exit_code"] == 2


REGISTER = "  - { do: register_gateway, by: phone }\n"


def test_a_record_has_all_its_files_and_their_hashes(run: Run) -> None:
    record = run(REGISTER).record
    assert record is not None
    names = {file.name for file in record.iterdir()}
    assert names == {
        "trace.jsonl", "notifications.csv", "metrics.csv", "summary.json", "junit.xml",
        "timeline.html", "manifest.json", "scenario.yaml",
    }  # fmt: skip
    manifest = json.loads((record / "manifest.json").read_text())
    assert manifest["mode"] == "simulated"
    assert manifest["scenario"]["name"] == "A phone registers"
    assert manifest["sha256"].keys() == names - {"manifest.json"}
    for name, digest in manifest["sha256"].items():
        assert hashlib.sha256((record / name).read_bytes()).hexdigest() == digest


def test_a_record_is_named_by_scenario_seed_and_wire_digest(run: Run) -> None:
    result = run(REGISTER, seed=7)
    assert result.record is not None
    assert result.record.name == f"phone-7-{result.wire_digest[:8]}"
    assert [path.name for path in result.record.parent.iterdir()] == [result.record.name]


@pytest.mark.determinism
def test_the_same_seed_writes_the_same_record_but_for_the_manifest(run: Run) -> None:
    first, second = run(REGISTER, runs="one").record, run(REGISTER, runs="two").record
    assert first is not None
    assert second is not None
    assert first.name == second.name
    for file in first.iterdir():
        if file.name != "manifest.json":
            assert file.read_bytes() == (second / file.name).read_bytes(), file.name


def test_another_seed_gives_another_digest(run: Run) -> None:
    assert run(REGISTER, seed=1).wire_digest != run(REGISTER, seed=2).wire_digest


def test_a_failed_step_is_explained_at_its_start(run: Run) -> None:
    result = run("  - { do: receive, by: phone, within: 10s }\n")
    assert result.explained_at == result.steps[-1].start
    assert result.cause.endswith("there was no notification at all")


def test_a_fate_too_many_is_explained_where_the_notification_was_seen_last(run: Run) -> None:
    result = run(
        "  - { do: message, by: ben, with: { to: ben, text: Lab at nine } }\n"
        "  - { do: wait, with: { for: 1h } }\n"
        "expect: { fates: { suppressed: 0 } }\n"
    )
    message, wait = result.steps[-2:]
    assert result.explained_at is not None
    assert message.start < result.explained_at < wait.start + 2000
    assert "note: notification 1: " in result.failures[0].plain


def test_where_no_notification_is_to_blame_the_end_is_shown(run: Run) -> None:
    result = run("expect: { fates: { delivered: 1 } }\n")
    assert result.explained_at is None
    assert float(result.replay.split()[-1].removesuffix("s")) <= result.virtual_seconds
