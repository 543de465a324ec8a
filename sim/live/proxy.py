"""A TCP proxy on loopback for the connections of a server process to another host.

The process is told the proxy's address instead of the other host's, so that its connections pass
through this process, where the path can delay, hold and cut them. TLS passes through as it is.

Unlike a path, a proxy cannot keep a SYN from being answered: a dial to a host that is off the
network connects and hears nothing, and one to a port where nobody listens connects and is reset.
"""

import asyncio
import socket
from typing import TYPE_CHECKING

from sim.live.ends import SocketEnd
from sim.live.wire import Wire
from sim.net.rules import Close, Judgement, Kind, Reset

if TYPE_CHECKING:
    from sim.live.hosts import LiveHost
    from sim.live.network import LiveNetwork

LOOPBACK = "127.0.0.1"


class Proxy:
    """Listens for what `client` sends to `port` of `server`."""

    def __init__(
        self, network: "LiveNetwork", client: "LiveHost", server: "LiveHost", port: int
    ) -> None:
        self._network = network
        self._client = client
        self._server = server
        self._port = port
        self._tasks: dict[asyncio.Task[None], None] = {}
        self._socket = socket.create_server((LOOPBACK, 0), backlog=512)
        self._socket.setblocking(False)
        network.loop.add_reader(self._socket, self._accept)

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        address: tuple[str, int] = self._socket.getsockname()
        return address

    def close(self) -> None:
        """Take no more connections."""
        self._network.loop.remove_reader(self._socket)
        self._socket.close()
        for task in self._tasks:
            task.cancel()

    def _accept(self) -> None:
        try:
            sock, _ = self._socket.accept()
        except OSError:  # gone again before it was accepted
            return
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        task = self._network.loop.create_task(self._serve(sock))
        self._tasks[task] = None
        task.add_done_callback(self._tasks.pop)

    async def _serve(self, sock: socket.socket) -> None:
        network, loop = self._network, self._network.loop
        wire = Wire(network, self._client, self._server, self._port)
        _, near = await loop.connect_accepted_socket(SocketEnd, sock)
        address = self._server.listeners.get(self._port)
        judgement = wire.judge(0, Kind.SYN)
        try:
            if address is None or _refused(judgement):
                raise ConnectionRefusedError
            _, far = await loop.create_connection(SocketEnd, *address)
        except OSError as error:
            near.reset(error)
            return
        ours, theirs = near.address("peername"), far.address("sockname")
        network.trace.aliases[theirs] = ours
        up, down = wire.join(near, far)
        network.opened(wire, ours, far.address("peername"))
        near.attach(up, down)
        far.attach(down, up)


def _refused(judgement: Judgement | None) -> bool:
    return judgement is not None and isinstance(judgement.final, Reset | Close)
