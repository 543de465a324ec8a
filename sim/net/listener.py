"""A listening port, as the object that `loop.create_server()` returns."""

import asyncio
import errno
import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sim.net.tls_protocol import wrap_in_tls

if TYPE_CHECKING:
    from sim.hosts import Host
    from sim.net.transport import SimTransport

ANY_ADDRESS = "0.0.0.0"


class BoundSocket:
    """What `Server.sockets` shows of a listening socket: its name."""

    def __init__(self, address: str, port: int) -> None:
        self._name = (address, port)

    def getsockname(self) -> tuple[str, int]:
        """(address, port)."""
        return self._name


class SimServer(asyncio.AbstractServer):
    """Listens on (address, port) pairs of a host and gives every connection a protocol."""

    def __init__(
        self,
        host: "Host",
        protocol_factory: Callable[[], asyncio.BaseProtocol],
        addresses: list[tuple[str, int]],
        *,
        tls: ssl.SSLContext | None,
        handshake_timeout: float | None,
        shutdown_timeout: float | None,
    ) -> None:
        self._host = host
        self._protocol_factory = protocol_factory
        self._addresses = addresses
        self._tls = tls
        self._handshake_timeout = handshake_timeout
        self._shutdown_timeout = shutdown_timeout
        self._open: dict[int, SimTransport] = {}
        self._serving = False
        self._closed = False
        self._waiters: list[asyncio.Future[None]] = []
        self._forever: asyncio.Future[None] | None = None

    def accept(self, transport: "SimTransport") -> None:
        """A connection was established: make a protocol for it."""
        self._open[transport.number] = transport
        transport.on_gone = self._gone
        protocol = self._host.context.run(self._protocol_factory)
        if self._tls is not None:
            protocol = self._host.context.run(self._wrap_in_tls, protocol)
        transport.attach(protocol, self._host.context)

    def _wrap_in_tls(self, protocol: asyncio.BaseProtocol) -> asyncio.BaseProtocol:
        assert self._tls is not None
        return wrap_in_tls(
            self._host.network.loop,
            protocol,
            self._tls,
            None,
            server_side=True,
            handshake_timeout=self._handshake_timeout,
            shutdown_timeout=self._shutdown_timeout,
        )

    def _gone(self, transport: "SimTransport") -> None:
        del self._open[transport.number]
        if self._closed and not self._open:
            self._wake()

    def _wake(self) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    @property
    def sockets(self) -> tuple[BoundSocket, ...]:
        """The listening sockets; empty once closed."""
        if self._closed:
            return ()
        return tuple(BoundSocket(address, port) for address, port in self._addresses)

    def get_loop(self) -> asyncio.AbstractEventLoop:
        return self._host.network.loop

    def is_serving(self) -> bool:
        return self._serving

    def bind(self) -> None:
        """Occupy the ports. `OSError` (EADDRINUSE) if one is taken; then none is."""
        listeners = self._host.listeners
        for address, port in self._addresses:
            for taken, _server in listeners.get(port, ()):
                if taken == address or ANY_ADDRESS in (taken, address):
                    raise OSError(
                        errno.EADDRINUSE,
                        f"{self._host.name}: address ({address!r}, {port}) is already in use",
                    )
        bound = dict(listeners)
        for address, port in self._addresses:
            bound[port] = (*bound.get(port, ()), (address, self))
        self._host.listeners = bound

    async def start_serving(self) -> None:
        self._serving = not self._closed

    async def serve_forever(self) -> None:
        """Serve until cancelled, then close. Who closes it meanwhile cancels this."""
        if self._forever is not None:
            raise RuntimeError(f"server {self!r} is already being awaited on serve_forever()")
        if self._closed:
            raise RuntimeError(f"server {self!r} is closed")
        await self.start_serving()
        self._forever = self._host.network.loop.create_future()
        try:
            await self._forever
        finally:
            self._forever = None
            self.close()
            await self.wait_closed()

    def close(self) -> None:
        """Stop listening. Established connections go on."""
        if self._closed:
            return
        self._closed = True
        self._serving = False
        if self._forever is not None:
            self._forever.cancel()
        left = dict(self._host.listeners)
        for _address, port in self._addresses:
            left[port] = tuple(entry for entry in left[port] if entry[1] is not self)
        self._host.listeners = {port: entries for port, entries in left.items() if entries}
        if not self._open:
            self._wake()

    def close_clients(self) -> None:
        """Close all established connections (Python 3.13)."""
        for transport in list(self._open.values()):
            transport.close()

    def abort_clients(self) -> None:
        """Reset all established connections (Python 3.13)."""
        for transport in list(self._open.values()):
            transport.abort()

    async def wait_closed(self) -> None:
        """Wait until it is closed and all connections are gone (as Python 3.12 does)."""
        if self._closed and not self._open:
            return
        waiter: asyncio.Future[Any] = self._host.network.loop.create_future()
        self._waiters.append(waiter)
        await waiter
