"""Every scenario that comes with Airbed passes, each cell with its first seed, and puts the bytes
on the wire that are pinned, whatever this process ran before."""

import json
from pathlib import Path

import pytest

from scenarios.engine.commands.cli import main
from scenarios.engine.format.loader import load
from scenarios.engine.shipped import SHIPPED
from tests.determinism.pin import pinned
from tests.determinism.reference_runs import named

# The ten steps and the bad token have tests of their own.
FILES = [
    path
    for path in sorted(SHIPPED.rglob("*.yaml"))
    if path.name not in ("ten_steps.yaml", "invalid_token.yaml")
]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_shipped_scenario_passes(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = load(path)
    code = main(["run", str(path), "--seed", str(file.seeds[0]), "--runs", str(tmp_path)])
    assert code == 0, capsys.readouterr().out
    records = [json.loads(each.read_text()) for each in tmp_path.glob("*/summary.json")]
    digests = {record["cell"]: record["wire_digest"] for record in records}
    names = {cell.id: named(path, cell, file.seeds[0]) for cell in file.cells}
    assert digests == {cell: pinned()[name] for cell, name in names.items()}, (
        "see tests/determinism/pin.py"
    )
