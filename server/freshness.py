"""What a process keeps in memory of a database that other processes change, never older than a
second.

The database has a version, which each change raises. It is asked for when a request comes and the
last look is a second old: a change counts from then on in every process, a process at rest asks
nothing, and a request does not pay for a look of its own.
"""

import asyncio
from collections.abc import Awaitable, Callable

from server import clock

FRESH = 0.9
"""Seconds from one look to the next. A change counts within a second, with the look's own time."""


class Freshness:
    """See the module. `look` compares the version and takes over what changed."""

    def __init__(self, look: Callable[[], Awaitable[None]], name: str) -> None:
        self._look = look
        self._name = name
        self._looked = 0.0
        self._looking: asyncio.Task[None] | None = None

    def taken(self) -> None:
        """What is in memory was read just now."""
        self._looked = clock.monotonic()

    async def refresh(self) -> None:
        """Take over what was changed. Raises what `look` raises: SQLAlchemyError."""
        if clock.monotonic() - self._looked < FRESH:
            return
        if self._looking is None:
            self._looking = asyncio.get_running_loop().create_task(self._ask(), name=self._name)
            self._looking.add_done_callback(_heard)
        # A caller that goes away leaves the look to the others.
        await asyncio.shield(self._looking)

    async def close(self) -> None:
        """Wait for a look that is under way."""
        if self._looking is not None:
            await asyncio.wait([self._looking])

    async def _ask(self) -> None:
        try:
            looked = clock.monotonic()
            await self._look()
            self._looked = looked
        finally:
            self._looking = None


def _heard(look: asyncio.Task[None]) -> None:
    """Its error is for the callers that wait for it; they may have gone away."""
    if not look.cancelled():
        look.exception()
