"""One end of a connection, below asyncio: segments, their order, and what happens when they do not
arrive.

Model: an ordered stream of segments in each direction. A segment arrives after the path's
latency, never before the one sent ahead of it. FIN ends a direction; RST ends the connection;
bytes for an end that is gone are answered with RST. While a host is off the network, what is
sent to or from it is retransmitted with back-off and given up with ETIMEDOUT after the retry
limit; nobody learns of it earlier. An RST is never sent again.

When rules or taps are in force, segments go through `sim.net.path`.

Simplifications: no packets smaller than a write (what is written at one instant is one segment);
acknowledgements are not sent as segments: the sender knows at once what its peer has taken in.
"""

import asyncio
import errno
import math
from typing import TYPE_CHECKING, Any

from sim.net import digest
from sim.net.retransmission import Backoff, Outage
from sim.net.socket_timeouts import timeouts_of

if TYPE_CHECKING:
    from sim.hosts import Host
    from sim.net.network import Network

Segment = list[bytes]
"""The writes of one instant, in order."""

FIN: Segment = []
"""Stands for FIN in the order of segments. Told apart by identity, never changed."""

_NEVER = -1.0
"""One object for all connections: an idle one need not keep the moment at which it last sent."""

SocketOptions = tuple[tuple[int, int, Any], ...]
"""(level, name, value) of each option, in the order in which they were last set."""


class StreamEnd(asyncio.Transport):
    """See the module. `SimTransport` builds asyncio's side on it; the two are one object, because
    ten thousand connections are twenty thousand of them.
    """

    __slots__ = (
        "_arrival",
        "_boot",
        "_dead",
        "_fin_sent",
        "_opaque",
        "_options",
        "_outage",
        "_peer",
        "_segment",
        "_segment_time",
        "_sent",
        "_under_way",
        "direction",
        "host",
        "local_port",
        "number",
    )

    def __init__(self, host: "Host", local_port: int, number: int, direction: int) -> None:
        self.host = host
        self.local_port = local_port
        self.number = number
        self.direction = direction
        self._peer: StreamEnd
        self._options: SocketOptions = ()
        self._arrival = 0.0
        self._segment: Segment | None = None
        self._segment_time = _NEVER
        self._sent = 0
        self._under_way = 0
        self._outage: Outage | None = None
        self._dead = False
        self._boot = host.boots
        self._fin_sent = False
        self._opaque = False

    @property
    def options(self) -> SocketOptions:
        """Socket options that were set on this end."""
        return self._options

    @options.setter
    def options(self, options: SocketOptions) -> None:
        network = self.host.network
        self._options = network.shared_options(options)
        network.keepalives.reconsider(self)
        network.windows.consider_all()

    @property
    def address(self) -> tuple[str, int]:
        """(address, port) of this end."""
        return (self.host.address_on(self.number), self.local_port)

    @property
    def _network(self) -> "Network":
        return self.host.network

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """peername, sockname and socket, as in asyncio."""
        if name == "peername":
            return self._peer.address
        if name == "sockname":
            return self.address
        if name == "socket":
            return self._network.socket_of(self)  # type: ignore[arg-type]  # see the class
        return default

    @property
    def peer(self) -> "StreamEnd":
        """The other end."""
        return self._peer

    @property
    def server_port(self) -> int:
        """The port of the end that listened."""
        return self.local_port if self.direction else self._peer.local_port

    @property
    def is_dead(self) -> bool:
        """Whether it is closed, for whatever reason."""
        return self._dead

    @property
    def last_arrival(self) -> float:
        """When the last thing that was sent from here arrives or arrived at the peer, in virtual
        seconds, as far as the sender knows.
        """
        return self._arrival if self._outage is None else 0.0

    @property
    def outage(self) -> Outage | None:
        """What does not get across at the moment, if anything."""
        return self._outage

    @property
    def unacknowledged(self) -> int:
        """Bytes that were sent and that the peer has not read."""
        return self._under_way

    @property
    def has_ended(self) -> bool:
        """Whether it has said that no more bytes follow (FIN)."""
        return self._fin_sent

    @property
    def is_through(self) -> bool:
        """Whether everything that was sent has arrived."""
        return self._outage is None and self._arrival <= self.host.network.environment._now

    @property
    def vanished(self) -> bool:
        """Whether its host has lost its power since."""
        return self._boot != self.host.boots

    def hears(self) -> bool:
        """Whether what the peer sends gets here, as far as the two hosts are concerned. What was
        under way when the peer's power failed does.
        """
        return self.host.online and (self._peer.host.online or self._peer.vanished)

    # -- for the layer above ----------------------------------------------------------------

    def take(self, segment: Segment) -> None:
        """A segment (or `FIN`) arrived in order, at an end that is alive."""
        raise NotImplementedError

    def broken(self, error: OSError) -> None:
        """The connection is over: reset by the peer, or given up."""
        raise NotImplementedError

    def send(self, data: bytes) -> None:
        """Put bytes on their way. The caller keeps to the peer's window."""
        network = self.host.network
        now = network.environment._now
        kind = digest.OPAQUE if self._opaque else digest.SEGMENT
        network.digest.add(kind, now, self.number, self.direction, data)
        self._sent += len(data)
        self._under_way += len(data)
        if self._segment is not None and self._segment_time == now:
            self._segment.append(data)
            if not network.unobserved:
                network.path.carry_more(self, data)
            return
        segment = [data]
        self._segment = segment
        self._segment_time = now
        self._dispatch(segment)

    def send_fin(self) -> None:
        """Say that no more bytes follow; saying it again does nothing."""
        if self._fin_sent:
            return
        self._fin_sent = True
        network = self.host.network
        network.digest.add(digest.FIN, network.environment._now, self.number, self.direction, b"")
        self._segment = None
        self._dispatch(FIN)

    def send_reset(self, answered: Segment | None = None) -> None:
        """End the connection at the peer, if this one segment gets there.

        If it does not, nothing has acknowledged what it was the answer to, and that comes again.
        """
        network = self.host.network
        now = network.environment._now
        network.digest.add(digest.RST, now, self.number, self.direction, b"")
        peer = self._peer
        arrival = max(now + network.delay(self.host, peer.host), self._arrival)
        if network.unobserved:
            network.environment.call_at(arrival, peer._arrive_reset, answered)
        else:
            network.path.carry_reset(self, arrival, answered)

    # -- on the way -------------------------------------------------------------------------

    def _dispatch(self, segment: Segment) -> None:
        if self._outage is not None:
            self._outage.held.append(segment)
            return
        network = self.host.network
        if not network.unobserved:
            network.path.carry(self, segment)
            return
        peer = self._peer
        arrival = network.environment._now + network.delay(self.host, peer.host)
        if arrival < self._arrival:
            arrival = self._arrival
        self._arrival = arrival
        network.environment.call_at(arrival, peer._arrive, segment)

    def _arrive(self, segment: Segment, *, judged: bool = False) -> None:
        network = self.host.network
        if not (judged or network.unobserved):  # has become so while the segment was under way
            network.path.arrive(self._peer, segment)
            return
        sender = self._peer
        if sender._outage is not None or not (
            self.host.online and (sender.host.online or sender.vanished)
        ):
            sender._stall(segment)
            return
        if sender._segment is segment:
            sender._segment = None
            sender._segment_time = _NEVER
        if not self._dead:
            self.take(segment)
        elif segment is not FIN or self.vanished:
            # FIN to an end that was closed is the normal end of a connection, bytes are not.
            self.send_reset(segment)

    def _arrive_reset(self, answered: Segment | None) -> None:
        if self.hears():
            self.take_reset()
        elif answered is not None:
            self._stall(answered)

    def take_reset(self) -> None:
        """An RST arrives, from whomever."""
        if not self._dead and self.host.online:
            self.broken(ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"))

    def take_end(self) -> None:
        """A FIN arrives that the peer did not send."""
        if not self._dead and self.host.online:
            self.take(FIN)

    def time_out(self) -> None:
        """Nobody answers: the connection is over, for this end."""
        if not self._dead:
            self.broken(TimeoutError(errno.ETIMEDOUT, "Connection timed out"))

    def give_up(self) -> None:
        """Time out, and say so with RST in case somebody hears it after all."""
        self.send_reset()
        self.time_out()

    # -- a path that is down ----------------------------------------------------------------

    def _stall(self, segment: Segment | None) -> None:
        """A segment of ours did not arrive, or (None) what arrived was not acknowledged: try again
        with back-off until the retry limit.
        """
        if self._segment is segment:
            self._segment = None
        outage = self._outage
        if outage is None:
            now = self.host.network.environment._now
            patience = timeouts_of(self._options).user_timeout
            outage = self._outage = Outage(Backoff(now, patience))
            self._retry(outage)
        if segment is not None:
            outage.stalled.append(segment)

    def _retry(self, outage: Outage) -> None:
        """The last attempt was in vain: wait for the next, or give up."""
        environment = self.host.network.environment
        wait = outage.backoff.next_wait(environment._now)
        if wait is not None:
            outage.due = environment._now + wait
            environment.call_at(outage.due, self._retransmit, outage)
            return
        self._outage = None
        self.time_out()

    def _retransmit(self, outage: Outage) -> None:
        if outage is not self._outage or self.vanished:
            return
        network = self.host.network
        environment = network.environment
        if environment._now <= self._arrival:
            # What was sent before the path was found to be down is still under way and has to
            # queue up first.
            after = math.nextafter(self._arrival, math.inf)
            environment.call_at(after, self._retransmit, outage)
        else:
            network.path.retransmit(self, outage)


def name_of(error: BaseException) -> str:
    """For the trace: an errno in small letters, else the class."""
    if isinstance(error, OSError) and error.errno:
        return errno.errorcode.get(error.errno, "error").lower()
    return type(error).__name__
