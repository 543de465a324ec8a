"""Waiting for a broadcast of an external gateway, of which only what arrives is seen.

Our own gateway says how many pushes it accepted. With another the number grows as they reach a
push service, and is right at any moment but the last for all that anybody can tell. So a step waits
until as many have come as its `expect` names, and then a moment for one too many.
"""

from collections.abc import Callable, Generator, Mapping
from typing import Any, Final

import simpy

from scenarios.engine.running.context import Context, Task

QUIET: Final = 0.5
"""Wall seconds in which nothing more comes. A gateway writes a broadcast in one go."""

Counts = Mapping[str, Callable[[], int]]
"""By the name of the step's result: how many there are by now."""


def all_expected(
    context: Context,
    task: Task,
    counts: Counts,
    at_rest: Callable[[], bool],
    kinds: frozenset[str],
) -> Generator[simpy.Event, Any, None]:
    """Until the counts are at least what the step expects of them, everything known is `at_rest`,
    and nothing more came for a moment. `kinds` of events may change that.
    """
    end = context.env.now + task.within

    def are_there() -> bool:
        return at_rest() and not missing(task, counts)

    while True:
        yield context.watch.until(are_there, kinds)
        before = [count() for count in counts.values()]
        left = end - context.env.now
        yield context.env.timeout(min(QUIET, left / 2))
        if before == [count() for count in counts.values()] and at_rest():
            return


def missing(task: Task, counts: Counts) -> list[str]:
    """What is expected and has not come yet: `accepted 20`."""
    wanted = {name: task.expected(name) for name in counts}
    return [
        f"{name} {number}"
        for name, number in wanted.items()
        if isinstance(number, int) and counts[name]() < number
    ]
