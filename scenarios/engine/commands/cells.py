"""`--cell platform=ios,app_state=closed`: which cells of which files are run, with which seeds."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from scenarios.engine.format.diagnostics import did_you_mean
from scenarios.engine.format.loader import Cell, ScenarioFile
from scenarios.engine.shipped import typed

MAX_CELLS: Final = 20
"""Shown to whom asked for one that is not there."""


def plan(
    files: Iterable[ScenarioFile], seed: int | None, values: str | None
) -> Iterator[tuple[ScenarioFile, Cell, int]]:
    """The runs: every cell that has these values, with this seed or else with the file's."""
    wanted = set(_values(values or ""))
    for file in files:
        for cell in file.cells:
            if wanted <= set(_values(cell.id)):
                for each in file.seeds if seed is None else (seed,):
                    yield file, cell, each


def no_such_cell(values: str, files: Sequence[ScenarioFile]) -> str:
    """Why there is nothing to run, and what there is instead."""
    cells = dict.fromkeys(cell.id for file in files for cell in file.cells if cell.id)
    if not cells:
        who = f"{typed(files[0].path)} has" if len(files) == 1 else "these files have"
        return f"airbed: {who} no matrix, and so no cells; leave out --cell {values}"
    axes: dict[str, dict[str, None]] = {}
    for value in (value for cell in cells for value in _values(cell)):
        axis, _, word = value.partition("=")
        axes.setdefault(axis, {})[word] = None
    message = f"airbed: no cell has all of {values}"
    for value in _values(values):
        axis, _, word = value.partition("=")
        if axis not in axes:
            message = f"airbed: there is no {axis} in the matrix; {did_you_mean(axis, axes)}"
        elif word not in axes[axis]:
            message = f"airbed: no cell has {value}; possible are {', '.join(axes[axis])}"
    shown = [*cells][:MAX_CELLS] + ["..."] * (len(cells) > MAX_CELLS)
    return "\n  ".join([f"{message}\n  cells there are:", *shown])


def _values(cell: str) -> list[str]:
    return [value.strip() for value in cell.split(",") if value.strip()]
