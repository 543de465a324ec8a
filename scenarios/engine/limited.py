"""Something that people or a run do, with a limit on its time.

Networks and push services may never answer, and phones try for ever, as they should: so whoever
waits for them has a limit.
"""

from collections.abc import Generator
from typing import Any, Final

import simpy

DEFAULT_LIMIT: Final = 900.0
"""Virtual seconds for what says nothing about its time: more than a browser needs to give several
pages up, so that a run ends."""


class Overdue(Exception):
    """It took longer than it may. What it waited for may happen yet, and nobody hears of it."""


def limited(
    env: simpy.Environment, doing: Generator[simpy.Event, Any, Any], seconds: float
) -> Generator[simpy.Event, Any, Any]:
    """Do something within so many virtual seconds, and return its result. Raises Overdue."""
    process = env.process(doing)
    yield process | env.timeout(seconds)
    if not process.triggered:
        process.defused = True
        waited_for = process.target.callbacks
        if waited_for is not None:
            # That may fail later, when nobody is there to hear of it.
            waited_for.append(_defuse)
        process.interrupt()
        raise Overdue
    return process.value


def _defuse(event: simpy.Event) -> None:
    event.defused = True
