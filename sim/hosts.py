"""A machine of the world: a server, a push service, a phone or a person's computer.

A host has a name, an address, a link to the network, listening ports and connections. Code
belongs to a host by its context: what `Host.start()` starts, and everything started from there,
opens its sockets on this host.

A host may lose its power (`crash`) and get it back (`boot`), be paused and resumed, be taken off
the network, change its link, stand behind NAT, have a wrong clock, and take time for its work.

Crashing and pausing stop code that runs in the host's context: servers. Devices, which run
outside of any context, are not stopped; their connections break all the same.

Light on purpose: ten thousand phones are ten thousand hosts. The context is made when it is
first needed.
"""

import asyncio
import contextvars
import ssl
from collections.abc import Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any, Literal

import simpy

from sim.kernel.context import Life, LifeState, current_host, current_life
from sim.net.cost import CostModel, Workload
from sim.net.links import Link
from sim.net.listener import ANY_ADDRESS
from sim.net.network import Network
from sim.net.tls_protocol import wrap_in_tls
from sim.net.transport import SimTransport

if TYPE_CHECKING:
    from sim.kernel.environment import SimEnvironment
    from sim.net.listener import SimServer
    from sim.trace.recorder import Recorder

Listeners = Mapping[int, tuple[tuple[str, "SimServer"], ...]]
"""By port: the addresses at which somebody listens, with who it is, in the order of binding."""

_NO_LISTENERS: Listeners = {}

_FIRST_EPHEMERAL_PORT = 49_152
_LAST_PORT = 65_535


class Host:
    """See the module. Made by `World.host()`."""

    __slots__ = (
        "_context",
        "_former_addresses",
        "_held",
        "_life",
        "_next_port",
        "address",
        "boots",
        "connections",
        "link",
        "listeners",
        "name",
        "network",
        "online",
        "state",
        "workload",
    )

    def __init__(self, name: str, network: Network, link: Link) -> None:
        self.name = name
        self.network = network
        self.link = link
        self.online = True
        self.boots = 1
        """Increases with each power cut: what remembers another number is of an earlier life."""
        self.state: Literal["running", "paused", "off"] = "running"
        self.workload: Workload | None = None
        self.listeners: Listeners = _NO_LISTENERS
        """Replaced and never changed: most hosts share one."""
        self.connections: dict[int, SimTransport] = {}
        self._next_port = _FIRST_EPHEMERAL_PORT
        self._context: contextvars.Context | None = None
        self._life: Life | None = None
        self._held: tuple[SimTransport, ...] = ()
        self._former_addresses: dict[int, str] | None = None
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
            self._context.run(current_life.set, self.life)
        return self._context

    @property
    def life(self) -> Life:
        """The life that its code belongs to: from one boot to the next crash."""
        if self._life is None:
            self._life = Life()
        return self._life

    @property
    def is_paused(self) -> bool:
        """Whether its code stands still while its kernel goes on."""
        return self.state == "paused"

    def start(self, main: Callable[[], Coroutine[Any, Any, Any]]) -> "asyncio.Task[Any]":
        """Run a coroutine on this host and return its task. `ValueError` if the host is off."""
        self._require("running", "paused")
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

    # -- the network ------------------------------------------------------------------------

    def disconnect(self) -> None:
        """Take the host off the network: nothing arrives, nothing leaves, nobody is told."""
        self.online = False
        self.network.keepalives.consider_host(self)
        self.network.windows.consider_all()

    def reconnect(self) -> None:
        """Put it back: connections that both ends still have go on with their retransmissions.

        `ValueError` if its power is off.
        """
        self._require("running", "paused")
        self.online = True

    def lose_connections(self) -> None:
        """Forget all connections, as a device does whose power is off. Off the network nobody is
        told; what is sent to them later is answered with RST.
        """
        for dial in list(self.network.dials.values()):
            if dial.source is self:
                dial.abandon()
        for end in list(self.connections.values()):
            end.abort()

    def move(self, link: Link) -> None:
        """Hand-over to another network: a new link and a new address.

        Connections of the old address are half open from now on: what either end sends vanishes,
        and only timeouts find out.
        """
        self.network.withdraw_address(self)
        if self._former_addresses is None:
            self._former_addresses = {}
        for number in self.connections:
            self._former_addresses.setdefault(number, self.address)
        self.link = link
        self.address = self.network.give_address(self)
        self.trace.emit("host.moved", self.name, address=self.address)

    def address_on(self, connection: int) -> str:
        """The address that it has, or had, on a connection."""
        if self._former_addresses is None:
            return self.address
        return self._former_addresses.get(connection, self.address)

    def set_nat(self, idle_timeout: float | None) -> None:
        """Put the host behind NAT that forgets connections idle for longer than these seconds, or
        take the NAT away (None). See `sim.net.nat`.
        """
        if idle_timeout is not None and not idle_timeout > 0:
            raise ValueError(f"{self.name}: the idle timeout of NAT must be positive")
        self.network.put_behind_nat(self, idle_timeout)

    # -- power, time and work ---------------------------------------------------------------

    def crash(self) -> None:
        """The power fails, now. No further line of its code runs, whatever it was about to do; its
        connections and listening ports are gone without a word.

        Called from a step of its own code, that step still runs to where it waits next, but
        nothing that it does reaches the network. `ValueError` if it is off already.
        """
        self._require("running", "paused")
        self.trace.emit("host.crashed", self.name)
        self.state = "off"
        self.online = False
        ends = list(self.connections.values())
        self.network.loop.halt(self.life, LifeState.OVER)
        self.life.kept.extend(ends)
        self.end_locks()
        for dial in list(self.network.dials.values()):
            if dial.source is self:
                dial.abandon()
        self.boots += 1
        for end in ends:
            end.vanish()
            self.network.keepalives.consider(end.peer)
        self.network.windows.consider_all()
        self.listeners = _NO_LISTENERS
        self._held = ()
        self._context = self._life = None

    def boot(self) -> None:
        """Power on: a new life, on the network, with nothing running. What its disk has kept is
        for whoever starts its servers again. `ValueError` if it is on.
        """
        self._require("off")
        self.state = "running"
        self.online = True
        self.trace.emit("host.booted", self.name)

    def pause(self) -> None:
        """Stop its processes (SIGSTOP): no code runs, but its kernel goes on to acknowledge, to
        buffer and to accept connections. `ValueError` if it is not running.
        """
        self._require("running")
        self.trace.emit("host.paused", self.name)
        self.state = "paused"
        self.network.loop.halt(self.life, LifeState.PAUSED)
        self._held = tuple(end for end in self.connections.values() if end.hold())

    def resume(self) -> None:
        """Let its processes go on: first with what has come due. `ValueError` if not paused."""
        self._require("paused")
        self.trace.emit("host.resumed", self.name)
        self.state = "running"
        self.network.loop.carry_on(self.life)
        for end in self._held:
            end.resume_reading()
        self._held = ()

    def set_clock(self, *, offset: float = 0.0, drift: float = 0.0) -> None:
        """Make its calendar clock wrong by `offset` seconds, and by `drift` more each second from
        now on. `time.time()` of its code shows it; `time.monotonic()` and timers are right.
        """
        since = self.env.now
        skews = self.env.skews
        if offset or drift:
            skews[self] = lambda now: offset + drift * (now - since)
        else:
            skews.pop(self, None)
        self.trace.emit("host.clock", self.name, offset=offset, drift=drift)

    def clock_error(self) -> float:
        """Seconds by which its calendar clock is fast now."""
        skew = self.env.skews.get(self)
        return 0.0 if skew is None else skew(self.env.now)

    def set_cost(self, model: CostModel | None) -> None:
        """Let requests take virtual time (see `sim.net.cost`), or (None) not any more."""
        self.network.count_workloads((model is not None) - (self.workload is not None))
        self.workload = None if model is None else Workload(model)

    def _require(self, *states: str) -> None:
        if self.state not in states:
            raise ValueError(f"{self.name} is {self.state}, not {' or '.join(states)}")

    def end_locks(self) -> None:
        """Close the files that its processes have locked, as their kernel does at their end."""
        if self._life is not None:
            self._life.end_locks()

    # -- for the network --------------------------------------------------------------------

    def listener(self, port: int, dialled: str) -> "SimServer | None":
        """Who listens on the port at the address that was dialled."""
        for address, server in self.listeners.get(port, ()):
            if address in (ANY_ADDRESS, dialled) and server.is_serving():
                return server
        return None

    def ephemeral_port(self) -> int:
        """The next local port for an outgoing connection, counting up and around."""
        port = self._next_port
        self._next_port = port + 1 if port < _LAST_PORT else _FIRST_EPHEMERAL_PORT
        return port
