"""This tree against another one: `python -m benchmarks.against /path/to/other/tree [NAME...]`.

Says whether a change made the simulated world slower or larger. Each tree runs its own benchmarks,
under this interpreter, in fresh processes pinned to one core. The two take turns, and which is
first alternates; a change is the median of the ratios within a turn. No history is kept: unpack an
older commit with `git archive` and name the directory.
"""

import argparse
import statistics
import sys
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.run import ROOT, measure

TURNS = 7
ALLOWED = 5.0
"""Per cent by which a figure may be worse."""


@dataclass(frozen=True)
class Measurement:
    """One benchmark module with its arguments, and which of its values counts."""

    what: str
    unit: str
    arguments: tuple[str, ...]
    value: str
    more_is_better: bool = True
    scale: float = 1.0

    def take(self, tree: Path) -> float:
        return measure(*self.arguments, tree=tree)[self.value] / self.scale


RATE, SIZE = "messages_per_cpu_second", "bytes_per_connection"
FLOWS, PHONE = "flows_per_cpu_second", "bytes_per_phone"
MEASUREMENTS = {
    "loop": [
        Measurement(
            "POST pairs", "requests / CPU s", ("loop_http", "airbed"), "requests_per_cpu_second"
        )
    ],
    "memory": [
        Measurement("idle connection", "KiB", ("memory", "light"), SIZE, False, 1024),
        Measurement("idle connection, aiohttp", "KiB", ("memory", "aiohttp"), SIZE, False, 1024),
    ],
    "fleet": [
        Measurement("idle iPhone", "KiB", ("fleet", "ios"), PHONE, False, 1024),
        Measurement("idle Android phone", "KiB", ("fleet", "android"), PHONE, False, 1024),
    ],
    "flows": [
        Measurement("ten-step runs", "flows / CPU s", ("flows", "worlds"), FLOWS),
        Measurement("ten steps in one world", "flows / CPU s", ("flows", "phones"), FLOWS),
    ],
    "messages": [
        Measurement("one message in a request", "messages / CPU s", ("messages",), RATE),
        Measurement(
            "100 messages in a request", "messages / CPU s", ("messages", "--batch", "100"), RATE
        ),
    ],
}


@dataclass(frozen=True)
class Change:
    """What came of one measurement. Changes are in per cent of the other tree's figure."""

    measurement: Measurement
    there: float
    here: float
    median: float
    lowest: float
    highest: float

    @property
    def is_allowed(self) -> bool:
        worse = -self.median if self.measurement.more_is_better else self.median
        return worse <= ALLOWED


def compare(measurement: Measurement, other: Path, turns: int) -> Change:
    """Measure both trees in turns."""
    figures: dict[Path, list[float]] = {other: [], ROOT: []}
    for turn in range(turns):
        for tree in (other, ROOT) if turn % 2 == 0 else (ROOT, other):
            figures[tree].append(measurement.take(tree))
    there, here = figures[other], figures[ROOT]
    changes = [(new / old - 1) * 100 for old, new in zip(there, here, strict=True)]
    return Change(
        measurement,
        statistics.median(there),
        statistics.median(here),
        statistics.median(changes),
        min(changes),
        max(changes),
    )


def show(changes: list[Change]) -> None:
    table = Table(expand=False)
    table.add_column("measured")
    for column in ("there", "here", "change", "from", "to"):
        table.add_column(column, justify="right")
    table.add_column("unit")
    table.add_column("")
    for change in changes:
        digits = 0 if change.here >= 1_000 else 1 if change.here >= 100 else 2
        table.add_row(
            change.measurement.what,
            *(f"{value:,.{digits}f}" for value in (change.there, change.here)),
            *(f"{value:+.1f} %" for value in (change.median, change.lowest, change.highest)),
            change.measurement.unit,
            "" if change.is_allowed else f"worse by more than {ALLOWED:g} %",
        )
    Console(width=120).print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tree", type=Path, help="another tree of this project")
    parser.add_argument("names", nargs="*", choices=[*MEASUREMENTS, []], metavar="NAME")
    parser.add_argument("--turns", type=int, default=TURNS)
    options = parser.parse_args()
    other = options.tree.resolve()
    if not (other / "benchmarks" / "run.py").is_file():
        parser.error(f"{options.tree} is no tree of this project: it has no benchmarks/run.py")
    chosen = options.names or list(MEASUREMENTS)
    changes = [
        compare(measurement, other, options.turns)
        for name in chosen
        for measurement in MEASUREMENTS[name]
    ]
    show(changes)
    sys.exit(0 if all(change.is_allowed for change in changes) else 1)


if __name__ == "__main__":
    main()
