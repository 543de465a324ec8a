"""An attempt to connect two hosts: the three segments of TCP's handshake.

Model: SYN takes the path to the other host; a host without a listener on the port answers with
RST (`ConnectionRefusedError` after a round trip). If a segment is lost because a host is off the
network, the SYN is repeated after 1, 3, 7, ... s until `TimeoutError` (ETIMEDOUT) after 127 s. The
dialling end is connected after one round trip, the listening end accepts half a round trip later.

Simplification: backlogs are unlimited.
"""

import errno
from collections.abc import Callable
from typing import TYPE_CHECKING

from sim.net import digest
from sim.net.listener import SimServer
from sim.net.transport import SimTransport, connect_pair

if TYPE_CHECKING:
    from sim.hosts import Host
    from sim.net.network import Network

SYN_RETRIES = 6
"""Repeated SYNs before a dial is given up (Linux, tcp_syn_retries): 127 s in all."""

SYN_ACK_RETRIES = 5
"""Repeated answers to a SYN before a listening end forgets it (Linux, tcp_synack_retries)."""

Dialled = Callable[[SimTransport | None, OSError | None], None]
"""Called once with the connected transport (no protocol attached yet) or with the error."""


class Dial:
    """See the module. `done` is called when it is decided, unless `abandoned` was set before:
    then the other end never hears of it again.
    """

    __slots__ = (
        "_attempts",
        "_next_attempt",
        "abandoned",
        "address",
        "done",
        "network",
        "number",
        "port",
        "source",
        "target",
    )

    def __init__(
        self,
        network: "Network",
        number: int,
        source: "Host",
        target: "Host | None",
        address: str,
        port: int,
        done: Dialled,
    ) -> None:
        self.network = network
        self.number = number
        self.source = source
        self.target = target
        self.address = address
        self.port = port
        self.done = done
        self.abandoned = False
        self._attempts = 0
        self._next_attempt = 0.0

    def _path_is_up(self) -> bool:
        return self.source.online and self.target is not None and self.target.online

    def send_syn(self) -> None:
        """Begin, or begin again."""
        if self.abandoned:
            return
        if self._attempts > SYN_RETRIES:
            self.done(None, TimeoutError(errno.ETIMEDOUT, "Connection timed out"))
            return
        environment = self.network.environment
        self._next_attempt = environment._now + 2.0**self._attempts
        self._attempts += 1
        if self.target is not None and self._path_is_up():
            delay = self.network.delay(self.source, self.target)
            environment.call_later(delay, self._arrive)
        else:
            self._try_again()

    def _try_again(self) -> None:
        self.network.environment.call_at(self._next_attempt, self.send_syn)

    def _arrive(self) -> None:
        if not self._path_is_up():
            self._try_again()
            return
        target = self.target
        assert target is not None
        network = self.network
        back = network.delay(target, self.source)
        server = target.listener(self.port, self.address)
        if server is None:
            network.digest.add(digest.REFUSED, network.environment._now, self.number, 1, b"")
            network.environment.call_later(back, self._refused)
        else:
            network.environment.call_later(back, self._established, server)

    def _refused(self) -> None:
        if not self._path_is_up():
            self._try_again()
            return
        if self.abandoned:
            return
        self.network.trace.emit(
            "connection.refused",
            self.source.name,
            connection=self.number,
            server=f"{self.address}:{self.port}",
        )
        error = ConnectionRefusedError(
            errno.ECONNREFUSED, f"Connect call failed ('{self.address}', {self.port})"
        )
        self.done(None, error)

    def _established(self, server: SimServer) -> None:
        if not self._path_is_up():
            self._try_again()
            return
        if self.abandoned:
            return
        source, target, network = self.source, self.target, self.network
        assert target is not None
        ours, theirs = connect_pair(self.number, source, source.ephemeral_port(), target, self.port)
        source.connections[self.number] = ours
        if network.trace.wants_connections:
            network.trace.emit(
                "connection.opened",
                source.name,
                connection=self.number,
                client=f"{source.address}:{ours.local_port}",
                server=f"{self.address}:{self.port}",
                to=target.name,
            )
        # The handshake's last segment goes the same way as the first bytes and ahead of them.
        arrival = network.environment._now + network.delay(source, target)
        ours._arrival = arrival
        network.environment.call_at(arrival, self._accepted, theirs, server, 0)
        self.done(ours, None)

    def _accepted(self, transport: SimTransport, server: SimServer, attempts: int) -> None:
        if not self._path_is_up() and attempts < SYN_ACK_RETRIES:
            # The handshake's last segment was lost: the listening end asks for it again.
            self.network.environment.call_later(
                2.0**attempts, self._accepted, transport, server, attempts + 1
            )
            return
        host = transport.host
        host.connections[self.number] = transport
        if attempts == SYN_ACK_RETRIES or host.listener(self.port, self.address) is not server:
            transport.abort()  # nobody answered, or it stopped listening meanwhile
        else:
            server.accept(transport)
