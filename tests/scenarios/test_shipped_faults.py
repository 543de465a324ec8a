"""What the shipped fault scenarios expect comes of their faults, and of nothing else."""

from pathlib import Path
from typing import Any

import pytest

from scenarios.engine.format.loader import Cell, ScenarioFile, load
from scenarios.engine.running.results import RunResult
from scenarios.engine.running.runner import Runner
from scenarios.engine.shipped import SHIPPED

FILES = sorted(
    path
    for directory in ("faults", "external")
    for path in (SHIPPED / directory).glob("*.yaml")
    if path.name != "invalid_token.yaml" and load(path).cells[0].scenario.faults
)
STORM = SHIPPED / "faults/storm.yaml"
# A crash that leaves nothing behind, and a storm that heals, look like no fault at all.
INVISIBLE = ("site_crash.yaml", "storm.yaml")


class Silent:
    """Progress that nobody watches."""

    def run_started(self, result: RunResult) -> None: ...
    def step_started(self, step: Any) -> None: ...
    def step_finished(self, step: Any) -> None: ...
    def run_finished(self, result: RunResult) -> None: ...


def play(file: ScenarioFile, cell: Cell, seed: int, runs: Path) -> RunResult:
    return Runner(runs, Silent()).run(file, cell, seed)


@pytest.mark.parametrize(
    "path", [path for path in FILES if path.name not in INVISIBLE], ids=lambda path: path.stem
)
def test_without_its_faults_a_scenario_fails(path: Path, tmp_path: Path) -> None:
    file = load(path)
    for cell in file.cells:
        if cell.values.get("direction") == "downstream":
            continue  # with the way back cut, it goes through as if nothing were wrong
        calm = cell.scenario.model_copy(update={"faults": []})
        result = play(file, Cell(cell.values, calm, ()), 1, tmp_path)
        assert result.verdict == "failed", cell.id


def test_whatever_the_storm_does_every_message_comes_to_one_fate(tmp_path: Path) -> None:
    file = load(STORM)
    fired: dict[str, int] = {}
    for seed in range(100, 108):  # enough that each of its faults does something
        result = play(file, file.cells[0], seed, tmp_path)
        assert result.verdict == "passed", "\n".join(f.plain for f in result.failures)
        for outcome in result.faults:
            fired[outcome.fault.id] = fired.get(outcome.fault.id, 0) + outcome.fired
    assert all(fired.values()), fired


def test_the_same_seed_is_the_same_storm(tmp_path: Path) -> None:
    file = load(STORM)
    first, again, other = (
        play(file, file.cells[0], seed, tmp_path).wire_digest for seed in (7, 7, 8)
    )
    assert first == again != other
