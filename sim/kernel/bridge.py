"""Crossing between the two ways to wait: SimPy events and asyncio futures.

A SimPy process may `yield as_event(env, task)`; a coroutine may `await as_future(loop, event)`.
"""

import asyncio
from collections.abc import Awaitable
from typing import Any

import simpy


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
        if not future.done():
            future.set_exception(error)

    if event.processed:
        happened(event)
    else:
        event.callbacks.append(happened)
    return future
