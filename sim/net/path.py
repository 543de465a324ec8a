"""What happens to a segment between two hosts while rules, taps, shaped links or cost models are
active.

`sim.net.stream` delivers by itself while none is (`Network.unobserved`); otherwise it leaves
its segments to this module, which asks the rules and carries out their verdict. What is dropped
goes the way of every lost segment: it is sent again with back-off, in order, until the retry limit.

Simplifications: while the first lost segment has not been acknowledged, nothing behind it is sent
(the congestion window after a timeout); a lost acknowledgement matters only if what takes it away
takes all of them (see `sim.net.faults.Partition`).
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from sim.net.rules import Close, Deliver, Drop, Judgement, Kind, Packet, Reset
from sim.net.stream import FIN, Segment, StreamEnd

if TYPE_CHECKING:
    from sim.hosts import Host
    from sim.net.cost import Workload
    from sim.net.network import Network
    from sim.net.retransmission import Outage


BOTH = Reset()


class Path:
    """See the module. One per network."""

    def __init__(self, network: "Network") -> None:
        self._network = network

    def judge(
        self,
        kind: Kind,
        source: "Host",
        target: "Host",
        connection: int,
        direction: int,
        port: int,
        size: int = 0,
    ) -> Judgement | None:
        """What the rules say. Nothing, about what never leaves a host."""
        network = self._network
        if source is target or not network.rules:
            return None
        now = network.environment._now
        packet = Packet(kind, source, target, connection, direction, port, size, now)
        return network.rules.judge(packet)

    def _judge(self, end: StreamEnd, kind: Kind, size: int = 0) -> Judgement | None:
        peer = end._peer
        number, direction, port = end.number, end.direction, end.server_port
        return self.judge(kind, end.host, peer.host, number, direction, port, size)

    def tell(self, end: StreamEnd, kind: Kind, data: bytes = b"", *, lost: bool = False) -> None:
        """Let the taps see a segment of `end`."""
        network, peer = self._network, end._peer
        network.taps.tell(
            kind,
            end.number,
            end.direction,
            network.environment._now,
            end.address,
            peer.address,
            data,
            lost=lost or not peer.hears(),
        )

    # -- bytes and FIN ----------------------------------------------------------------------

    def carry(self, end: StreamEnd, segment: Segment) -> None:
        """Put a segment of `end` on its way."""
        network = self._network
        now = network.environment._now
        peer = end._peer
        data = b"".join(segment)
        kind = Kind.FIN if segment is FIN else Kind.DATA
        judgement = self._judge(end, kind, len(data))
        arrival = now + network.delay(end.host, peer.host)
        final = None
        if judgement is not None:
            end._segment = None  # the next write of this instant is judged by itself
            arrival += judgement.extra
            final = judgement.final
        end._arrival = arrival = max(arrival, end._arrival)
        if isinstance(final, Close):
            data = data[: final.keep]
        self.tell(end, kind, data, lost=isinstance(final, Drop))
        if isinstance(final, Reset):
            self.reset(end, final)
        elif isinstance(final, Close):
            self._close(end, data)
        elif isinstance(final, Drop):
            # Noticed when it should have been there: what was sent before is under way still.
            network.environment.call_at(arrival, self._lost, end, segment)
        elif judgement is not None and judgement.pieces and data:
            self._carry_pieces(end, data, judgement.pieces)
        else:
            network.environment.call_at(arrival, self.arrive, end, segment)

    def _carry_pieces(
        self, end: StreamEnd, data: bytes, pieces: tuple[tuple[int, float], ...]
    ) -> None:
        call_at = self._network.environment.call_at
        sent = 0
        for number, (size, gap) in enumerate(pieces):
            end._arrival += gap
            until = len(data) if number == len(pieces) - 1 else sent + size
            call_at(end._arrival, self.arrive, end, [data[sent:until]])
            sent = until

    def carry_more(self, end: StreamEnd, data: bytes) -> None:
        """More bytes join the segment that was sent at this instant."""
        self.tell(end, Kind.DATA, data)

    def _lost(self, end: StreamEnd, segment: Segment) -> None:
        end._stall(segment)

    def arrive(self, end: StreamEnd, segment: Segment) -> None:
        """A segment of `end` is at its peer, if that hears it."""
        peer = end._peer
        gets_through = end._outage is None and peer.hears()
        if gets_through:
            # First, so that what is sent in answer acknowledges it.
            self._network.taps.arrived(end.number, end.direction, sum(map(len, segment)) or 1)
        if gets_through and peer.host.workload is not None and not peer.is_dead:
            self._queue_for_work(peer, peer.host.workload, segment)
        else:
            peer._arrive(segment, judged=True)
        if not gets_through:
            return
        if segment is not FIN and not end._dead and self._acknowledgement_is_lost(end):
            end._stall(None)

    def _queue_for_work(self, end: StreamEnd, workload: "Workload", segment: Segment) -> None:
        environment = self._network.environment
        data = b"".join(segment) if end.direction else b""
        end.peer._segment = None
        ready = workload.admit(end.number, environment._now, data)
        environment.call_at(ready, self._worked_off, end, segment)

    def _worked_off(self, end: StreamEnd, segment: Segment) -> None:
        if not end.is_dead:
            end.take(segment)

    def _acknowledgement_is_lost(self, end: StreamEnd) -> bool:
        judgement = self._judge(end._peer, Kind.ACK)
        return judgement is not None and isinstance(judgement.final, Drop)

    # -- sending again ----------------------------------------------------------------------

    def retransmit(self, end: StreamEnd, outage: "Outage") -> None:
        """Send the first thing that has not arrived again; everything else follows when it has."""
        network = self._network
        head = outage.stalled[0] if outage.stalled else None
        kind = Kind.FIN if head is FIN else Kind.DATA
        data = b"".join(head) if head else b""
        judgement = self._judge(end, kind, len(data))
        final = judgement.final if judgement is not None else None
        if isinstance(final, Close):
            data = data[: final.keep]
        if head is not None:
            network.taps.rewind(end.number, end.direction)
            self.tell(end, kind, data, lost=isinstance(final, Drop))
        peer = end._peer
        if isinstance(final, Reset):
            self.reset(end, final)
        elif isinstance(final, Close):
            self._close(end, data)
        elif isinstance(final, Drop) or not peer.hears():
            end._retry(outage)
        else:
            extra = judgement.extra if judgement is not None else 0.0
            end._arrival = network.environment._now + network.delay(end.host, peer.host) + extra
            network.environment.call_at(end._arrival, self._arrive_again, end, outage)

    def _arrive_again(self, end: StreamEnd, outage: "Outage") -> None:
        if end._outage is not outage:
            return
        if not end._peer.hears():
            end._retry(outage)
            return
        if outage.stalled:
            end._outage = None
            segment = outage.stalled.popleft()
            self._network.taps.arrived(end.number, end.direction, sum(map(len, segment)) or 1)
            end._peer._arrive(segment, judged=True)
            answer_is_lost = end._outage is not None
            end._outage = outage
            if answer_is_lost:
                outage.stalled.appendleft(segment)
                end._retry(outage)
                return
        if not end._dead and self._acknowledgement_is_lost(end):
            end._retry(outage)
            return
        end._outage = None
        segments = [*outage.stalled, *outage.held]
        # What has gathered meanwhile goes as one: TCP cuts its queue anew when it sends it.
        if data := [piece for segment in segments for piece in segment]:
            end._dispatch(data)
        if segments and segments[-1] is FIN:
            end._dispatch(FIN)

    # -- probes -------------------------------------------------------------------------------

    def verdict(self, end: StreamEnd, kind: Kind) -> Drop | Reset | Close | None:
        """The final verdict on a segment of `end` without bytes, unless it gets through."""
        judgement = self._judge(end, kind)
        final = judgement.final if judgement is not None else None
        return None if isinstance(final, Deliver) else final

    # -- ending it from the middle ------------------------------------------------------------

    def carry_reset(self, end: StreamEnd, arrival: float, answered: Segment | None) -> None:
        """Put an RST of `end` on its way; see `StreamEnd.send_reset`."""
        judgement = self._judge(end, Kind.RST)
        lost = judgement is not None and judgement.final is not None
        self.tell(end, Kind.RST, lost=lost)
        if not lost:
            extra = judgement.extra if judgement is not None else 0.0
            self._network.environment.call_at(arrival + extra, end._peer._arrive_reset, answered)
        elif answered is not None:
            end._peer._stall(answered)

    def reset(self, end: StreamEnd, ends: Reset = BOTH) -> None:
        """The middle of the network sends RST to both ends of the connection of `end`, or one."""
        for this, wanted in ((end, ends.sender), (end._peer, ends.receiver)):
            if wanted:
                self._end(this, Kind.RST, this.take_reset)

    def _close(self, end: StreamEnd, data: bytes) -> None:
        network = self._network
        network.disown(end.number, Reset(receiver=False))
        peer = end._peer
        if data:
            network.environment.call_at(end._arrival, self.arrive, end, [data])
        self._end(peer, Kind.FIN, peer.take_end)
        self._end(end, Kind.FIN, end.take_end)

    def _end(self, end: StreamEnd, kind: Kind, arrive: Callable[[], None]) -> None:
        """Let something arrive at `end` that its peer did not send, after what its peer did."""
        network, peer = self._network, end._peer
        now = network.environment._now
        self.tell(peer, kind)
        peer._arrival = max(now + network.delay(peer.host, end.host), peer._arrival)
        network.environment.call_at(peer._arrival, arrive)
