"""Which of the wanted runs can be live ones, or have an external gateway; the others are skipped.

A file that was named itself is refused if nothing of it is possible. What was found in a directory
is skipped: the rest of it runs. Where the cells of a file differ, each is judged by itself.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from rich.console import Console

from scenarios.engine.commands.live_limits import refusals_by_cell, refused
from scenarios.engine.format.diagnostics import Diagnostic, InvalidScenario
from scenarios.engine.format.loader import Cell, ScenarioFile
from scenarios.engine.shipped import typed


class NotPossible(Exception):
    """It cannot be run like this; the text says why, or is empty when that has been printed."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """A cell that is not run; `seeds`: with how many seeds it would have been."""

    file: ScenarioFile
    cell: Cell
    seeds: Sequence[int]
    why: InvalidScenario

    @property
    def reason(self) -> str:
        """In one line, with the place of the first obstacle."""
        first, *others = self.why.diagnostics
        where = typed(self.file.path)
        if first.span is not None:
            line, column = self.why.source.position(first.span.start)
            where += f":{line}:{column}"
        more = f"; and {len(others)} more" if others else ""
        return f"{where}: {first.message}{more}"

    def summary(self, seed: int) -> dict[str, object]:
        """What a report of the whole suite says of one of its runs, as `summary.json` would."""
        return {
            "name": self.file.name,
            "file": self.file.path.as_posix(),
            "cell": self.cell.id,
            "seed": seed,
            "verdict": "skipped",
            "reason": self.reason,
            "virtual_ns": 0,
        }


Run = tuple[ScenarioFile, Cell, int]


@dataclass(slots=True)
class Limits:
    """What is impossible, looked for in each file once. `named`: files that were not found in a
    directory."""

    foreign_gateway: bool
    named: frozenset[str]
    _found: dict[str, Mapping[str, Sequence[Diagnostic]]] = field(default_factory=dict)

    def runs(self, planned: Sequence[Run]) -> tuple[list[Run], list[Skipped]]:
        """Those that are possible, and the cells that are skipped. Raises NotPossible."""
        possible: list[Run] = []
        skipped: dict[tuple[str, str], Skipped] = {}
        for file, cell, seed in planned:
            found = self._of(file).get(cell.id)
            if found is None:
                possible.append((file, cell, seed))
                continue
            key = str(file.path), cell.id
            before = skipped[key].seeds if key in skipped else ()
            skipped[key] = Skipped(file, cell, (*before, seed), refused(file, found))
        self._refuse(skipped.values(), {str(file.path) for file, _, _ in possible})
        return possible, list(skipped.values())

    def files(
        self, files: Sequence[ScenarioFile], seeds: Sequence[int] | None
    ) -> tuple[list[ScenarioFile], list[Skipped]]:
        """The files with those of their cells that are possible, and the cells that are skipped.
        Raises NotPossible."""
        planned = [
            (file, cell, seed)
            for file in files
            for cell in file.cells
            for seed in (file.seeds if seeds is None else seeds)
        ]
        _, skipped = self.runs(planned)
        left_out = {(str(each.file.path), each.cell.id) for each in skipped}
        remaining = []
        for file in files:
            cells = [cell for cell in file.cells if (str(file.path), cell.id) not in left_out]
            if cells:
                remaining.append(replace(file, cells=tuple(cells)))
        return remaining, skipped

    def _of(self, file: ScenarioFile) -> Mapping[str, Sequence[Diagnostic]]:
        key = str(file.path)
        if key not in self._found:
            self._found[key] = refusals_by_cell(file, foreign_gateway=self.foreign_gateway)
        return self._found[key]

    def _refuse(self, skipped: Iterable[Skipped], possible: set[str]) -> None:
        """Raises NotPossible if nothing is possible, or nothing of a file that was named."""
        whole: dict[str, list[Skipped]] = {}
        for each in skipped:
            if str(each.file.path) not in possible:
                whole.setdefault(str(each.file.path), []).append(each)
        wrong = [cells for path, cells in whole.items() if path in self.named or not possible]
        console = Console(stderr=True, highlight=False, soft_wrap=True)
        for cells in wrong:
            found = (each for cell in cells for each in cell.why.diagnostics)
            console.print(refused(cells[0].file, found).render())
        if wrong:
            raise NotPossible("nothing was run")


def reasons(skipped: Iterable[Skipped]) -> Iterable[tuple[str, str]]:
    """For each file and reason: which of its cells, and why; both a text for people."""
    alike: dict[tuple[str, str], list[Skipped]] = {}
    for each in skipped:
        alike.setdefault((typed(each.file.path), each.reason), []).append(each)
    for (name, reason), cells in alike.items():
        count = sum(len(cell.seeds) for cell in cells)
        runs = f"{count} run" if count == 1 else f"{count} runs"
        some = len(cells) < len(cells[0].file.cells)
        which = " " + " and ".join(cell.cell.id for cell in cells) if some else ""
        yield f"{name}{which}, {runs}", reason
