"""Letting virtual time pass."""

from collections.abc import Generator, Mapping
from itertools import islice
from typing import Any, Final

import simpy

from scenarios.engine.running.context import Context, Task
from scenarios.engine.running.steps.registry import step

_LOOK_EVERY: Final = 0.25
"""Virtual seconds between two looks at what is in motion: a look costs time with the fleet."""

_QUIET_LOOKS: Final = 4
"""Looks in a row that must find nothing: what a gateway has let go of is seen nowhere while it
is on the wire to a push service."""

_QUIET_LOOKS_ON_ARRIVAL: Final = 8
"""And where nobody tells what is to come: an external gateway has been asked for a broadcast."""


def _still_moving(context: Context, _task: Task) -> str:
    moving = list(context.ledger.in_motion())
    hops = "; ".join(n.last_hop for n in islice(moving, 3))
    return f"{len(moving)} notifications are still on their way ({hops})"


@step("settle", overdue=_still_moving)
def settle(context: Context, task: Task) -> Generator[simpy.Event, Any, Mapping[str, Any]]:
    quiet_looks = 0
    wanted = _QUIET_LOOKS_ON_ARRIVAL if context.learns_on_arrival else _QUIET_LOOKS
    while quiet_looks < wanted:
        yield context.env.timeout(_LOOK_EVERY)
        moving = next(context.ledger.in_motion(), None) is not None
        quiet_looks = 0 if moving else quiet_looks + 1
    return {}


@step("wait", takes_its_time=True)
def wait(context: Context, task: Task) -> Generator[simpy.Event, Any, Mapping[str, Any]]:
    yield context.env.timeout(task.arguments["for"])
    return {}
