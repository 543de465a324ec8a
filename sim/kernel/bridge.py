"""Crossing between the two ways to wait: SimPy events and asyncio futures.

A SimPy process may `yield as_event(env, task)`; a coroutine may `await as_future(loop, event)`.

In a simulated world the loop's clock is the environment. In a live world it is the other way
round: the loop is an ordinary one, and a `ClockDrive` lets the environment follow its clock.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import simpy

from sim.kernel.environment import SimEnvironment

_STEPS_IN_A_ROW = 500
"""Events processed before the loop may look at its sockets again."""


def as_event(env: simpy.Environment, awaitable: Awaitable[Any]) -> simpy.Event:
    """A SimPy event that happens when the future, task or coroutine is done.

    It carries the result, or fails with the exception. A cancelled future fails it with
    `asyncio.CancelledError` wrapped in `RuntimeError`, because SimPy events carry `Exception`s
    only.
    """
    event = env.event()

    def done(future: "asyncio.Future[Any]") -> None:
        if future.cancelled():
            event.fail(RuntimeError("the awaited task was cancelled"))
        elif (error := future.exception()) is None:
            event.succeed(future.result())
        elif isinstance(error, Exception):
            event.fail(error)
        else:
            raise error

    asyncio.ensure_future(awaitable).add_done_callback(done)
    return event


def as_future(loop: asyncio.AbstractEventLoop, event: simpy.Event) -> "asyncio.Future[Any]":
    """A future that is done when the SimPy event (or process) is; raises what the event failed
    with.
    """
    future = loop.create_future()

    def happened(event: simpy.Event) -> None:
        if event.ok:
            if not future.done():
                future.set_result(event.value)
            return
        event.defused = True
        error: Any = event.value
        if not isinstance(error, Exception):
            raise error  # an interrupt: whoever runs the loop would not see it in a future
        if not future.done():
            future.set_exception(error)

    if event.processed:
        happened(event)
    else:
        event.callbacks.append(happened)
    return future


class ClockDrive:
    """Processes a SimPy environment's events when the wall clock reaches them.

    `clock` gives the environment's time in wall seconds; between events nothing of this runs: one
    timer of the loop waits for the earliest event, and `scheduled()` moves it forward when an
    earlier one comes up. What an event's callbacks raise goes to `failed`.
    """

    def __init__(
        self,
        environment: SimEnvironment,
        loop: asyncio.AbstractEventLoop,
        clock: Callable[[], float],
        failed: Callable[[Exception], None],
    ) -> None:
        self._environment = environment
        self._loop = loop
        self._clock = clock
        self._failed = failed
        self._timer: asyncio.Handle | None = None
        self._due = float("inf")
        self._stepping = False

    def scheduled(self, when: float) -> None:
        """There is an event at environment second `when`."""
        if when < self._due and not self._stepping:
            self._wait_until(when)

    def stop(self) -> None:
        """Process nothing any more."""
        self._stepping = True
        if self._timer is not None:
            self._timer.cancel()

    def _wait_until(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._due = when
        delay = when - self._clock()
        if delay <= 0:
            self._timer = self._loop.call_soon(self._step)
        else:
            self._timer = self._loop.call_later(delay, self._step)

    def _step(self) -> None:
        environment = self._environment
        self._timer, self._stepping = None, True
        now = self._clock()
        try:
            for _ in range(_STEPS_IN_A_ROW):
                if environment.next_event_time() > now:
                    break
                environment.step()
        except Exception as error:
            self._failed(error)
        finally:
            self._stepping = False
        self._due = float("inf")
        following = environment.next_event_time()
        if following < self._due:
            self._wait_until(following)
