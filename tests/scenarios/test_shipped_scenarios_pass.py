"""Every scenario that comes with Airbed passes, each cell with its first seed."""

import argparse
from pathlib import Path

import pytest

from scenarios.engine.loader import Cell, ScenarioFile, load
from scenarios.engine.run_command import run_command
from scenarios.engine.selection import SHIPPED

# The ten steps and the bad token have tests of their own.
FILES = [
    load(path)
    for path in sorted(SHIPPED.rglob("*.yaml"))
    if path.name not in ("ten_steps.yaml", "invalid_token.yaml")
]
CELLS = [(file, cell) for file in FILES for cell in file.cells]


@pytest.mark.parametrize(
    ("file", "cell"), CELLS, ids=[f"{file.path.stem}-{cell.id}" for file, cell in CELLS]
)
def test_a_shipped_scenario_passes(
    file: ScenarioFile, cell: Cell, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = ScenarioFile(file.path, file.text, (cell,))
    args = argparse.Namespace(
        scenarios=[one], seed=file.seeds[0], runs=tmp_path, quiet=False, verbose=False
    )
    assert run_command(args) == 0, capsys.readouterr().out
