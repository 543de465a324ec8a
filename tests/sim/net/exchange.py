"""Helpers of the tests in this folder: two hosts with a connection between them, and what each end
was told.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from sim.hosts import Host
from sim.net.links import Link
from sim.world import World

LATENCY = 0.05
"""Of a path between two hosts of these tests, one way."""


class Told(asyncio.Protocol):
    """Remembers what it was told, and when."""

    def __init__(self, world: World, *, keep_open: bool = False) -> None:
        self.world = world
        self.keep_open = keep_open
        self.arrivals: list[tuple[float, bytes]] = []
        self.ended_at: float | None = None
        self.lost_at: float | None = None
        self.error: BaseException | None = None
        self.transport: Any = None

    @property
    def received(self) -> bytes:
        return b"".join(data for _, data in self.arrivals)

    @property
    def errno(self) -> int | None:
        """The errno with which the connection was lost."""
        return self.error.errno if isinstance(self.error, OSError) else None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.arrivals.append((self.world.env.now, data))

    def eof_received(self) -> bool:
        assert self.ended_at is None
        self.ended_at = self.world.env.now
        return self.keep_open

    def connection_lost(self, exc: BaseException | None) -> None:
        assert self.lost_at is None
        self.lost_at = self.world.env.now
        self.error = exc


class Exchange:
    """A world with the hosts "client" and "server", which listens on port 80.

    `dial()` connects them; `client` and `server` are the ends of the last connection.
    """

    def __init__(self, world: World, *, keep_open: bool = False, link: Link | None = None) -> None:
        self.world = world
        self.keep_open = keep_open
        link = link or Link(latency=LATENCY / 2)
        self.client_host = world.host("client", link=link)
        self.server_host = world.host("server", link=link)
        self.client: Told
        self.server: Told
        self.listen()

    def listen(self) -> None:
        """Listen on port 80."""

        async def serve() -> None:
            await asyncio.get_running_loop().create_server(self._accept, port=80)

        self.server_host.start(serve)
        self.wait(0.001)

    def _accept(self) -> Told:
        self.server = Told(self.world, keep_open=self.keep_open)
        return self.server

    def dial(self, *, wait: float = 1.0, before: Callable[[Any], None] | None = None) -> None:
        """Connect, from a protocol without a task; `before` gets the client's socket."""
        self.client = Told(self.world, keep_open=self.keep_open)
        event = self.client_host.connect("server", 80, lambda: self.client)
        event.defused = True
        self.dialled = event
        self.wait(wait)

    def wait(self, seconds: float) -> None:
        """Let virtual time pass."""
        self.world.run_until(self.world.env.now + seconds)

    def socket(self, end: Told) -> Any:
        """The socket under an end, to set options on."""
        return end.transport.get_extra_info("socket")


def host_of(end: Told) -> Host:
    """The host of an end."""
    host: Host = end.transport.host
    return host
