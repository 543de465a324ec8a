"""Connecting code in this process over a real socket, with the delays and silences of the path."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from sim.live.ends import LocalEnd, SocketEnd
from sim.live.handshake import open_connection
from sim.live.wire import Wire

if TYPE_CHECKING:
    from sim.live.hosts import LiveHost
    from sim.live.network import LiveNetwork

Connected = Callable[[LocalEnd | None, OSError | None], None]


def dial(
    network: "LiveNetwork", source: "LiveHost", target: "LiveHost", port: int, done: Connected
) -> None:
    """Connect `source` to a port of `target`; `done` is told the end or what went wrong."""
    wire = Wire(network, source, target, port)

    def decided(opening: "asyncio.Task[SocketEnd]") -> None:
        if opening.cancelled():
            return
        error = opening.exception()
        if error is None:
            _connected(wire, opening.result(), done)
        else:
            assert isinstance(error, OSError)
            done(None, error)

    network.loop.create_task(open_connection(wire)).add_done_callback(decided)


def _connected(wire: Wire, far: SocketEnd, done: Connected) -> None:
    network = wire.client.network
    names = {"peername": far.transport.get_extra_info("peername")}
    names["sockname"] = far.transport.get_extra_info("sockname")
    near = LocalEnd(network.loop, names)
    up, down = wire.join(near, far)
    near.attach(up, down)
    network.opened(wire, far.address("sockname"), far.address("peername"))
    done(near, None)
    far.attach(down, up)
