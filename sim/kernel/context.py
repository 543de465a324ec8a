"""Which host the running code belongs to, and in which of the host's lives.

The host is read from the context, not from the task: since Python 3.12 libraries make eager tasks
without asking the loop, but a context is inherited by everything that is started from it.
"""

import asyncio
from contextvars import ContextVar
from enum import Enum
from typing import Any
from weakref import WeakSet


class LifeState(Enum):
    """Whether the code of a life runs."""

    RUNNING = "running"
    PAUSED = "paused"
    OVER = "over"


class Life:
    """A host between power on and power off. The loop runs its code only while it is running."""

    __slots__ = ("generators", "kept", "locked", "parked", "state")

    def __init__(self) -> None:
        self.state = LifeState.RUNNING
        self.parked: list[asyncio.Handle] = []
        """Callbacks whose turn has come while it was not running."""
        self.kept: list[Any] = []
        """What a life that is over leaves behind. It is kept until the world ends: a coroutine that
        is collected runs its `finally` blocks.
        """
        self.generators: WeakSet[Any] = WeakSet()
        """Asynchronous generators that its code has begun."""
        self.locked: list[Any] = []
        """Files on which its code asked for a lock (`fcntl.flock`)."""

    def end_locks(self) -> None:
        """What the kernel does when processes end: their files are closed, which ends the locks."""
        for file in self.locked:
            file.close()
        self.locked.clear()


current_host: ContextVar[Any] = ContextVar("current_host")
"""The `sim.hosts.Host` whose code is running. Unset outside any host."""

current_life: ContextVar[Life] = ContextVar("current_life")
"""The life of that host to which the code belongs."""
