"""Loads a scenario file: from its path to checked models, one for each cell of its matrix.

    bytes -> text -> YAML nodes with positions -> axes -> per cell: substitute, validate, check

All mistakes of a file are collected before it is refused, so that one look is enough.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Final, NoReturn

from scenarios.engine.format.checks import check
from scenarios.engine.format.diagnostics import Diagnostic, InvalidScenario, Source, Span
from scenarios.engine.format.expression_syntax import ExpressionError, Value
from scenarios.engine.format.fault_model import Fault
from scenarios.engine.format.limits import MAX_BYTES, MAX_CELL_VALUES, MAX_RUNS
from scenarios.engine.format.matrix import (
    CellScope,
    CellTooLarge,
    cell_id,
    combine,
    read_axes,
    substitute_cell,
)
from scenarios.engine.format.mistakes import Mistakes
from scenarios.engine.format.models import Scenario
from scenarios.engine.format.nodes import MappingNode, find, plain, size_of, whole
from scenarios.engine.format.regular_files import NotAFile, read_regular
from scenarios.engine.format.validation import validate
from scenarios.engine.format.yaml_reader import YamlReader

_START: Final = Span(0, 1)


@dataclass(frozen=True, slots=True)
class Cell:
    """One combination of the matrix' values, and the scenario with these values in it."""

    values: Mapping[str, Value]
    scenario: Scenario
    fault_places: tuple[int, ...]
    """Of the scenario's faults: the place of each in the file, where others may stand between."""

    @property
    def id(self) -> str:
        """`platform=ios,app_state=closed`; empty without a matrix."""
        return cell_id(self.values)


@dataclass(frozen=True, slots=True)
class ScenarioFile:
    """A valid file and its cells, in the order of the matrix."""

    path: Path
    text: str
    cells: tuple[Cell, ...]

    @property
    def name(self) -> str:
        return self.cells[0].scenario.name

    @property
    def tags(self) -> tuple[str, ...]:
        return tuple(self.cells[0].scenario.tags)

    @property
    def seeds(self) -> range:
        """The seeds to run each cell with."""
        return self.cells[0].scenario.all_seeds


def load(path: Path) -> ScenarioFile:
    """The scenario in a file. Raises InvalidScenario with everything that is wrong with it."""
    source = Source(str(path), _read(path))
    reader = YamlReader(source.text)
    root = reader.read()
    if not reader.diagnostics and (root is None or plain(root) is None):
        hint = "`airbed list` shows scenarios to start from"
        _refuse(source, Diagnostic("empty-file", "the file has no scenario in it", _START, hint))
    mistakes = Mistakes(reader.diagnostics)
    cells: list[Cell] = []
    if isinstance(root, MappingNode):
        cells = _cells(root, mistakes)
    elif root is not None:
        message = "a scenario is a mapping; its first key is 'format: 1'"
        mistakes.add(Diagnostic("not-a-mapping", message, root.span))
    if found := mistakes.all():
        raise InvalidScenario(source, found)
    return ScenarioFile(path, source.text, tuple(cells))


def _cells(root: MappingNode, mistakes: Mistakes) -> list[Cell]:
    """The cells of a document, as far as they are valid."""
    cells: list[Cell] = []
    document = plain(root)
    axes = read_axes(root, mistakes)
    if too_large := _too_large(root, axes):
        mistakes.add(too_large)
        return cells
    for values in combine(axes):
        mistakes.enter(cell_id(values))
        try:
            data = substitute_cell(document, values)
        except CellTooLarge as error:
            span = find(root, error.location).span
            mistakes.add(Diagnostic("too-large", str(error), span, "write shorter values"))
            return cells
        scenario = validate(root, data, mistakes)
        check(root, data, values, mistakes)
        if scenario is not None:
            cells.append(_cell(values, scenario))
    if cells and (too_many := _too_many_runs(root, cells)):
        mistakes.add(too_many)
    return cells


def _too_large(root: MappingNode, axes: Mapping[str, list[Value]]) -> Diagnostic | None:
    """A matrix that multiplies a file of many values."""
    count = prod(map(len, axes.values())) * size_of(root)
    if count <= MAX_CELL_VALUES:
        return None
    message = f"all cells together have {count} values, more than {MAX_CELL_VALUES}"
    return Diagnostic("too-large", message, whole(root, ("matrix",)), "use several files")


def _too_many_runs(root: MappingNode, cells: Sequence[Cell]) -> Diagnostic | None:
    """Cells and seeds that are too many together."""
    runs = len(cells) * len(cells[0].scenario.all_seeds)
    if runs <= MAX_RUNS:
        return None
    message = f"its cells with all seeds are {runs} runs, more than {MAX_RUNS}"
    hint = "ask for fewer seeds; `airbed sweep --seeds` takes others than the file's"
    return Diagnostic("too-large", message, whole(root, ("seeds",)), hint)


def _cell(values: Mapping[str, Value], scenario: Scenario) -> Cell:
    """The cell without the faults whose condition is false in it."""
    places = tuple(n for n, fault in enumerate(scenario.faults) if _happens(fault, values))
    faults = [scenario.faults[place] for place in places]
    return Cell(values, scenario.model_copy(update={"faults": faults}), places)


def _happens(fault: Fault, values: Mapping[str, Value]) -> bool:
    if fault.when is None:
        return True
    try:
        return fault.when.holds(CellScope(values))
    except ExpressionError:  # reported with the references
        return True


def _read(path: Path) -> str:
    nothing = Source(str(path), "")
    try:
        str(path).encode()
        data = read_regular(path, MAX_BYTES + 1)
    except FileNotFoundError:
        hint = "`airbed list` shows the scenarios that come with Airbed"
        _refuse(nothing, Diagnostic("no-file", "there is no such file", None, hint))
    except UnicodeEncodeError:
        # It stands in the record and in the commands that Airbed prints.
        message = "the file's name is not text in UTF-8"
        _refuse(nothing, Diagnostic("no-file", message, None, "rename the file"))
    except NotAFile as error:
        _refuse(nothing, Diagnostic("no-file", f"this is {error}", None, "name a regular file"))
    except (OSError, ValueError) as error:  # ValueError: a NUL character in the path
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        _refuse(nothing, Diagnostic("no-file", f"cannot be read: {reason}", None))
    if len(data) > MAX_BYTES:
        message = f"the file is larger than {MAX_BYTES // 1024} KiB"
        _refuse(nothing, Diagnostic("too-large", message, None, "scenarios are short texts"))
    return _decode(path, data)


def _decode(path: Path, data: bytes) -> str:
    text = data.decode("utf-8", "replace")
    source = Source(str(path), text)
    if b"\0" in data:
        at = text.index("\0")
        _refuse(
            source,
            Diagnostic(
                "not-text",
                "this is a binary file",
                Span(at, at + 1),
                "a scenario is a YAML file in UTF-8",
            ),
        )
    try:
        return data.decode("utf-8").removeprefix("\N{BYTE ORDER MARK}")
    except UnicodeDecodeError as error:
        at = len(data[: error.start].decode("utf-8"))
        _refuse(
            source,
            Diagnostic("not-text", "this is not UTF-8", Span(at, at + 1), "save the file in UTF-8"),
        )


def _refuse(source: Source, diagnostic: Diagnostic) -> NoReturn:
    raise InvalidScenario(source, [diagnostic])
