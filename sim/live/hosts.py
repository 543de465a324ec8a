"""A machine of the live world: a name, a link, ports, and connections through this process.

Surface and meaning are those of `sim.hosts.Host`, as far as scenarios, phones and push services use
them. Two kinds of hosts differ in where their code runs only: phones, browsers and push services in
this process, servers in processes of their own.
"""

import asyncio
import contextvars
import os
import signal
import socket
import ssl
from asyncio import sslproto
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Literal

import simpy

from sim.kernel.context import current_host
from sim.live.dial import dial
from sim.live.ends import LocalEnd
from sim.live.proxy import LOOPBACK
from sim.live.surroundings import Surroundings
from sim.net.links import Link

if TYPE_CHECKING:
    from sim.kernel.environment import SimEnvironment
    from sim.live.lane import Lane
    from sim.live.network import LiveNetwork
    from sim.trace.recorder import Recorder

RealAddress = tuple[str, int]
"""Address and port of a real socket."""


class LiveHost:
    """See the module. Made by `LiveWorld.host()`."""

    def __init__(
        self, name: str, network: "LiveNetwork", link: Link, *, surrounded: bool = False
    ) -> None:
        self.name = name
        self.address = LOOPBACK
        self.network = network
        self.link = link
        self.online = True
        self.listeners: dict[int, RealAddress] = {}
        """Port of the scenario's world -> where the real socket listens."""
        self.connections: dict[int, Lane] = {}
        """This host's ends of open connections, by number."""
        self.state: Literal["running", "paused", "off"] = "running"
        self.surroundings = Surroundings(self) if surrounded else None
        """Its process asks us for names and for the time."""
        self._process: int | None = None
        self._context: contextvars.Context | None = None
        network.link_given(link)

    def __repr__(self) -> str:
        return f"<LiveHost {self.name} {self.state} {'online' if self.online else 'offline'}>"

    @property
    def env(self) -> "SimEnvironment":
        """The world's SimPy environment, driven by the wall clock."""
        return self.network.environment

    @property
    def trace(self) -> "Recorder":
        """The world's recorder."""
        return self.network.trace

    def start(self, main: Callable[[], Coroutine[Any, Any, Any]]) -> "asyncio.Task[Any]":
        """Run a coroutine of this host and return its task."""
        if self._context is None:
            self._context = contextvars.Context()
            self._context.run(current_host.set, self)
        return self._context.copy().run(lambda: self.network.loop.create_task(main()))

    def listens(self, port: int, address: str, real_port: int) -> None:
        """What is dialled as this host's `port` is answered by that real socket."""
        self.listeners[port] = (address, real_port)

    def move(self, link: Link) -> None:
        """To another network: the connections from before are dead, and nobody is told."""
        self.link = link
        self.network.link_given(link)
        for lane in self.connections.values():
            lane.wire.severed = True
        self.trace.emit("host.moved", self.name, address=self.address)

    def set_nat(self, idle_timeout: float | None) -> None:
        """As `sim.hosts.Host.set_nat`."""
        self.network.put_behind_nat(self, idle_timeout)

    def lose_connections(self) -> None:
        """As `sim.hosts.Host.lose_connections`."""
        for lane in list(self.connections.values()):
            lane.vanish()

    # -- hosts whose code is a process of its own

    def runs(self, process: int) -> None:
        """The code of this host is that process."""
        self._process = process

    def crash(self) -> None:
        """The power is cut: off the network, so that nobody hears of the end of its process. Its
        ends of connections are gone; what is sent to them is answered with RST when it has booted.

        Sockets are closed when the loop runs again: the process has to be killed before.
        """
        self.state = "off"
        self.disconnect()
        for lane in list(self.connections.values()):
            lane.vanish()
        self.trace.emit("host.crashed", self.name)

    def boot(self) -> None:
        """On the network again; data on connections from before are answered with RST."""
        self.state = "running"
        self.reconnect()
        self.trace.emit("host.booted", self.name)

    def pause(self) -> None:
        """SIGSTOP: no code runs, the kernel still acknowledges and takes connections."""
        assert self._process is not None
        os.kill(self._process, signal.SIGSTOP)
        self.state = "paused"
        self.trace.emit("host.paused", self.name)

    def resume(self) -> None:
        """SIGCONT."""
        assert self._process is not None
        os.kill(self._process, signal.SIGCONT)
        self.state = "running"
        self.trace.emit("host.resumed", self.name)

    # -- the time

    def set_clock(self, *, offset: float = 0.0, drift: float = 0.0) -> None:
        """As `sim.hosts.Host.set_clock`. A host with a process has to be surrounded."""
        if self.surroundings is not None:
            self.surroundings.set_clock(offset, drift)
        else:
            assert self._process is None
            self.network.calendar.set_clock(self, offset, drift)
        self.trace.emit("host.clock", self.name, offset=offset, drift=drift)

    def clock_error(self) -> float:
        """As `sim.hosts.Host.clock_error`."""
        if self.surroundings is not None:
            return self.surroundings.clock_error()
        skew = self.env.skews.get(self)
        return 0.0 if skew is None else skew(self.env.now)

    # -- the network

    def connect(
        self,
        host: str,
        port: int,
        protocol_factory: Callable[[], asyncio.BaseProtocol],
        *,
        tls: ssl.SSLContext | None = None,
        server_hostname: str | None = None,
    ) -> simpy.Event:
        """Open a connection; as `sim.hosts.Host.connect`, over a real socket."""
        event = self.env.event()
        loop = self.network.loop

        def connected(end: LocalEnd | None, error: OSError | None) -> None:
            if end is None:
                assert error is not None
                event.fail(error)
                return
            protocol = protocol_factory()
            if tls is None:
                end.open(protocol)
                event.succeed((end, protocol))
                return
            waiter = loop.create_future()
            make: Any = sslproto.SSLProtocol
            secured = make(loop, protocol, tls, waiter, False, server_hostname or host)
            waiter.add_done_callback(lambda waiter: shaken_hands(waiter, end, secured, protocol))
            end.open(secured)

        def shaken_hands(
            waiter: "asyncio.Future[Any]", end: LocalEnd, secured: Any, protocol: Any
        ) -> None:
            failure = waiter.exception()
            if failure is None:
                event.succeed((secured._app_transport, protocol))
            else:
                end.close()
                assert isinstance(failure, Exception)
                event.fail(failure)

        try:
            target = self.network.find(host, self)
        except socket.gaierror as error:
            event.fail(error)
        else:
            dial(self.network, self, target, port, connected)
        return event

    def disconnect(self) -> None:
        """Take the host off the network: nothing arrives, nothing leaves, nobody is told."""
        self.online = False
        self.network.hosts_changed()

    def reconnect(self) -> None:
        """Put it back: connections that both ends still have go on with their retransmissions."""
        self.online = True
        self.network.hosts_changed()
