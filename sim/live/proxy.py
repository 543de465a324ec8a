"""A TCP proxy on loopback for the connections of a server process to another host.

The process is told the proxy's address instead of the other host's, so that its connections pass
through this process, where the path can delay, hold and cut them. TLS passes through as it is.

While one of the two hosts is off the network nobody answers a SYN: the proxy then fills its own
backlog, and the kernel drops what comes (Linux; net/ipv4/tcp_input.c, tcp_conn_request). Unlike
a path, a proxy answers before it knows the other end: a dial into a partition connects and hears
nothing until the partition heals, and one to a port where nobody listens connects and is reset. The
other end hears of neither.
"""

import asyncio
import select
import socket
from collections.abc import Collection
from typing import TYPE_CHECKING, Any, Final

from sim.live.ends import SocketEnd
from sim.live.handshake import open_connection
from sim.live.wire import Wire

if TYPE_CHECKING:
    from sim.live.hosts import LiveHost
    from sim.live.network import LiveNetwork

LOOPBACK: Final = "127.0.0.1"
_BACKLOG: Final = 512
_MOST_FILLERS: Final = 8
"""More than a backlog of 0 takes on any kernel."""


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
        self._fillers: list[socket.socket] = []
        self._socket = socket.create_server((LOOPBACK, 0), backlog=_BACKLOG)
        self._socket.setblocking(False)
        network.loop.add_reader(self._socket, self._accept)

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        address: tuple[str, int] = self._socket.getsockname()
        return address

    def hosts_changed(self) -> None:
        """One of the hosts went off the network, or came back."""
        reachable = self._client.online and self._server.online
        if not reachable and not self._fillers:
            self._network.loop.remove_reader(self._socket)
            self._socket.listen(0)
            while len(self._fillers) < _MOST_FILLERS and self._fill():
                pass
        elif reachable and self._fillers:
            fillers = {filler.getsockname() for filler in self._fillers}
            for filler in self._fillers:
                filler.close()
            self._fillers.clear()
            self._socket.listen(_BACKLOG)
            self._network.loop.add_reader(self._socket, self._accept)
            self._accept(besides=fillers)

    def close(self) -> None:
        """Take no more connections."""
        self._network.loop.remove_reader(self._socket)
        self._socket.close()
        for filler in self._fillers:
            filler.close()
        for task in self._tasks:
            task.cancel()

    def _fill(self) -> bool:
        """Put one connection into the backlog; False when it is full."""
        filler = socket.socket()
        filler.setblocking(False)
        self._fillers.append(filler)
        filler.connect_ex(self.address)
        # On loopback the handshake is over before connect() returns, if it is answered at all.
        return bool(select.select([], [filler], [], 0)[1])

    def _accept(self, besides: Collection[Any] = ()) -> None:
        """Take what waits; not the fillers, which wait there, too."""
        while True:
            try:
                sock, peer = self._socket.accept()
            except OSError:  # nothing left, or gone again before it was accepted
                return
            if peer in besides:
                sock.close()
                continue
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            task = self._network.loop.create_task(self._serve(sock))
            self._tasks[task] = None
            task.add_done_callback(self._tasks.pop)

    async def _serve(self, sock: socket.socket) -> None:
        network, loop = self._network, self._network.loop
        wire = Wire(network, self._client, self._server, self._port)
        _, near = await loop.connect_accepted_socket(SocketEnd, sock)
        try:
            # The client's kernel believes it is connected. If it gives up now, it would still be
            # dialling over a path, so what it sent goes nowhere.
            far = await open_connection(wire, lambda: near.abandoned)
        except OSError as error:
            near.reset(error)
            return
        except asyncio.CancelledError:
            near.reset(ConnectionResetError(104, "Connection reset by peer"))
            raise
        ours, theirs = near.address("peername"), far.address("sockname")
        network.trace.aliases[theirs] = ours
        up, down = wire.join(near, far)
        network.opened(wire, ours, far.address("peername"))
        near.attach(up, down)
        far.attach(down, up)
