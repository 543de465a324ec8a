"""The pushes that wait for one push service of one application.

Memory is bounded: only the oldest part of a long backlog is held here, the rest stays in the
outbox until there is room. A gateway that starts finds all its old pushes the same way: a new
backlog assumes that there is more in the outbox than in memory.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable

from server.airnotifier.push import Push

CAPACITY = 20_000
"""Pushes in memory, about 1 KiB each."""
PAGE = 5_000
"""Pushes read from the outbox at a time."""

READ_AGAIN = 5.0
"""Seconds until the outbox is read again after the database refused."""

Load = Callable[[int, int], Awaitable[list[Push]]]
"""load(after, limit): the stored pushes with numbers above `after`, oldest first."""


class Backlog:
    """A queue in the order of acceptance, with a way to put back what has to be sent again."""

    def __init__(self, name: str, load: Load, on_arrival: Callable[[], None]) -> None:
        self.name = name
        self._load = load
        self._on_arrival = on_arrival
        self._queue: deque[Push] = deque()
        self._last = 0  # the highest number that was ever in memory
        self._more_stored = True
        self._arrived_meanwhile = False
        self._loading: asyncio.Task[None] | None = None
        self._again: asyncio.TimerHandle | None = None
        self._closed = False

    def __len__(self) -> int:
        return len(self._queue)

    def start(self) -> None:
        """Begin to read what an earlier process left in the outbox."""
        self._refill()

    def append(self, pushes: Iterable[Push]) -> None:
        """Take pushes that were just committed, in the order of their numbers."""
        if self._more_stored or len(self._queue) >= CAPACITY:
            # They are in the outbox, behind others that are not in memory yet.
            self._more_stored = True
            self._arrived_meanwhile = True
            self._refill()
            return
        self._queue.extend(pushes)
        if self._queue:
            self._last = max(self._last, self._queue[-1].id)
        self._on_arrival()

    def put_back(self, pushes: list[Push]) -> None:
        """Return pushes to the front, keeping their order. Does not announce them."""
        self._queue.extendleft(reversed(pushes))

    def peek(self) -> Push | None:
        """The next push, left in its place."""
        return self._queue[0] if self._queue else None

    def pop(self) -> Push:
        """Take the next push. There has to be one."""
        push = self._queue.popleft()
        if self._more_stored and len(self._queue) < CAPACITY // 2:
            self._refill()
        return push

    async def close(self) -> None:
        """Stop reading. What is in memory is in the outbox as well."""
        self._closed = True
        if self._again is not None:
            self._again.cancel()
        if self._loading is not None:
            self._loading.cancel()
            await asyncio.wait([self._loading])

    def _refill(self) -> None:
        if self._loading is None and not self._closed and len(self._queue) < CAPACITY // 2:
            loop = asyncio.get_running_loop()
            self._loading = loop.create_task(self._read(), name=f"airnotifier-read:{self.name}")
            self._loading.add_done_callback(self._report)

    async def _read(self) -> None:
        try:
            while self._more_stored and len(self._queue) < CAPACITY:
                self._arrived_meanwhile = False
                pushes = await self._load(self._last, PAGE)
                self._more_stored = len(pushes) == PAGE or self._arrived_meanwhile
                if pushes:
                    self._queue.extend(pushes)
                    self._last = pushes[-1].id
                    self._on_arrival()
        finally:
            self._loading = None

    def _report(self, task: "asyncio.Task[None]") -> None:
        """A failed read is tried again after a while, and at the next arrival or departure."""
        if not task.cancelled() and (error := task.exception()) is not None:
            loop = asyncio.get_running_loop()
            loop.call_exception_handler(
                {"message": "the outbox was not read", "exception": error, "task": task}
            )
            if self._again is not None:
                self._again.cancel()
            self._again = loop.call_later(READ_AGAIN, self._refill)
