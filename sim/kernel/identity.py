"""Hashes by order of creation, for objects whose default hash is their memory address.

Sets of such objects are iterated in an order that differs from process to process, and that
order decides things: which connection is closed first, which task of a group is cancelled first,
what comes first out of the `done` set of `asyncio.wait`. Here tasks and futures get a number
when they are made; classes of other people get one at their first hash, which comes at a moment
the world decides.
"""

import asyncio
from collections.abc import Coroutine
from contextvars import Context
from itertools import count
from typing import Any

from sim.kernel.context import current_life

_numbers = count(1)

# Spreads consecutive numbers over a set's slots and keeps the result a positive machine word.
_MULTIPLIER = 0x9E3779B97F4A7C15
_MASK = (1 << 61) - 2


def restart_numbers() -> None:
    """Begin again at 1, so that a second world in the same process equals the first."""
    global _numbers
    _numbers = count(1)


class NumberedFuture(asyncio.Future[Any]):
    """A future whose hash is its creation number."""

    __slots__ = ("number",)

    def __init__(self, *, loop: asyncio.AbstractEventLoop | None = None) -> None:
        super().__init__(loop=loop)
        self.number = next(_numbers)

    def __hash__(self) -> int:
        return (self.number * _MULTIPLIER) & _MASK


class NumberedTask(asyncio.Task[Any]):
    """A task whose hash is its creation number. Takes what `asyncio.Task` takes.

    It is never eager: on Python 3.12 and later aiohttp asks for tasks that run before their maker
    goes on. On 3.11 there are none, and the same seed must give the same order on both.
    """

    __slots__ = ("life", "number")

    def __init__(
        self,
        coro: Coroutine[Any, Any, Any],
        *,
        loop: asyncio.AbstractEventLoop | None = None,
        name: str | None = None,
        context: Context | None = None,
        eager_start: bool = False,
    ) -> None:
        self.life = current_life.get(None) if context is None else context.get(current_life)
        self.number = next(_numbers)  # now: asyncio hashes a task while making it
        super().__init__(coro, loop=loop, name=name, context=context)

    def __hash__(self) -> int:
        return (self.number * _MULTIPLIER) & _MASK


def numbered_hash(instance: Any) -> int:
    """A `__hash__` for classes of other people: numbers the instance at its first hash."""
    try:
        number: int = instance._creation_number
    except AttributeError:
        number = instance._creation_number = next(_numbers)
    return (number * _MULTIPLIER) & _MASK
