"""Shorter waits: for live runs, in which twenty minutes of a scenario are twenty minutes.

Only steps that do nothing but let time pass are shortened (`wait`, `receive_nothing`), and only in
scenarios without faults: those last for their own time, and the waits are made to fit.
"""

from dataclasses import replace
from typing import Any

from scenarios.engine.format.flow import Step
from scenarios.engine.format.loader import Cell


def shortened(cell: Cell, longest: float) -> Cell:
    """The cell with no wait longer than `longest` seconds; as it is, if it has faults."""
    if cell.scenario.faults:
        return cell
    flow = [_shortened(step, longest) for step in cell.scenario.flow]
    return replace(cell, scenario=cell.scenario.model_copy(update={"flow": flow}))


def waiting(cell: Cell) -> float:
    """Seconds that the cell spends in such steps."""
    total = 0.0
    for step in cell.scenario.flow:
        wait = step.within if step.do == "receive_nothing" else step.arguments.get("for")
        total += wait if isinstance(wait, int | float) else 0.0
    return total


def _shortened(step: Step, longest: float) -> Step:
    changed: dict[str, Any] = {}
    if step.do == "receive_nothing" and step.within is not None and step.within > longest:
        changed["within"] = longest
    wait = step.arguments.get("for")
    if step.do == "wait" and isinstance(wait, int | float) and wait > longest:
        changed["arguments"] = {**step.arguments, "for": longest}
    return step.model_copy(update=changed) if changed else step
