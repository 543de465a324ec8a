"""A connection through this process: two ends, a lane each way, and what the path does to them.

The path is that of the simulated world: the links of the two hosts (latency, jitter), whether the
hosts are on the network, and the network's chain of rules, which faults are made of.
"""

from typing import TYPE_CHECKING, Any, Final, cast

from sim.live.lane import End, Lane
from sim.net.rules import Close, Drop, Judgement, Kind, Packet, Reset

if TYPE_CHECKING:
    from sim.kernel.environment import SimEnvironment
    from sim.live.hosts import LiveHost
    from sim.live.network import LiveNetwork

SYN_RETRIES: Final = 6
"""Repetitions of an unanswered SYN (Linux, tcp_syn_retries), after 1, 2, 4, ... s."""

_RESET: Final = ConnectionResetError(104, "Connection reset by peer")


class Wire:
    """See the module. `client` dialled `server` on `port` (the port's number in the scenario's
    world, not that of the real socket).
    """

    def __init__(
        self, network: "LiveNetwork", client: "LiveHost", server: "LiveHost", port: int
    ) -> None:
        self._network = network
        self.number = network.next_number()
        self.client = client
        self.server = server
        self.port = port
        self.severed = False
        """One of the hosts has another address now: what is sent to the old one vanishes."""
        self.lanes: tuple[Lane, ...] = ()
        """From the client to the server, and back; none before the connection stands."""

    @property
    def env(self) -> "SimEnvironment":
        return self._network.environment

    def join(self, near: End, far: End) -> tuple[Lane, Lane]:
        """Put the ends in their places, the dialling one first; the lanes that lead from them."""
        up, down = Lane(self, near, far, 0), Lane(self, far, near, 1)
        self.lanes = (up, down)
        return up, down

    def opposite(self, lane: Lane) -> Lane:
        """The lane that leads the other way."""
        return self.lanes[1 - lane.direction]

    # -- what the path does

    def delay(self) -> float:
        """Seconds one piece takes through the links, drawn now."""
        rng = self._network.rng
        return self.client.link.delay(rng) + self.server.link.delay(rng)

    @property
    def passable(self) -> bool:
        """Whether there is a path at all."""
        return self.client.online and self.server.online and not self.severed

    def judge(self, direction: int, kind: Kind, size: int = 0) -> Judgement | None:
        """What becomes of a packet that is sent now; None: it arrives after the usual delay."""
        if not self.passable:
            return Judgement(final=Drop())
        rules = self._network.rules
        if not rules:
            return None
        ends = (self.client, self.server) if direction == 0 else (self.server, self.client)
        source, target = cast(Any, ends)
        now = self.env.now
        return rules.judge(
            Packet(kind, source, target, self.number, direction, self.port, size, now)
        )

    def answer(self) -> Drop | Reset | Close | None:
        """What becomes of an attempt to connect that is made now; None: the handshake succeeds."""
        for direction, kind in ((0, Kind.SYN), (1, Kind.SYN_ACK)):
            judgement = self.judge(direction, kind)
            if judgement is not None and isinstance(judgement.final, Drop | Reset | Close):
                return judgement.final
        return None

    # -- being ended from the middle

    def reset(self, lane: Lane, ends: Reset) -> None:
        """RST to the ends named, as seen from the one that sends into `lane`."""
        for end, wanted in ((lane.source, ends.sender), (lane.target, ends.receiver)):
            if wanted:
                end.reset(_RESET)
        for each in self.lanes:
            each.clear()

    def reset_both(self) -> None:
        """RST to both ends, at once."""
        if self.lanes:
            self.reset(self.lanes[0], Reset())

    def close_after(self, lane: Lane, data: bytes, delay: float) -> None:
        """Let this much through, and then end the stream at both ends."""
        lane.enqueue_last(data, delay)
        self.opposite(lane).enqueue_last(b"", 0.0)

    def end_gone(self, direction: int, how: str) -> None:
        """One of the ends is no more: the one that sends in that direction."""
        over = all(lane.source.gone for lane in self.lanes)
        host = self.client if direction == 0 else self.server
        self._network.closed(self, host, how, over=over)
