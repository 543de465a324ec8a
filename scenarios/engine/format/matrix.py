"""The matrix of a scenario: its axes, its cells, and the document as one cell sees it.

The first axis changes slowest, as in nested loops in the order of the file.
"""

import itertools
from collections.abc import Iterator, Mapping
from typing import Any, Final

from scenarios.engine.format.diagnostics import Diagnostic
from scenarios.engine.format.expression_syntax import Value
from scenarios.engine.format.limits import MAX_CELL_TEXT, MAX_CELLS
from scenarios.engine.format.mistakes import Mistakes
from scenarios.engine.format.nodes import Location, MappingNode, ScalarNode, SequenceNode
from scenarios.engine.format.references import TextTooLong, as_text, has_reference, substitute

ROOT: Final = "matrix"  # references to the matrix start with this name

# These hold for the whole file, so they cannot depend on the cell.
_LITERAL: Final = frozenset({"format", "name", "description", "tags", "seed", "seeds", ROOT})
_CONDITIONS: Final = frozenset({"when", "that"})


class CellScope:
    """A scope in which only the matrix is known, with the values of one cell."""

    def __init__(self, values: Mapping[str, Value]) -> None:
        self._values = values

    def reference(self, path: tuple[str, ...]) -> Value:
        if path[0] != ROOT or path[1:2] == () or path[1] not in self._values:
            raise LookupError(f"'${'.'.join(path)}' is not known here")
        return self._values[path[1]]

    def observation(self, path: tuple[str, ...]) -> Value:
        raise LookupError("nothing is measured yet")


def cell_id(values: Mapping[str, Value]) -> str:
    """The name of a cell, unique within its file: `platform=ios,app_state=closed`."""
    return ",".join(f"{name}={as_text(value)}" for name, value in values.items())


def read_axes(root: MappingNode, mistakes: Mistakes) -> dict[str, list[Value]]:
    """The axes of a document. What is no list of values is left out; the models report it."""
    node = root.entries[ROOT][1] if ROOT in root.entries else None
    axes: dict[str, list[Value]] = {}
    for name, (_, values) in node.entries.items() if isinstance(node, MappingNode) else ():
        seen: dict[str, Value] = {}
        for item in values.items if isinstance(values, SequenceNode) else ():
            if not isinstance(item, ScalarNode) or item.value is None:
                continue
            if as_text(item.value) in seen:
                message = f"the value {as_text(item.value)} is there twice"
                mistakes.add(
                    Diagnostic("duplicate-value", message, item.span, "keep one of the two")
                )
            seen[as_text(item.value)] = item.value
        if seen:
            axes[name] = list(seen.values())
    count = 1
    for good in axes.values():
        count *= len(good)
    if count > MAX_CELLS and node is not None:
        message = f"the matrix has {count} cells, more than {MAX_CELLS}"
        mistakes.add(
            Diagnostic("too-large", message, node.span, "use fewer values, or several files")
        )
        return {name: good[:1] for name, good in axes.items()}
    return axes


def combine(axes: Mapping[str, list[Value]]) -> Iterator[dict[str, Value]]:
    """The values of each cell; without axes, one cell without values."""
    for values in itertools.product(*axes.values()):
        yield dict(zip(axes, values, strict=True))


class CellTooLarge(Exception):
    """The matrix puts too much text into a cell; `location` is where."""

    def __init__(self, message: str, location: Location) -> None:
        super().__init__(message)
        self.location = location


def substitute_cell(document: Any, values: Mapping[str, Value]) -> Any:
    """A plain document with a cell's values in the place of `$matrix.<axis>`.

    Conditions keep their references, since they are worked out as a whole; so do the values of
    the flow that only the run knows. References to an axis that does not exist stay, too. Raises
    CellTooLarge.
    """
    room = MAX_CELL_TEXT

    def look_up(path: tuple[str, ...]) -> Value:
        if len(path) != 2 or path[1] not in values:
            raise LookupError(path)
        return values[path[1]]

    def put_in(value: Any, here: Location) -> Any:
        nonlocal room
        if not isinstance(value, str) or "$" not in value:
            return value
        try:
            replaced = substitute(value, ROOT, look_up)
        except TextTooLong as error:
            raise CellTooLarge(str(error), here) from None
        room -= len(replaced) if isinstance(replaced, str) else 0
        if room < 0:
            message = f"until here the matrix puts more than {MAX_CELL_TEXT} characters into a cell"
            raise CellTooLarge(message, here)
        return replaced

    def visit(value: Any, at_run_time: bool, here: Location) -> Any:
        if isinstance(value, dict):
            return {
                key: item if key in _CONDITIONS else visit(item, at_run_time, (*here, key))
                for key, item in value.items()
            }
        if isinstance(value, list):
            return [visit(item, at_run_time, (*here, n)) for n, item in enumerate(value)]
        replaced = put_in(value, here)
        if at_run_time or not isinstance(replaced, str) or has_reference(replaced):
            return replaced
        return replaced.replace("$$", "$")

    return {
        key: value if key in _LITERAL else visit(value, key == "flow", (key,))
        for key, value in document.items()
    }
