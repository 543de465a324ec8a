"""Collects the mistakes of one file over all cells of its matrix, each only once."""

from collections.abc import Sequence
from typing import Final

from scenarios.engine.format.diagnostics import Diagnostic, Span

MAX_SHOWN: Final = 100  # a file with more is not a scenario, and nobody reads on


class Mistakes:
    """What is wrong with a file, beginning with what its reader found.

    A mistake that only some cells have is noted with the first of them: without that, a value
    which comes from the matrix would be hard to recognise.
    """

    def __init__(self, diagnostics: Sequence[Diagnostic]) -> None:
        self._unreadable = {each.span for each in diagnostics}
        self._found: dict[tuple[str, Span | None], Diagnostic] = {}
        self._cells_with: dict[tuple[str, Span | None], list[str]] = {}
        self._cells: list[str] = []
        self._if_alone: list[Diagnostic] = []
        for each in diagnostics:
            self._found[each.message, each.span] = each

    def enter(self, cell: str) -> None:
        """What is added from here on belongs to this cell."""
        self._cells.append(cell)

    def add(self, diagnostic: Diagnostic) -> None:
        """Add one, unless the same mistake is known from another cell.

        What YAML could not make sense of is not judged a second time.
        """
        if diagnostic.span in self._unreadable:
            return
        key = diagnostic.message, diagnostic.span
        self._found.setdefault(key, diagnostic)
        if self._cells:
            self._cells_with.setdefault(key, []).append(self._cells[-1])

    def add_if_alone(self, diagnostic: Diagnostic) -> None:
        """Add one that is only said of a file with no other mistake: most follow from another."""
        self._if_alone.append(diagnostic)

    def all(self) -> list[Diagnostic]:
        """At most MAX_SHOWN of them, in the order of the file."""
        if not self._found:
            for diagnostic in self._if_alone:
                self.add(diagnostic)
        found = [self._noted(key, diagnostic) for key, diagnostic in self._found.items()]
        found.sort(key=lambda each: each.span or Span(-1, -1))
        return found[:MAX_SHOWN]

    def _noted(self, key: tuple[str, Span | None], diagnostic: Diagnostic) -> Diagnostic:
        cells = self._cells_with.get(key, [])
        if not cells or len(set(cells)) == len(self._cells):
            return diagnostic
        note = f"where {cells[0].replace(',', ', ')}"
        return Diagnostic(
            diagnostic.code, diagnostic.message, diagnostic.span, diagnostic.help, note
        )
