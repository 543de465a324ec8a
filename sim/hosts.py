"""A machine of the world: a server, a push service, a phone or a person's computer.

A host has a name, an address, a link to the network, listening ports and connections. Code
belongs to a host by its context: what `Host.start()` starts, and everything started from there,
opens its sockets on this host.

Light on purpose: ten thousand phones are ten thousand hosts. The context is made when it is
first needed.
"""

import asyncio
import contextvars
import ssl
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

import simpy

from sim.kernel.context import current_host
from sim.net.links import Link
from sim.net.listener import ANY_ADDRESS
from sim.net.network import Network
from sim.net.tls_protocol import wrap_in_tls
from sim.net.transport import SimTransport

if TYPE_CHECKING:
    from sim.kernel.environment import SimEnvironment
    from sim.net.listener import SimServer
    from sim.trace.recorder import Recorder

_FIRST_EPHEMERAL_PORT = 49_152
_LAST_PORT = 65_535


class Host:
    """See the module. Made by `World.host()`."""

    __slots__ = (
        "_context",
        "_next_port",
        "address",
        "connections",
        "link",
        "listeners",
        "name",
        "network",
        "online",
    )

    def __init__(self, name: str, network: Network, link: Link) -> None:
        self.name = name
        self.network = network
        self.link = link
        self.online = True
        self.listeners: dict[int, list[tuple[str, SimServer]]] = {}
        self.connections: dict[int, SimTransport] = {}
        self._next_port = _FIRST_EPHEMERAL_PORT
        self._context: contextvars.Context | None = None
        self.address = network.add(self)

    def __repr__(self) -> str:
        state = "online" if self.online else "offline"
        return f"<Host {self.name} {self.address} {state}>"

    @property
    def env(self) -> "SimEnvironment":
        """The world's SimPy environment."""
        return self.network.environment

    @property
    def trace(self) -> "Recorder":
        """The world's recorder."""
        return self.network.trace

    @property
    def context(self) -> contextvars.Context:
        """The context in which this host's code runs."""
        if self._context is None:
            self._context = contextvars.Context()
            self._context.run(current_host.set, self)
        return self._context

    def start(self, main: Callable[[], Coroutine[Any, Any, Any]]) -> "asyncio.Task[Any]":
        """Run a coroutine on this host and return its task."""
        context = self.context.copy()
        return context.run(lambda: self.network.loop.create_task(main()))

    def connect(
        self,
        host: str,
        port: int,
        protocol_factory: Callable[[], asyncio.BaseProtocol],
        *,
        tls: ssl.SSLContext | None = None,
        server_hostname: str | None = None,
    ) -> simpy.Event:
        """Open a connection without a task: for devices.

        The event's value is (transport, protocol) as from `loop.create_connection`. It fails
        with an `OSError`: `ConnectionRefusedError`, `TimeoutError`, `socket.gaierror` (unknown
        name), `ssl.SSLError`. Callbacks of the protocol run directly from the network, in no
        host's context.
        """
        event = self.env.event()
        network = self.network

        def dialled(transport: SimTransport | None, error: OSError | None) -> None:
            if transport is None:
                assert error is not None
                event.fail(error)
            elif tls is None:
                protocol = protocol_factory()
                transport.attach(protocol, None)
                event.succeed((transport, protocol))
            else:
                begin_tls(transport, tls)

        def begin_tls(transport: SimTransport, tls: ssl.SSLContext) -> None:
            protocol = protocol_factory()
            waiter = network.loop.create_future()
            secured = wrap_in_tls(
                network.loop, protocol, tls, waiter, server_hostname=server_hostname or host
            )

            def shaken_hands(waiter: "asyncio.Future[Any]") -> None:
                error = waiter.exception()
                if error is None:
                    event.succeed((secured._app_transport, protocol))
                else:
                    transport.close()
                    assert isinstance(error, Exception)
                    event.fail(error)

            waiter.add_done_callback(shaken_hands)
            transport.attach(secured, None)

        try:
            network.dial(self, host, port, dialled)
        except OSError as error:
            event.fail(error)
        return event

    def disconnect(self) -> None:
        """Take the host off the network: nothing arrives, nothing leaves, nobody is told."""
        self.online = False

    def reconnect(self) -> None:
        """Put it back: connections that both ends still have go on with their retransmissions."""
        self.online = True

    def listener(self, port: int, dialled: str) -> "SimServer | None":
        """Who listens on the port at the address that was dialled."""
        for address, server in self.listeners.get(port, ()):
            if address in (ANY_ADDRESS, dialled):
                return server
        return None

    def ephemeral_port(self) -> int:
        """The next local port for an outgoing connection, counting up and around."""
        port = self._next_port
        self._next_port = port + 1 if port < _LAST_PORT else _FIRST_EPHEMERAL_PORT
        return port
