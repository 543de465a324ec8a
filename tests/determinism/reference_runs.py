"""The runs whose wire digests are pinned: each cell of every shipped scenario, with its first seed,
and the program of `tests/sim/reference_program.py`.

    PYTHONPATH=. python tests/determinism/reference_runs.py [plain | unwatched | captured]

prints a line `name digest` for each. `unwatched` leaves connections out of the trace, `captured`
writes down every packet; neither may be felt on the wire.
"""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from scenarios.engine.format.loader import Cell, load
from scenarios.engine.format.models import Scenario
from scenarios.engine.running.inspectors import Capturing
from scenarios.engine.running.play import StepOutcome
from scenarios.engine.running.results import RunResult
from scenarios.engine.running.runner import Runner
from scenarios.engine.shipped import SHIPPED
from scenarios.engine.world.stage import Stage, simulated
from tests.sim import reference_program

MANNERS = ("plain", "unwatched", "captured")
PROGRAM_SEEDS = (1, 2)


class Quiet:
    """Progress that nobody follows."""

    def run_started(self, result: RunResult) -> None: ...
    def step_started(self, step: StepOutcome) -> None: ...
    def step_finished(self, step: StepOutcome) -> None: ...
    def run_finished(self, result: RunResult) -> None: ...


def unwatched(scenario: Scenario, seed: int, state: Path, _wants_connections: bool) -> Stage:
    return simulated(scenario, seed, state, False)


def digests(manner: str) -> Iterator[tuple[str, str]]:
    """Name and wire digest of each reference run. RuntimeError for a scenario that fails."""
    with tempfile.TemporaryDirectory(prefix="airbed-digests-") as runs:
        runner = Runner(
            Path(runs),
            Quiet(),
            [Capturing()] if manner == "captured" else [],
            made_with={},
            stages=unwatched if manner == "unwatched" else simulated,
        )
        for path in sorted(SHIPPED.rglob("*.yaml")):
            file = load(path)
            for cell in file.cells:
                result = runner.run(file, cell, file.seeds[0])
                name = named(path, cell, file.seeds[0])
                if result.verdict != "passed":
                    raise RuntimeError(f"{name} {result.verdict}")
                yield name, result.wire_digest
    for seed in PROGRAM_SEEDS:
        digest = reference_program.digest(seed, wants_connections=manner != "unwatched")
        yield f"reference_program:{seed}", digest


def named(path: Path, cell: Cell, seed: int) -> str:
    """As in `flows/ten_steps[ios,closed]:42`."""
    values = ",".join(str(value) for value in cell.values.values())
    place = path.relative_to(SHIPPED).with_suffix("").as_posix()
    return f"{place}[{values}]:{seed}" if values else f"{place}:{seed}"


if __name__ == "__main__":
    for name, digest in digests(sys.argv[1] if len(sys.argv) > 1 else "plain"):
        print(name, digest)
