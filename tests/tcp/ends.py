"""What the small programs about TCP are made of: an end of a connection that notes what happens to
it and when, and the network that they run in.
"""

import asyncio
import errno
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

PORT = 7000

Direction = Literal["both", "upstream", "downstream"]
"""Upstream is from the client to the server."""

Option = tuple[int, int, Any]
"""Level, name and value of a socket option."""


class Net(Protocol):
    """A client and a server, each on a machine of its own, and what can happen between them.

    Simulated (`simulated.py`) or the kernel's (`kernel.py`).
    """

    async def listen(self, factory: Callable[[], "End"]) -> None:
        """Listen on the server's PORT."""

    async def dial(self, end: "End", options: tuple[Option, ...]) -> None:
        """Connect the client to the server's PORT, with socket options. OSError."""

    async def silence(self, direction: Direction = "both") -> None:
        """From now on nothing passes, and nobody is told."""

    async def heal(self) -> None:
        """Everything passes again."""

    async def cut_power(self, end: "End") -> None:
        """The server, whose end of the connection this is, forgets everything and is off."""

    async def boot(self) -> None:
        """It is on again; nothing runs on it."""

    async def move(self) -> None:
        """The client gets another address."""


class End(asyncio.Protocol):
    """One end of a connection. Times in seconds of the running loop."""

    def __init__(self, *, keep_open: bool = False, paused: bool = False) -> None:
        self.events: list[tuple[str, float]] = []
        self.received = 0
        self.error: BaseException | None = None
        self.transport: Any = None
        self._keep_open = keep_open
        self._paused = paused
        self._waiters: list[tuple[Callable[[], bool], asyncio.Future[None]]] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        if self._paused:
            # Python 3.11 forgets a pause in connection_made().
            asyncio.get_running_loop().call_soon(self.transport.pause_reading)
        self._note("made")

    def data_received(self, data: bytes) -> None:
        self.received += len(data)
        self._note("data")

    def eof_received(self) -> bool:
        self._note("eof")
        return self._keep_open

    def pause_writing(self) -> None:
        self._note("pause")

    def resume_writing(self) -> None:
        self._note("resume")

    def connection_lost(self, exc: BaseException | None) -> None:
        self.error = exc
        self._note("lost")

    def _note(self, event: str) -> None:
        self.events.append((event, asyncio.get_running_loop().time()))
        for condition, waiter in self._waiters:
            if not waiter.done() and condition():
                waiter.set_result(None)

    def has(self, event: str) -> bool:
        return any(name == event for name, _ in self.events)

    async def until(self, event: str, count: int = 1) -> None:
        await self.until_true(lambda: [n for n, _ in self.events].count(event) >= count)

    async def until_received(self, size: int) -> None:
        await self.until_true(lambda: self.received >= size)

    async def until_true(self, condition: Callable[[], bool]) -> None:
        if not condition():
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiters.append((condition, waiter))
            await waiter

    @property
    def ending(self) -> str:
        """How it was lost, by the name of the error; `open` if it was not."""
        return name_of(self.error) if self.has("lost") else "open"


def name_of(error: BaseException | None) -> str:
    """As `ETIMEDOUT`; `closed` for none."""
    if error is None:
        return "closed"
    if isinstance(error, OSError) and error.errno is not None:
        return errno.errorcode[error.errno]
    return type(error).__name__


@dataclass
class Report:
    """What a program found, in words, each with seconds if the time matters."""

    found: list[tuple[str, float | None]] = field(default_factory=list)

    def say(self, words: str, seconds: float | None = None) -> None:
        self.found.append((words, seconds))

    def __str__(self) -> str:
        return "; ".join(
            words if seconds is None else f"{words} {seconds:.1f} s"
            for words, seconds in self.found
        )


Body = Callable[[Net, Report], Awaitable[None]]
