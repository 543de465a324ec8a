"""A bad token among a hundred: with recovery nobody else notices, without it all that follow do."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scenarios.engine.format.loader import load
from scenarios.engine.running.results import RunResult
from scenarios.engine.running.runner import Runner

FILE = Path(__file__).parents[2] / "scenarios" / "faults" / "invalid_token.yaml"

Run = Callable[[str, int, int], RunResult]


class Silent:
    """Progress that nobody watches."""

    def run_started(self, result: RunResult) -> None: ...
    def step_started(self, step: Any) -> None: ...
    def step_finished(self, step: Any) -> None: ...
    def run_finished(self, result: RunResult) -> None: ...


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def run(recovery: str, position: int, seed: int) -> RunResult:
        file = load(FILE)
        [cell] = [
            cell
            for cell in file.cells
            if cell.values == {"recovery": recovery, "position": position}
        ]
        result = Runner(tmp_path, Silent()).run(file, cell, seed)
        assert result.verdict == "passed", [failure.plain for failure in result.failures]
        return result

    return run


@pytest.mark.parametrize("position", [0, 37, 99])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_with_recovery_only_the_bad_token_gets_nothing(run: Run, position: int, seed: int) -> None:
    fates = run("replay", position, seed).fates
    assert (fates["delivered"], fates["rejected"]) == (99, 1)
    assert (fates["lost"], fates["duplicate"], fates["pending"]) == (0, 0, 0)


@pytest.mark.parametrize(("position", "lost"), [(0, 99), (37, 62), (99, 0)])
def test_without_recovery_what_was_in_flight_behind_the_bad_token_is_lost(
    run: Run, position: int, lost: int
) -> None:
    result = run("none", position, 1)
    fates = result.fates
    assert fates["lost"] == result.observations["apns.discarded"]
    assert fates["delivered"] + fates["lost"] == 99
    assert fates["rejected"] == 1
    assert fates["lost"] <= lost
    assert (fates["lost"] > 0) is (lost > 0)
    assert fates["duplicate"] == 0
