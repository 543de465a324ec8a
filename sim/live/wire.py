"""A connection through this process: two ends, a lane each way, and what the path does to them.

The path is that of the simulated world: the links of the two hosts (latency, jitter), whether the
hosts are on the network, and the network's chain of rules, which faults are made of.
"""

from typing import TYPE_CHECKING, Any, cast

from sim.live.lane import FIN, RST, End, Lane
from sim.net.rules import Drop, Judgement, Kind, Packet, Reset

if TYPE_CHECKING:
    from sim.kernel.environment import SimEnvironment
    from sim.live.hosts import LiveHost
    from sim.live.network import LiveNetwork


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

    def connected(self) -> None:
        """The handshake's last segment goes the same way as the first bytes and ahead of them. The
        other host accepts when it arrives, and says nothing earlier.
        """
        judgement = self.judge(0, Kind.ACK)
        up, down = self.lanes
        accepted = self.env.now + self.delay() + (judgement.extra if judgement is not None else 0.0)
        up.nothing_arrives_before(accepted)
        down.nothing_arrives_before(accepted + self.delay())

    # -- being ended from the middle

    def reset(self, lane: Lane, ends: Reset) -> None:
        """RST to the ends named, as seen from the one that sends into `lane`: behind what is on its
        way to them.
        """
        for leads_there, wanted in ((self.opposite(lane), ends.sender), (lane, ends.receiver)):
            if wanted:
                leads_there.end_midway(RST)

    def close_midway(self, lane: Lane, data: bytes, due: float) -> None:
        """Let this much through, and end the stream at both ends."""
        lane.end_midway(FIN, data, due)
        self.opposite(lane).end_midway(FIN)

    def abort(self) -> None:
        """RST to both ends at once: the world ends."""
        for lane in self.lanes:
            lane.clear()
            lane.source.reset(ConnectionResetError(104, "Connection reset by peer"))

    def end_gone(self, direction: int, how: str) -> None:
        """One of the ends is no more: the one that sends in that direction."""
        over = all(lane.source.gone for lane in self.lanes)
        host = self.client if direction == 0 else self.server
        self._network.closed(self, host, how, over=over)
