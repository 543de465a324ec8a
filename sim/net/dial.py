"""An attempt to connect two hosts: the three segments of TCP's handshake.

Model: SYN takes the path to the other host; a host without a listener on the port answers with
RST (`ConnectionRefusedError` after a round trip). If a segment is lost because a host is off the
network, the SYN is repeated after 1, 3, 7, ... s until `TimeoutError` (ETIMEDOUT) after 127 s. The
dialling end is connected after one round trip, the listening end accepts half a round trip later.

Simplification: backlogs are unlimited.
"""

import errno
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sim.net import digest
from sim.net.listener import SimServer
from sim.net.rules import Close, Drop, Judgement, Kind, Reset
from sim.net.transport import SimTransport

if TYPE_CHECKING:
    from sim.hosts import Host
    from sim.net.network import Network

SYN_RETRIES = 6
"""Repeated SYNs before a dial is given up (Linux, tcp_syn_retries): 127 s in all."""

SYN_ACK_RETRIES = 5
"""Repeated answers to a SYN before a listening end forgets it (Linux, tcp_synack_retries)."""

_ANSWERS = (Kind.SYN_ACK, Kind.RST)

Dialled = Callable[[SimTransport | None, OSError | None], None]
"""Called once with the connected transport (no protocol attached yet) or with the error."""


class Dial:
    """See the module. `done` is called when it is decided, unless it is abandoned before."""

    __slots__ = (
        "_attempts",
        "abandoned",
        "address",
        "done",
        "local_port",
        "network",
        "next_attempt",
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
        self.local_port = source.ephemeral_port()
        self._attempts = 0
        self.next_attempt = 0.0

    def _path_is_up(self) -> bool:
        return self.source.online and self.target is not None and self.target.online

    def abandon(self) -> None:
        """Nobody waits for it any more: the other end never hears of it again."""
        self.abandoned = True
        self.network.dials.pop(self.number, None)

    def _decide(self, transport: SimTransport | None, error: OSError | None) -> None:
        del self.network.dials[self.number]
        self.done(transport, error)

    def send_syn(self) -> None:
        """Begin, or begin again."""
        if self.abandoned:
            return
        if self._attempts > SYN_RETRIES:
            self._decide(None, TimeoutError(errno.ETIMEDOUT, "Connection timed out"))
            return
        self.next_attempt = self.network.environment._now + 2.0**self._attempts
        self._attempts += 1
        if self._path_is_up():
            self._send(Kind.SYN, self._arrive)
        else:
            self._tell(Kind.SYN, lost=True)
            self._try_again()

    def _try_again(self) -> None:
        self.network.environment.call_at(self.next_attempt, self.send_syn)

    def _send(self, kind: Kind, arrive: Callable[..., None], *arguments: Any) -> None:
        """Put a segment of the handshake on its way. If it is lost, begin again."""
        network = self.network
        source, target = self._ways(kind)
        delay = network.delay(source, target)
        if not network.unobserved:
            judgement = self._judge(kind)
            if isinstance(judgement.final, Drop):
                self._try_again()
                return
            if isinstance(judgement.final, Reset | Close):
                arrive, arguments = self._refused, ()
            delay += judgement.extra
        network.environment.call_later(delay, arrive, *arguments)

    def _ways(self, kind: Kind) -> tuple["Host", "Host"]:
        assert self.target is not None
        if kind in _ANSWERS:
            return self.target, self.source
        return self.source, self.target

    def _judge(self, kind: Kind) -> Judgement:
        """What rules say of a segment; taps see it."""
        source, target = self._ways(kind)
        direction = int(kind in _ANSWERS)
        path = self.network.path
        judgement = path.judge(kind, source, target, self.number, direction, self.port)
        judgement = judgement or Judgement()
        self._tell(kind, lost=isinstance(judgement.final, Drop))
        return judgement

    def _tell(self, kind: Kind, *, lost: bool) -> None:
        network = self.network
        if network.unobserved:
            return
        direction = int(kind in _ANSWERS)
        ways = [(self.source.address, self.local_port), (self.address, self.port)]
        now = network.environment._now
        network.taps.tell(
            kind, self.number, direction, now, ways[direction], ways[1 - direction], lost=lost
        )

    def _arrive(self) -> None:
        if not self._path_is_up():
            self._try_again()
            return
        target = self.target
        assert target is not None
        network = self.network
        server = target.listener(self.port, self.address)
        if server is None:
            network.digest.add(digest.REFUSED, network.environment._now, self.number, 1, b"")
            self._send(Kind.RST, self._refused)
        else:
            self._send(Kind.SYN_ACK, self._established, server)

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
        self._decide(None, error)

    def _established(self, server: SimServer) -> None:
        if not self._path_is_up():
            self._try_again()
            return
        if self.abandoned:
            return
        source, target, network = self.source, self.target, self.network
        assert target is not None
        ours, theirs = _connect_pair(self.number, source, self.local_port, target, self.port)
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
        lost = False
        if not network.unobserved:
            judgement = self._judge(Kind.ACK)
            lost = isinstance(judgement.final, Drop)
            arrival += judgement.extra
        ours._arrival = arrival
        network.environment.call_at(arrival, self._accepted, theirs, server, 0, lost)
        self._decide(ours, None)

    def _accepted(
        self, transport: SimTransport, server: SimServer, attempts: int, lost: bool
    ) -> None:
        if transport.is_closing():
            return  # reset before anybody knew of it
        if attempts < SYN_ACK_RETRIES and (lost or not self._path_is_up()):
            # The handshake's last segment was lost: the listening end asks for it again.
            self.network.environment.call_later(
                2.0**attempts, self._ask_again, transport, server, attempts + 1
            )
            return
        host = transport.host
        host.connections[self.number] = transport
        if attempts == SYN_ACK_RETRIES or host.listener(self.port, self.address) is not server:
            transport.abort()  # nobody answered, or it stopped listening meanwhile
        elif host.is_paused:  # its kernel has accepted; its code will, when it runs again
            # accept() enters the host's context itself, hence a copy.
            later = host.context.copy()
            self.network.loop.call_soon(server.accept, transport, context=later)
        else:
            server.accept(transport)

    def _ask_again(self, transport: SimTransport, server: SimServer, attempts: int) -> None:
        lost = False
        if not self.network.unobserved:
            lost = any(isinstance(self._judge(k).final, Drop) for k in (Kind.SYN_ACK, Kind.ACK))
        self._accepted(transport, server, attempts, lost)


def _connect_pair(
    number: int, client: "Host", client_port: int, server: "Host", server_port: int
) -> tuple[SimTransport, SimTransport]:
    """The two ends of a new established connection: (client's, server's), both without protocol."""
    ours = SimTransport(client, client_port, number, 0)
    theirs = SimTransport(server, server_port, number, 1)
    ours._peer, theirs._peer = theirs, ours
    return ours, theirs
