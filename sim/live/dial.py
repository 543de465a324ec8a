"""Connecting over a real socket, with the path's delays and silences of the scenario's network.

A round trip of the links passes before the dialling end is connected. While the path is shut,
nothing is heard; the attempt is repeated after 1, 3, 7, ... s, and fails with ETIMEDOUT after
127 s. A port on which nobody listens refuses.
"""

import asyncio
import errno
from collections.abc import Callable
from typing import TYPE_CHECKING

from sim.live.ends import LocalEnd, SocketEnd
from sim.live.wire import SYN_RETRIES, Wire
from sim.net.rules import Drop

if TYPE_CHECKING:
    from sim.live.hosts import LiveHost
    from sim.live.network import LiveNetwork

Connected = Callable[[LocalEnd | None, OSError | None], None]


def dial(
    network: "LiveNetwork", source: "LiveHost", target: "LiveHost", port: int, done: Connected
) -> None:
    """Connect `source` to a port of `target`; `done` is told the end or what went wrong."""
    _Attempt(network, source, target, port, done).send()


class _Attempt:
    def __init__(
        self,
        network: "LiveNetwork",
        source: "LiveHost",
        target: "LiveHost",
        port: int,
        done: Connected,
    ) -> None:
        self._network = network
        self._wire = Wire(network, source, target, port)
        self._done = done
        self._tries = 0

    def send(self) -> None:
        if self._tries > SYN_RETRIES:
            self._done(None, TimeoutError(errno.ETIMEDOUT, "Connection timed out"))
            return
        env, wire = self._network.environment, self._wire
        self._tries += 1
        wait = 2.0 ** (self._tries - 1)
        answer = wire.answer()
        if answer is None:
            env.call_later(wire.delay(), self._arrived)
        elif isinstance(answer, Drop):
            env.call_later(wait, self.send)
        else:
            env.call_later(wire.delay(), self._refused)

    def _arrived(self) -> None:
        wire = self._wire
        address = wire.server.listeners.get(wire.port)
        if address is None:
            self._later(self._refused)
            return
        loop = self._network.loop
        opening = loop.create_task(loop.create_connection(SocketEnd, *address))
        opening.add_done_callback(self._opened)

    def _opened(self, opening: "asyncio.Task[tuple[asyncio.BaseTransport, SocketEnd]]") -> None:
        if opening.cancelled():
            return
        error = opening.exception()
        if error is None:
            self._later(self._connected, opening.result()[1])
        elif isinstance(error, ConnectionRefusedError):
            self._later(self._refused)
        else:
            assert isinstance(error, OSError)
            self._done(None, error)

    def _later(self, action: Callable[..., None], *arguments: object) -> None:
        self._network.environment.call_later(self._wire.delay(), action, *arguments)

    def _refused(self) -> None:
        wire = self._wire
        where = f"{wire.server.name}:{wire.port}"
        self._network.trace.emit(
            "connection.refused", wire.client.name, connection=wire.number, server=where
        )
        error = ConnectionRefusedError(errno.ECONNREFUSED, f"Connect call failed ({where})")
        self._done(None, error)

    def _connected(self, far: SocketEnd) -> None:
        network, wire = self._network, self._wire
        names = {"peername": far.transport.get_extra_info("peername")}
        names["sockname"] = far.transport.get_extra_info("sockname")
        near = LocalEnd(network.loop, names)
        up, down = wire.join(near, far)
        near.attach(up, down)
        network.opened(wire, far.address("sockname"), far.address("peername"))
        self._done(near, None)
        far.attach(down, up)
