"""Links with a bandwidth, a queue or loss.

Model: a link sends one packet after the other, each taking its size divided by the bandwidth; what
comes meanwhile waits in the queue, and is lost if the queue is full (tail drop). Both directions
have a queue of their own, shared by all connections of the host.

Simplification: the queue in front of the receiver's link is joined in the order of sending, not of
arrival there; a segment of many packets is lost or queued as one.
"""

from random import Random
from typing import TYPE_CHECKING

from sim.net.rules import Delay, Drop, Packet, Verdict

if TYPE_CHECKING:
    from sim.net.links import Link

HEADER = 40
"""Bytes of IP and TCP headers without options (RFC 791, RFC 9293)."""


class TransmissionQueue:
    """A queue in front of a line: `rate` in bytes per second, room for `limit` waiting bytes."""

    __slots__ = ("_free_at", "_limit", "_rate")

    def __init__(self, rate: float, limit: int | None = None) -> None:
        self._rate = rate
        self._limit = limit
        self._free_at = 0.0

    def enter(self, now: float, size: int) -> float | None:
        """Seconds until a packet that comes now has been sent; None if the queue has no room.

        A packet that finds the line free is sent however large it is.
        """
        wait = max(self._free_at - now, 0.0)
        if self._limit is not None and wait and wait * self._rate + size > self._limit:
            return None
        duration = wait + size / self._rate
        self._free_at = now + duration
        return duration


class ShapedLinks:
    """The rule for links that have loss or a bandwidth."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._queues: dict[tuple[str, str], tuple[Link, TransmissionQueue]] = {}

    def judge(self, packet: Packet) -> Verdict | None:
        extra = 0.0
        for host, way in ((packet.source, "out"), (packet.target, "in")):
            link = host.link
            if link.loss and self._rng.random() < link.loss:
                return Drop()
            if link.bandwidth is not None:
                queue = self._queue(host.name, way, link, link.bandwidth)
                duration = queue.enter(packet.now + extra, packet.size + HEADER)
                if duration is None:
                    return Drop()
                extra += duration
        return Delay(extra) if extra else None

    def _queue(self, host: str, way: str, link: "Link", rate: float) -> TransmissionQueue:
        found = self._queues.get((host, way))
        if found is None or found[0] is not link:
            found = self._queues[host, way] = (link, TransmissionQueue(rate, link.queue))
        return found[1]
