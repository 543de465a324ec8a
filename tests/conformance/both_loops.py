"""The same coroutine in a simulated world and on asyncio over loopback sockets.

What it is given, a `Place`, is all that differs: how to wait until nothing moves, and how small a
real socket's buffers have to be made to be of the order of a simulated window. What it returns is
compared by who calls. Certificates are one authority's in both arms.
"""

import asyncio
import contextlib
import functools
import socket
import ssl
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from sim.hosts import Host
from sim.kernel.seeds import Seeds
from sim.net.tls import CertificateAuthority
from sim.world import World

HOST = "127.0.0.1"
SERVER_NAME = "peer.test"

_RECEIVE_BUFFER = 128 * 1024
_SEND_BUFFER = 64 * 1024
"""Linux doubles both; the two together then hold about what a simulated window does."""

T = TypeVar("T")
Main = Callable[["Place"], Awaitable[Any]]


class Place:
    """Where a program runs: in a world, with a host for its servers, or on this machine."""

    def __init__(self, server: Host | None = None, patience: float = 1.0) -> None:
        self._server = server
        self._patience = patience
        """Factor on the real time that must pass without a change before it counts as quiet."""
        self.address = HOST if server is None else server.address

    @property
    def simulated(self) -> bool:
        return self._server is not None

    async def on_server(self, main: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run a part of the program where servers are."""
        if self._server is None:
            return await main()
        result: T = await self._server.start(main)
        return result

    async def quiet(self, activity: Callable[[], object] = lambda: None) -> None:
        """Return when whatever is under way has arrived and been dealt with.

        A world lets a second pass. The kernel's loopback delivers within send(), or a
        moment later on a busy machine: wait until `activity()` stays what it is.
        """
        if self.simulated:
            await asyncio.sleep(1)
            return
        unchanged = 0
        last = activity()
        while unchanged < 3:
            for _ in range(8):
                await asyncio.sleep(0)
            await asyncio.sleep(0.0004 * self._patience)
            now = activity()
            unchanged = unchanged + 1 if now == last else 0
            last = now

    async def listen(
        self, factory: Callable[[], asyncio.BaseProtocol], **options: Any
    ) -> tuple[asyncio.AbstractServer, int]:
        """A server on a free port, and the port."""
        loop = asyncio.get_running_loop()
        if self.simulated:
            server = await self.on_server(
                lambda: loop.create_server(factory, self.address, 0, **options)
            )
        else:
            listening = _small_socket()
            listening.bind((HOST, 0))
            server = await loop.create_server(factory, sock=listening, **options)
        return server, server.sockets[0].getsockname()[1]

    async def connect(
        self, factory: Callable[[], asyncio.BaseProtocol], port: int, **options: Any
    ) -> tuple[asyncio.BaseTransport, asyncio.BaseProtocol]:
        """A connection to a port of this place."""
        loop = asyncio.get_running_loop()
        if self.simulated:
            return await loop.create_connection(factory, self.address, port, **options)
        sock = _small_socket()
        await loop.sock_connect(sock, (HOST, port))
        return await loop.create_connection(factory, sock=sock, **options)


def _small_socket() -> socket.socket:
    # asyncio turns Nagle's algorithm off only if it sees that the protocol is TCP.
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sock.setblocking(False)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
    return sock


def in_a_world(main: Main) -> Any:
    """Run it in a world of its own; the outcome."""
    with World(seed=1) as world:
        return world.run(lambda: main(Place(world.host("server"))))


def on_loopback(main: Main, patience: float = 1.0) -> Any:
    """Run it on asyncio and real sockets; the outcome."""

    async def run() -> Any:
        return await main(Place(patience=patience))

    return asyncio.run(run())


@functools.cache
def _contexts() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    with contextlib.closing(CertificateAuthority(Seeds(1))) as authority:
        certificate = authority.issue(SERVER_NAME, names=[SERVER_NAME, HOST])
        return authority.server_context(certificate), authority.client_context()


def server_tls() -> ssl.SSLContext:
    """For a server called `SERVER_NAME`."""
    return _contexts()[0]


def client_tls() -> ssl.SSLContext:
    """For a client that trusts it."""
    return _contexts()[1]
