"""Where steps register under the name that scenario files use."""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Any

import simpy

from scenarios.engine.running.context import Context, Task

Run = Callable[[Context, Task], Generator[simpy.Event, Any, Mapping[str, Any]]]

Overdue = Callable[[Context, Task], str]


@dataclass(frozen=True, slots=True)
class Implementation:
    """A step as it is carried out."""

    run: Run
    overdue: Overdue
    """What to say when it took too long: `nothing arrived`."""
    takes_its_time: bool
    """Whether `within` (or an argument) is how long the step lasts, rather than a limit."""


REGISTRY: dict[str, Implementation] = {}


def step(
    name: str,
    *,
    overdue: str | Overdue = "it was not done",
    takes_its_time: bool = False,
) -> Callable[[Run], Run]:
    """Register a step. `overdue`: see `Implementation`."""

    def register(run: Run) -> Run:
        say = (lambda _context, _task: overdue) if isinstance(overdue, str) else overdue
        REGISTRY[name] = Implementation(run, say, takes_its_time)
        return run

    return register
