"""Every scenario that comes with Airbed passes, each cell with its first seed."""

from pathlib import Path

import pytest

from scenarios.engine.commands.cli import main
from scenarios.engine.format.loader import load
from scenarios.engine.shipped import SHIPPED

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
    seed = str(load(path).seeds[0])
    code = main(["run", str(path), "--seed", seed, "--runs", str(tmp_path)])
    assert code == 0, capsys.readouterr().out
