"""People give up where nothing answers, and the run goes on; what they began may be done yet."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scenarios.engine.format.loader import load
from scenarios.engine.running.results import RunResult
from scenarios.engine.running.runner import Runner

SCENARIO = """\
format: 1
name: Somebody writes to a site that is away
world:
  gateway: {{ kind: airnotifier, app: moodle }}
  site:    {{ kind: moodle, users: {{ ana: teacher, ben: student }} }}
devices:
  phone: {{ platform: ios, owner: ben, state: enabled }}
faults:
  - {{ id: away, target: host.site, inject: {inject}, window: {{ for: {length} }} }}
flow:
  - {{ do: message, by: ana, with: {{ to: ben, text: Lab at nine }}, {keys} }}
  - {{ do: wait, with: {{ for: 20m }} }}
  - {{ do: settle }}
"""


class Silent:
    """Progress that nobody watches."""

    def run_started(self, result: RunResult) -> None: ...
    def step_started(self, step: Any) -> None: ...
    def step_finished(self, step: Any) -> None: ...
    def run_finished(self, result: RunResult) -> None: ...


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., RunResult]:
    def run(keys: str, inject: str = "pause", length: str = "20s") -> RunResult:
        path = tmp_path / "away.yaml"
        path.write_text(SCENARIO.format(keys=keys, inject=inject, length=length))
        file = load(path)
        return Runner(tmp_path / "runs", Silent()).run(file, file.cells[0], 1)

    return run


Run = Callable[..., RunResult]


def test_a_step_that_may_fail_is_excused_and_the_flow_goes_on(run: Run) -> None:
    result = run("within: 5s, may_fail: true", inject="crash")
    assert result.verdict == "passed"
    assert [step.status for step in result.steps] == ["excused", "passed", "passed"]
    assert result.steps[0].excuse.startswith("the site did not answer within 5 s")


def test_a_step_that_may_not_fail_ends_the_flow(run: Run) -> None:
    result = run("within: 5s", inject="crash")
    assert result.verdict == "failed"
    assert [step.status for step in result.steps] == ["failed"]


def test_a_page_that_nobody_waits_for_any_more_goes_on_loading(run: Run) -> None:
    result = run("within: 5s, may_fail: true")
    assert result.steps[0].status == "excused"
    assert result.fates["delivered"] == 1


def test_a_browser_gives_up_after_five_minutes(run: Run) -> None:
    result = run("may_fail: true", length="10m")
    [message, *_] = result.steps
    assert message.end is not None
    assert round((message.end - message.start) / 1e9) == 300


def test_what_is_given_up_twice_by_the_person_and_by_the_browser_disturbs_nobody(run: Run) -> None:
    assert run("within: 5s, may_fail: true", length="10m").verdict == "passed"


def test_a_wrong_answer_is_not_excused(run: Run) -> None:
    result = run("may_fail: true, expect: { sent: 2 }", length="1s")
    assert result.verdict == "failed"
    assert "sent is 1, expected 2" in result.failures[0].plain


def test_a_step_that_may_fail_and_succeeds_has_passed(run: Run) -> None:
    assert run("may_fail: true", length="1s").steps[0].status == "passed"
