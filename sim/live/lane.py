"""One direction of a connection that passes through this process: bytes in order, in their time.

What one end sends is held for as long as the path takes (links of the two hosts, rules), and then
handed to the other end: data, the end of the stream (FIN) or a reset (RST). What the path drops (a
host is off the network, a rule says so) is missed when it should have arrived, then sent again with
TCP's back-off; what was sent behind it waits, and follows as one segment. Nobody is told. An RST is
never sent again, and data for an end that is gone is answered with one.

Data that arrive are acknowledged by the way back. If that one drops the acknowledgement, the sender
sends the same again with back-off, though the receiver has it, and nothing behind it meanwhile.

Simplifications: as in `sim.net.path`, nothing is sent behind what waits for its acknowledgement.
When the back-off ends, a sender in another process is reset; its own kernel, which has had every
byte acknowledged by this process (TCP_INFO says so, too), would say ETIMEDOUT.
"""

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from sim.net.retransmission import Backoff
from sim.net.rules import Close, Drop, Judgement, Kind, Reset

if TYPE_CHECKING:
    from sim.kernel.environment import Call
    from sim.live.hosts import LiveHost
    from sim.live.wire import Wire

HIGH_WATER: Final = 262_144
LOW_WATER: Final = 65_536
"""Bytes on their way at which the sender is stopped, and set going again."""

FIN: Final = b"FIN"
RST: Final = b"RST"
"""Items that are no data: told apart by identity."""


class End(Protocol):
    """Where a lane leads to, or comes from."""

    gone: bool
    """Nothing will be taken from here any more."""

    def deliver(self, data: bytes) -> None: ...
    def finish(self) -> None:
        """The peer sends no more."""

    def reset(self, error: OSError) -> None:
        """The connection is no more."""

    def pause(self) -> None:
        """Send nothing for now."""

    def resume(self) -> None: ...


@dataclass(slots=True)
class _Sent:
    """Something on its way. `due`: when it arrives or, if it is lost, is missed."""

    due: float
    item: bytes
    lost: bool = False


class Lane:
    """See the module. `direction` is 0 from the dialling host to the other, 1 back.

    To faults a lane stands for the end that sends into it.
    """

    __slots__ = (
        "_backoff",
        "_blocked",
        "_held",
        "_holding",
        "_last_due",
        "_paused",
        "_queue",
        "_size",
        "_timer",
        "_unacknowledged",
        "direction",
        "ended",
        "ended_midway",
        "source",
        "target",
        "wire",
    )

    def __init__(self, wire: "Wire", source: End, target: End, direction: int) -> None:
        self.wire = wire
        self.source = source
        self.target = target
        self.direction = direction
        self.ended = False
        """FIN or RST was sent: nothing may follow."""
        self.ended_midway = False
        """The path has ended the stream: it answers data that the source still sends with RST."""
        self._queue: deque[_Sent] = deque()
        """What is on its way, in order."""
        self._held: deque[bytes] = deque()
        """What was lost, and what was sent since."""
        self._size = 0
        self._last_due = 0.0
        self._timer: Call | None = None
        self._holding = False
        """Something was lost: what is sent waits for the next attempt."""
        self._unacknowledged = False
        """What was lost is the acknowledgement; what it is of has arrived."""
        self._backoff: Backoff | None = None
        """Since the first loss, until something is acknowledged."""
        self._blocked = False
        self._paused = False

    def __repr__(self) -> str:
        wire = self.wire
        ends = f"{wire.client.name} -> {wire.server.name}:{wire.port}"
        return f"<Lane {wire.number} of {self.host.name} [{self.state}] {ends}, {self.size} bytes>"

    @property
    def state(self) -> str:
        """In a word: `held` by the path, `ended` by FIN or RST, or `open`."""
        return "held" if self._holding else "ended" if self.ended else "open"

    @property
    def size(self) -> int:
        """Bytes that were sent and have not arrived."""
        return self._size

    def push(self, item: bytes) -> None:
        """The source sends data, `FIN` or `RST`."""
        if self.ended_midway:
            if item is not FIN and item is not RST:
                self.wire.reset(self, Reset(receiver=False))
            return
        if self.ended:
            return
        self.ended = item is FIN or item is RST
        self._size += len(item)
        if item is RST:
            self._forget_losses()
        if self._holding:
            self._held.append(item)
        else:
            self._send(item)
        if self._size > HIGH_WATER and not self._paused:
            self._paused = True
            self.source.pause()

    def block(self) -> None:
        """The target can take no more for now."""
        self._blocked = True

    def unblock(self) -> None:
        self._blocked = False
        if not self._holding:
            self._move()

    def clear(self) -> None:
        """Nothing of it will arrive."""
        self.ended = True
        self._queue.clear()
        self._held.clear()
        self._size = 0
        self._holding = self._unacknowledged = False
        self._backoff = None
        self._set_timer(None)

    def vanish(self) -> None:
        """The end that sends here is gone without a word."""
        self.clear()
        self.source.reset(ConnectionResetError(104, "Connection reset by peer"))

    def answer_reset(self) -> None:
        """Data came for an end that is gone: reset the other one, even after a FIN."""
        self.ended = False
        self.push(RST)

    def source_gone(self, how: str) -> None:
        """The end that sends here is no more: by `fin`, `rst` or the name of an error."""
        self.wire.end_gone(self.direction, how)

    # -- as faults see the sending end

    @property
    def number(self) -> int:
        return self.wire.number

    @property
    def host(self) -> "LiveHost":
        """Whose end it is."""
        return self.wire.server if self.direction else self.wire.client

    @property
    def peer(self) -> "Lane":
        return self.wire.opposite(self)

    @property
    def server_port(self) -> int:
        return self.wire.port

    @property
    def is_dead(self) -> bool:
        return self.source.gone

    # -- on the way

    def _send(self, item: bytes) -> None:
        """Put it on its way."""
        wire = self.wire
        judgement = self._judge(item)
        final = judgement.final if judgement is not None else None
        extra = judgement.extra if judgement is not None else 0.0
        due = max(self._last_due, wire.env.now + wire.delay() + extra)
        if isinstance(final, Reset):
            wire.reset(self, final)
            return
        if isinstance(final, Close):
            wire.close_midway(self, item[: final.keep], due)
            return
        lost = isinstance(final, Drop)
        if lost and item is RST:
            self._size -= len(item)
        elif lost or judgement is None or not judgement.pieces:
            self._enqueue(item, due, lost=lost)
        else:
            *pieces, (_, gap_before_rest) = judgement.pieces
            for size, gap in pieces:
                due += gap
                self._enqueue(item[:size], due)
                item = item[size:]
            self._enqueue(item, due + gap_before_rest)
        self._move()

    def end_midway(self, item: bytes, data: bytes = b"", due: float | None = None) -> None:
        """The path itself ends the stream, with `FIN` or `RST` behind what is on its way and `data`
        (due then); what has been lost is not sent again.
        """
        self.ended = self.ended_midway = True
        self._forget_losses()
        if due is None:
            due = max(self._last_due, self.wire.env.now + self.wire.delay())
        if data:
            self._enqueue(data, due)
        self._size += len(item)
        self._enqueue(item, due)
        self._move()

    def nothing_arrives_before(self, due: float) -> None:
        """Whatever is sent from now on arrives at `due` (seconds of the world) or later."""
        self._last_due = max(self._last_due, due)

    def _judge(self, item: bytes) -> Judgement | None:
        kind = Kind.FIN if item is FIN else Kind.RST if item is RST else Kind.DATA
        size = len(item) if kind is Kind.DATA else 0
        return self.wire.judge(self.direction, kind, size)

    def _enqueue(self, item: bytes, due: float, *, lost: bool = False) -> None:
        self._last_due = due
        self._queue.append(_Sent(due, item, lost))

    def _forget_losses(self) -> None:
        """Send nothing again; what is on its way ahead of the first loss still arrives."""
        kept: deque[_Sent] = deque()
        for sent in self._queue:
            if sent.lost:
                break
            kept.append(sent)
        self._queue = kept
        self._held.clear()
        self._size = sum(len(sent.item) for sent in kept)
        self._holding = self._unacknowledged = False
        self._backoff = None
        self._set_timer(None)

    def _move(self) -> None:
        """Hand over what is due; look again when the next is."""
        env = self.wire.env
        self._set_timer(None)
        while self._queue and not (self._blocked or self._holding):
            sent = self._queue[0]
            if sent.due > env.now:
                self._set_timer(env.call_at(sent.due, self._move))
                break
            if sent.lost or not self.wire.passable:
                self._back_off()
                return
            self._queue.popleft()
            self._size -= len(sent.item)
            self._hand_over(sent.item)
        if self._paused and self._size < LOW_WATER:
            self._paused = False
            self.source.resume()

    def _hand_over(self, item: bytes) -> None:
        if item is RST:
            self.clear()
            self.target.reset(ConnectionResetError(104, "Connection reset by peer"))
        elif self.target.gone:
            self.clear()
            if item is not FIN:
                self.wire.opposite(self).answer_reset()
        elif item is FIN:
            self.target.finish()
        else:
            self.target.deliver(item)
            self._be_acknowledged()

    def _be_acknowledged(self) -> None:
        """Data arrived: the sender learns it, or goes on to send them again."""
        if self.source.gone or self.ended_midway:  # nobody is to be told, and what follows goes on
            self._unacknowledged = False
            return
        judgement = self.wire.judge(1 - self.direction, Kind.ACK)
        self._unacknowledged = judgement is not None and isinstance(judgement.final, Drop)
        if self._unacknowledged:
            self._back_off()
        else:
            self._backoff = None

    # -- sending again

    def _back_off(self) -> None:
        """Something did not get through: it and all behind it is held, and tried again later."""
        now = self.wire.env.now
        if not self._holding:
            on_the_way = [sent.item for sent in self._queue]
            self._queue.clear()
            if any(item is RST for item in on_the_way):  # an RST that is lost is not sent again
                self.clear()
                return
            self._holding = True
            self._held.extendleft(reversed(on_the_way))
        if self._backoff is None:
            self._backoff = Backoff(now)
        wait = self._backoff.next_wait(now)
        if wait is None:
            self.clear()
            self.source.reset(TimeoutError(110, "Connection timed out"))
        else:
            self._set_timer(self.wire.env.call_later(wait, self._try_again))

    def _try_again(self) -> None:
        """Send the first thing that has not been acknowledged; the rest follows when it has."""
        self._set_timer(None)
        wire = self.wire
        head = b"" if self._unacknowledged else self._held[0]
        judgement = self._judge(head)
        final = judgement.final if judgement is not None else None
        extra = judgement.extra if judgement is not None else 0.0
        if isinstance(final, Drop):
            self._back_off()
        elif isinstance(final, Reset):
            wire.reset(self, final)
        elif isinstance(final, Close):
            due = wire.env.now + wire.delay() + extra
            wire.close_midway(self, head[: final.keep], due)
        else:
            self._set_timer(wire.env.call_later(wire.delay() + extra, self._arrived_again))

    def _arrived_again(self) -> None:
        self._set_timer(None)
        if not self.wire.passable:
            self._back_off()
            return
        self._holding = False
        if self._unacknowledged:
            self._be_acknowledged()
        else:
            self._enqueue(self._held.popleft(), self.wire.env.now)
            self._move()
        if not self._is_holding:
            self._send_the_rest()

    def _send_the_rest(self) -> None:
        """What has gathered goes as one segment: TCP cuts its queue anew when it sends it."""
        held, self._held = self._held, deque()
        ends = bool(held) and held[-1] is FIN
        if ends:
            held.pop()
        if held:
            self._send(b"".join(held))
        if ends:
            self._send(FIN)

    @property
    def _is_holding(self) -> bool:
        return self._holding

    def _set_timer(self, timer: "Call | None") -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = timer
