"""A protocol that writes down its callbacks, and a connected pair of two of them."""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

MORE_THAN_BUFFERS_HOLD = 24 * 1024 * 1024
"""Bytes that neither the simulated window nor the kernel's socket buffers can take in."""

_LINGER_ZERO = struct.pack("ii", 1, 0)


class Witness(asyncio.Protocol):
    """A protocol that writes down its callbacks; runs of `data_received` become one entry."""

    def __init__(self, *, keep_open: bool = False) -> None:
        self.log: list[str] = []
        self.received = bytearray()
        self.error: BaseException | None = None
        self.keep_open = keep_open
        self.transport: Any = None
        self._waiters: list[tuple[Callable[[], bool], asyncio.Future[None]]] = []

    def note(self, entry: str) -> None:
        self.log.append(entry)
        for condition, waiter in self._waiters:
            if not waiter.done() and condition():
                waiter.set_result(None)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for a callback after which the condition holds."""
        if not condition():
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiters.append((condition, waiter))
            await waiter

    async def until_lost(self) -> None:
        await self.until(lambda: "lost" in self.log)

    async def until_received(self, size: int) -> None:
        await self.until(lambda: len(self.received) >= size)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.note("made")

    def data_received(self, data: bytes) -> None:
        self.received += data
        if self.log[-1] == "data":
            self.log.pop()
        self.note("data")

    def eof_received(self) -> bool:
        self.note("eof")
        return self.keep_open

    def pause_writing(self) -> None:
        self.note("pause")

    def resume_writing(self) -> None:
        self.note("resume")

    def connection_lost(self, exc: BaseException | None) -> None:
        self.error = exc
        self.note("lost")


class BufferedWitness(Witness, asyncio.BufferedProtocol):
    """The same with a buffer of its own, smaller than what is sent."""

    def __init__(self) -> None:
        super().__init__()
        self._buffer = bytearray(1000)

    def get_buffer(self, sizehint: int) -> bytearray:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        super().data_received(bytes(self._buffer[:nbytes]))


@dataclass
class Pair:
    """Both ends of a connection. `settle()` returns when whatever is under way has arrived."""

    client: Any
    server: Any
    settle: Callable[[], Awaitable[None]]


MakePair = Callable[[Witness, Witness], AbstractAsyncContextManager[Pair]]
"""From the protocols of the client and the server to an open connection between them."""


def reset_on_abort(witness: Witness) -> None:
    witness.transport.get_extra_info("socket").setsockopt(
        socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO
    )
