"""The names, paths and connections of a live world.

A host's name stands for real sockets on loopback: `LiveHost.listeners` says where each port of the
scenario's world really is. Code in this process connects by `LiveHost.connect`; a server process is
given `route(...)`, the address of a proxy here. Both ways the bytes pass a `Wire`.
"""

import asyncio
import socket
from typing import TYPE_CHECKING, Any, cast

from sim.live.calendar import Calendar
from sim.live.proxy import Proxy
from sim.net.links import Link
from sim.net.nat import NatGates
from sim.net.rules import Reset, RuleChain
from sim.net.shaping import ShapedLinks

if TYPE_CHECKING:
    from sim.kernel.environment import SimEnvironment
    from sim.kernel.seeds import Seeds
    from sim.live.hosts import LiveHost
    from sim.live.lane import Lane
    from sim.live.recorder import LiveRecorder
    from sim.live.wire import Wire
    from sim.net.faults.names import DnsFailure


class LiveNetwork:
    """See the module. One per world. Faults of `sim.net.faults` stand on it as on the simulated
    network: they ask for `rules`, `hosts()`, `path.reset()` and each host's `connections`.
    """

    def __init__(
        self,
        environment: "SimEnvironment",
        loop: asyncio.AbstractEventLoop,
        seeds: "Seeds",
        trace: "LiveRecorder",
    ) -> None:
        self.environment = environment
        self.loop = loop
        self.seeds = seeds
        self.rng = seeds.stream("net/latency")
        self.trace = trace
        self.path = self
        self.name_faults: list[DnsFailure] = []
        """Asked before a name is looked up."""
        self.wires: dict[int, Wire] = {}
        """Open connections by number."""
        self.calendar = Calendar(environment)
        self.rules = RuleChain(lambda: None)
        """What the paths do on purpose; asked about every packet, as in the simulated world."""
        self._names: dict[str, LiveHost] = {}
        self._proxies: dict[tuple[LiveHost, LiveHost, int], Proxy] = {}
        self._numbers = 0
        self._shaped: ShapedLinks | None = None
        self._nats: NatGates | None = None

    # -- names and ways

    def alias(self, name: str, host: "LiveHost") -> None:
        """Another name for the host. `ValueError` if the name is taken by a different one."""
        if self._names.setdefault(name.lower(), host) is not host:
            raise ValueError(
                f"the name {name!r} already belongs to {self._names[name.lower()].name}"
            )

    def hosts(self) -> "list[LiveHost]":
        """All hosts, in the order in which they were made."""
        return list(dict.fromkeys(self._names.values()))

    def find(self, name: str, asker: "LiveHost | None" = None) -> "LiveHost":
        """The host of that name. Raises `socket.gaierror`: other names are not looked up."""
        key = name.lower().rstrip(".")
        for fault in self.name_faults:
            fault.check(cast(Any, asker), key)
        host = self._names.get(key)
        if host is None:
            raise socket.gaierror(socket.EAI_NONAME, f"{name}: name or service not known")
        return host

    def route(self, source: "LiveHost", name: str, port: int) -> tuple[str, int]:
        """Where a process of `source` has to connect in order to reach that port of `name`: an
        address, or the name if it looks names up here.
        """
        target = self.find(name)
        key = (source, target, port)
        if key not in self._proxies:
            self._proxies[key] = Proxy(self, source, target, port)
        address, real_port = self._proxies[key].address
        return (address if source.surroundings is None else name), real_port

    def close(self) -> None:
        """Let go of all sockets."""
        for proxy in self._proxies.values():
            proxy.close()
        for wire in list(self.wires.values()):
            wire.abort()
        self.calendar.close()
        for host in self.hosts():
            if host.surroundings is not None:
                host.surroundings.close()

    def link_given(self, link: Link) -> None:
        """A host has this link from now on."""
        if link.is_shaped and self._shaped is None:
            self._shaped = ShapedLinks(self.seeds.stream("net/links"))
            self.rules.add(cast(Any, self._shaped))

    def put_behind_nat(self, host: "LiveHost", idle_timeout: float | None) -> None:
        """See `sim.hosts.Host.set_nat`."""
        if self._nats is None:
            self._nats = NatGates()
            self.rules.add(cast(Any, self._nats), first=True)
        self._nats.set(cast(Any, host), idle_timeout, self.environment.now)

    def hosts_changed(self) -> None:
        """A host went off the network, or came back."""
        for proxy in self._proxies.values():
            proxy.hosts_changed()

    # -- connections

    def reset(self, end: "Lane") -> None:
        """The middle of the network resets both ends of a connection."""
        end.wire.reset(end, Reset())

    def next_number(self) -> int:
        """Numbers of connections count from 1."""
        self._numbers += 1
        return self._numbers

    def opened(self, wire: "Wire", client: str, server: str) -> None:
        """A connection stands. `client` and `server`: addresses of the real sockets."""
        self.wires[wire.number] = wire
        for lane in wire.lanes:
            lane.host.connections[wire.number] = lane
        if self.trace.wants_connections:
            self.trace.emit(
                "connection.opened",
                wire.client.name,
                connection=wire.number,
                client=client,
                server=server,
                to=wire.server.name,
            )
        wire.connected()

    def closed(self, wire: "Wire", host: "LiveHost", how: str, *, over: bool) -> None:
        """The end of a connection on `host` is gone; `over`: the other one is, too."""
        host.connections.pop(wire.number, None)
        if over:
            self.wires.pop(wire.number, None)
        if self.trace.wants_connections:
            self.trace.emit("connection.closed", host.name, connection=wire.number, how=how)
