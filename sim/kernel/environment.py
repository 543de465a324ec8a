"""The SimPy environment that owns virtual time.

It is a `simpy.Environment` with one addition: *calls*. A call is a function to be run at a moment,
at a tenth of the cost of a SimPy process and, unlike SimPy events, it can be cancelled. Network
segments and phones' heartbeats are calls.

Order at one instant is SimPy's own: by (time, priority, sequence number).

Simplification: a cancelled call stays in the heap until its time comes or until cancelled calls
make up half of the heap, when the heap is swept.
"""

from collections.abc import Callable
from heapq import heapify, heappop, heappush
from typing import Any

import simpy
from simpy.core import EmptySchedule
from simpy.events import NORMAL

_SWEEP_FROM = 256
"""Below this many cancelled calls a sweep is not worth its walk over the heap."""


class Call:
    """A function that will be called at a moment of virtual time, unless cancelled before."""

    __slots__ = ("_environment", "arguments", "function")

    def __init__(
        self,
        environment: "SimEnvironment",
        function: Callable[..., Any],
        arguments: tuple[Any, ...],
    ) -> None:
        self._environment = environment
        self.function: Callable[..., Any] | None = function
        self.arguments = arguments

    def cancel(self) -> None:
        """Make sure the function is not called. Harmless after it was."""
        if self.function is not None:
            self.function = None
            self.arguments = ()
            self._environment._note_cancelled()


class SimEnvironment(simpy.Environment):
    """Virtual time in float seconds, starting at `start`; see the module for what it adds."""

    def __init__(self, start: float = 0.0) -> None:
        super().__init__(start)
        self._cancelled = 0
        self.skews: dict[Any, Callable[[float], float]] = {}
        """Hosts whose calendar clock is wrong: seconds to add to the right time, by `now`."""

    def call_at(self, when: float, function: Callable[..., Any], *arguments: Any) -> Call:
        """Call `function(*arguments)` at virtual second `when` (the past means now)."""
        call = Call(self, function, arguments)
        entry: Any = (max(when, self._now), NORMAL, next(self._eid), call)
        heappush(self._queue, entry)
        return call

    def call_later(self, delay: float, function: Callable[..., Any], *arguments: Any) -> Call:
        """Call `function(*arguments)` after `delay` virtual seconds."""
        return self.call_at(self._now + delay, function, *arguments)

    def advance_to(self, when: float) -> None:
        """Set the clock to an absolute moment without processing anything. Never goes back."""
        if when > self._now:
            self._now = when

    def step(self) -> None:
        """Process the next call or SimPy event.

        Raises whatever the callback raised; `simpy.core.EmptySchedule` when nothing is left.
        """
        if not self._queue:
            raise EmptySchedule
        event: Any = self._queue[0][3]
        if event.__class__ is not Call:
            super().step()
            return
        when = heappop(self._queue)[0]
        if event.function is None:
            self._cancelled -= 1
            return
        self._now = when
        function = event.function
        event.function = None
        function(*event.arguments)

    def next_event_time(self) -> float:
        """When the next call or event is due, in virtual seconds; infinity if there is none.

        Cancelled calls at the head are dropped on the way, so time never jumps to one of them.
        """
        queue = self._queue
        while queue:
            event: Any = queue[0][3]
            if event.__class__ is Call and event.function is None:
                heappop(queue)
                self._cancelled -= 1
                continue
            return queue[0][0]
        return float("inf")

    def _note_cancelled(self) -> None:
        self._cancelled += 1
        if self._cancelled > _SWEEP_FROM and self._cancelled * 2 > len(self._queue):
            # In place: the loop holds a reference to this list.
            self._queue[:] = [entry for entry in self._queue if not _is_dead(entry[3])]
            heapify(self._queue)
            self._cancelled = 0


def _is_dead(event: Any) -> bool:
    return event.__class__ is Call and event.function is None
