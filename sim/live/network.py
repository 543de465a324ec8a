"""The names, paths and connections of a live world.

A host's name stands for real sockets on loopback: `LiveHost.ports` says where each port of the
scenario's world really is. Code in this process connects by `LiveHost.connect`; a server process is
given `route(...)`, the address of a proxy here. Both ways the bytes pass a `Wire`.
"""

import asyncio
import socket
from random import Random
from typing import TYPE_CHECKING

from sim.live.proxy import Proxy
from sim.net.rules import RuleChain

if TYPE_CHECKING:
    from sim.kernel.environment import SimEnvironment
    from sim.live.hosts import LiveHost
    from sim.live.recorder import LiveRecorder
    from sim.live.wire import Wire


class LiveNetwork:
    """See the module. One per world. `rng` draws latencies and what faults draw."""

    def __init__(
        self,
        env: "SimEnvironment",
        loop: asyncio.AbstractEventLoop,
        rng: Random,
        trace: "LiveRecorder",
    ) -> None:
        self.env = env
        self.loop = loop
        self.rng = rng
        self.trace = trace
        self.wires: dict[int, Wire] = {}
        """Open connections by number."""
        self.rules = RuleChain(lambda: None)
        """What the paths do on purpose; asked about every packet, as in the simulated world."""
        self._names: dict[str, LiveHost] = {}
        self._proxies: dict[tuple[LiveHost, LiveHost, int], Proxy] = {}
        self._numbers = 0

    # -- names and ways

    def alias(self, name: str, host: "LiveHost") -> None:
        """Another name for the host. `ValueError` if the name is taken by a different one."""
        if self._names.setdefault(name.lower(), host) is not host:
            raise ValueError(
                f"the name {name!r} already belongs to {self._names[name.lower()].name}"
            )

    def find(self, name: str) -> "LiveHost":
        """The host of that name. Raises `socket.gaierror`: other names are not looked up."""
        host = self._names.get(name.lower().rstrip("."))
        if host is None:
            raise socket.gaierror(socket.EAI_NONAME, f"{name}: name or service not known")
        return host

    def route(self, source: "LiveHost", name: str, port: int) -> tuple[str, int]:
        """Where a process of `source` has to connect in order to reach that port of `name`."""
        target = self.find(name)
        key = (source, target, port)
        if key not in self._proxies:
            self._proxies[key] = Proxy(self, source, target, port)
        return self._proxies[key].address

    def close(self) -> None:
        """Let go of all sockets."""
        for proxy in self._proxies.values():
            proxy.close()
        for wire in list(self.wires.values()):
            wire.reset_both()

    # -- connections

    def next_number(self) -> int:
        """Numbers of connections count from 1."""
        self._numbers += 1
        return self._numbers

    def opened(self, wire: "Wire", client: str, server: str) -> None:
        """A connection stands. `client` and `server`: addresses of the real sockets."""
        self.wires[wire.number] = wire
        if self.trace.wants_connections:
            self.trace.emit(
                "connection.opened",
                wire.client.name,
                connection=wire.number,
                client=client,
                server=server,
                to=wire.server.name,
            )

    def closed(self, wire: "Wire", host: "LiveHost", how: str, *, over: bool) -> None:
        """The end of a connection on `host` is gone; `over`: the other one is, too."""
        if over:
            self.wires.pop(wire.number, None)
        if self.trace.wants_connections:
            self.trace.emit("connection.closed", host.name, connection=wire.number, how=how)
