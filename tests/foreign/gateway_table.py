"""Run every shipped scenario against external gateways and write the table of docs/live.md anew:

    PYTHONPATH=. python -m tests.foreign.gateway_table

Each cell that is possible runs live, with seed 1, against a gateway process of its own: Airbed's
gateway as an external one, and the two that others might have written. Waits are cut to five
seconds. About a quarter of an hour: some phones do not notice for 14 minutes that their path is
dead. `--times N` is for ours: only the cells without faults, N times each. `--only WORD` chooses
scenarios. With either, the document stays as it is.

Exit code 1 if a cell failed for no reason that `expected.py` names, or passed in spite of one.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import joblib

from scenarios.engine.commands.live_limits import refusals_by_cell
from scenarios.engine.format.loader import Cell, ScenarioFile, load
from scenarios.engine.format.waits import shortened, waiting
from scenarios.engine.running.play import StepOutcome
from scenarios.engine.running.results import RunResult
from scenarios.engine.running.runner import Runner
from scenarios.engine.shipped import SHIPPED
from scenarios.engine.world.foreign_gateway import GatewayUnreachable
from scenarios.engine.world.live_stage import LiveOptions, live
from scenarios.engine.world.stage import ForeignGateway
from tests.foreign.expected import reason
from tests.foreign.external_gateways import (
    APP_KEY,
    BROADCAST,
    KINDS,
    SEND,
    SITE_KEY,
    Kind,
    external_gateway,
    free_ports,
)

DOCUMENT: Final = Path(__file__).parents[2] / "docs" / "live.md"
BEGIN, END = "<!-- table of gateways -->\n", "<!-- end of the table -->\n"
LONGEST_WAIT: Final = 5.0
SEED: Final = 1
JOBS: Final = 6
"""Runs at a time: they wait most of theirs."""


@dataclass(frozen=True)
class Job:
    """One run of one cell, by its place in the file."""

    kind: Kind
    path: Path
    cell: int
    time: int


@dataclass(frozen=True)
class Outcome:
    """What came of it. `first`: the first failure, without its place in the file."""

    job: Job
    cell: str
    verdict: str
    first: str
    fates: str


def run(job: Job, runs: Path) -> Outcome:
    """Against a gateway of its own."""
    file = load(job.path)
    cell = shortened(file.cells[job.cell], LONGEST_WAIT)
    with tempfile.TemporaryDirectory() as directory:
        base = free_ports()
        with external_gateway(
            job.kind, Path(directory), base, site_key=SEND | BROADCAST
        ) as gateway:
            eager = job.kind != "ours"
            foreign = ForeignGateway(gateway.url, APP_KEY, SITE_KEY, keeps_connected=eager)
            stages = live(LiveOptions(foreign, base))
            runner = Runner(runs, _Silent(), stages=stages, live_arguments="--gateway URL ")
            try:
                result = runner.run(file, cell, SEED)
            except GatewayUnreachable as error:
                return Outcome(job, cell.id, "failed", str(error).partition("\n")[0], "")
    first = result.cause if result.failures else ""
    fates = " ".join(f"{name}={count}" for name, count in result.fates.items() if count)
    return Outcome(job, cell.id, result.verdict, first, fates)


def jobs_of(files: Iterable[ScenarioFile], kinds: Iterable[Kind], times: int) -> list[Job]:
    """Those that wait longest first."""
    found: list[tuple[float, Job]] = []
    for file in files:
        impossible = refusals_by_cell(file, foreign_gateway=True)
        for place, cell in enumerate(file.cells):
            if cell.id in impossible or (times > 1 and cell.scenario.faults):
                continue
            wait = waiting(shortened(cell, LONGEST_WAIT))
            for kind in kinds:
                found += [(wait, Job(kind, file.path, place, n)) for n in range(times)]
    return [job for _, job in sorted(found, key=lambda each: -each[0])]


def table(files: Sequence[ScenarioFile], outcomes: Sequence[Outcome]) -> str:
    """A row for each scenario."""
    by_cell: dict[tuple[Kind, Path, str], list[Outcome]] = {}
    for outcome in outcomes:
        key = outcome.job.kind, outcome.job.path, outcome.cell
        by_cell.setdefault(key, []).append(outcome)
    lines = ["| scenario | our gateway | stand-in 2013 | stand-in 2014 |\n|---|---|---|---|\n"]
    for file in files:
        impossible = refusals_by_cell(file, foreign_gateway=True)
        columns = []
        for kind in KINDS:
            said: dict[str, list[Cell]] = {}
            for cell in file.cells:
                if cell.id in impossible:
                    text = f"skipped: {impossible[cell.id][0].message}"
                else:
                    runs = by_cell[kind, file.path, cell.id]
                    failed = [each for each in runs if each.verdict != "passed"]
                    why = reason(kind, file.path.stem, cell.id) or "not explained"
                    text = f"failed: {why}" if failed else "passed"
                said.setdefault(text, []).append(cell)
            columns.append("; ".join(_said(text, cells, file) for text, cells in said.items()))
        name = file.path.relative_to(SHIPPED).with_suffix("")
        lines.append(f"| `{name}` | {' | '.join(columns)} |\n")
    return "".join(lines)


def _said(text: str, cells: Sequence[Cell], file: ScenarioFile) -> str:
    if len(cells) == len(file.cells):
        return text
    verdict, colon, why = text.partition(":")
    return f"{verdict} ({' and '.join(_values(cells, file))}){colon}{why}"


def _values(cells: Sequence[Cell], file: ScenarioFile) -> list[str]:
    """What tells these cells from the others: one axis if that is enough."""
    for axis in file.cells[0].values:
        wanted = {cell.values[axis] for cell in cells}
        if [cell for cell in file.cells if cell.values[axis] in wanted] == list(cells):
            return [str(value) for value in dict.fromkeys(cell.values[axis] for cell in cells)]
    return [" ".join(str(value) for value in cell.values.values()) for cell in cells]


def unexplained(outcomes: Iterable[Outcome]) -> list[str]:
    """What did not come out as `expected.py` has it."""
    found = []
    for each in outcomes:
        why = reason(each.job.kind, each.job.path.stem, each.cell)
        name = f"{each.job.kind} {each.job.path.stem} {each.cell} #{each.job.time + 1}"
        if each.verdict != "passed" and why is None:
            found.append(f"{name}: {each.first} ({each.fates})")
        elif each.verdict == "passed" and why is not None:
            found.append(f"{name}: passed, although: {why}")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=1)
    parser.add_argument("--only", default="")
    parser.add_argument("--jobs", type=int, default=JOBS)
    args = parser.parse_args()
    files = [load(path) for path in sorted(SHIPPED.glob("*/*.yaml")) if args.only in path.stem]
    kinds: Sequence[Kind] = KINDS if args.times == 1 else ["ours"]
    jobs = jobs_of(files, kinds, args.times)
    print(f"{len(jobs)} runs, {args.jobs} at a time", flush=True)
    outcomes: list[Outcome] = []
    with tempfile.TemporaryDirectory() as runs:
        parallel = joblib.Parallel(args.jobs, return_as="generator_unordered", batch_size=1)
        for outcome in parallel(joblib.delayed(run)(job, Path(runs)) for job in jobs):
            outcomes.append(outcome)
            job = outcome.job
            told = f"{job.kind:5} {outcome.verdict:7} {job.path.stem} {outcome.cell}"
            print(f"{told}  {outcome.fates}  {outcome.first}".rstrip(), flush=True)
    found = unexplained(outcomes)
    for line in found:
        print(f"not expected: {line}")
    passed = sum(outcome.verdict == "passed" for outcome in outcomes)
    print(f"{passed} passed, {len(outcomes) - passed} failed, {len(found)} not as expected")
    if not args.only and args.times == 1:
        before, _, rest = DOCUMENT.read_text().partition(BEGIN)
        _, _, after = rest.partition(END)
        DOCUMENT.write_text(f"{before}{BEGIN}{table(files, outcomes)}{END}{after}")
    return 1 if found else 0


class _Silent:
    """Progress that nobody watches."""

    def run_started(self, result: RunResult) -> None: ...
    def step_started(self, step: StepOutcome) -> None: ...
    def step_finished(self, step: StepOutcome) -> None: ...
    def run_finished(self, result: RunResult) -> None: ...


if __name__ == "__main__":
    sys.exit(main())
