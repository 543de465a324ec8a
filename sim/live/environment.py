"""A SimPy environment whose time is the wall clock: seconds since the world began.

`now` moves while code runs, as it does everywhere outside a simulation. Events are processed by a
`ClockDrive` when their time has come, in SimPy's order.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import simpy
from simpy.events import NORMAL

from sim.kernel.bridge import ClockDrive
from sim.kernel.environment import Call, SimEnvironment


class WallClockEnvironment(SimEnvironment):
    """See the module. `failed` is told what callbacks of events raise."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, failed: Callable[[Exception], None]
    ) -> None:
        self._clock = loop.time
        self._origin = loop.time()
        super().__init__(0.0)
        self.drive = ClockDrive(self, loop, self.seconds, failed)

    def seconds(self) -> float:
        """Wall seconds since the world began."""
        return self._clock() - self._origin

    @property
    def _now(self) -> float:
        return self._clock() - self._origin

    @_now.setter
    def _now(self, _when: float) -> None:
        """SimPy sets its clock to the event that it processes; this clock sets itself."""

    def schedule(self, event: simpy.Event, priority: Any = NORMAL, delay: float = 0.0) -> None:
        """As in SimPy."""
        super().schedule(event, priority, delay)
        self.drive.scheduled(self._now + delay)

    def call_at(self, when: float, function: Callable[..., Any], *arguments: Any) -> Call:
        """As in the simulated world; `when` in seconds since the world began."""
        call = super().call_at(when, function, *arguments)
        self.drive.scheduled(when)
        return call
