"""Faults that make a path slow."""

from dataclasses import dataclass, field
from typing import ClassVar

from sim.net.faults.base import PathFault, require
from sim.net.rules import Delay, Kind, Packet, Split, Verdict
from sim.net.shaping import HEADER, TransmissionQueue


@dataclass(kw_only=True, eq=False)
class Latency(PathFault):
    """Every segment takes `latency` seconds longer, give or take `jitter`."""

    family: ClassVar[str] = "latency"

    latency: float
    jitter: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self, self.latency >= 0 and self.jitter >= 0, "times must not be negative")

    def affect(self, packet: Packet) -> Verdict | None:
        if packet.kind is Kind.ACK:
            return None
        delay = self.latency
        if self.jitter:
            delay += self.jitter * self.ground.rng.uniform(-1.0, 1.0)
        return Delay(max(delay, 0.0))


@dataclass(kw_only=True, eq=False)
class Jitter(PathFault):
    """Every segment takes up to `jitter` seconds longer; segments of a connection stay in order."""

    family: ClassVar[str] = "jitter"

    jitter: float

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self, self.jitter >= 0, "jitter must not be negative")

    def affect(self, packet: Packet) -> Verdict | None:
        if packet.kind is Kind.ACK:
            return None
        return Delay(self.jitter * self.ground.rng.random())


@dataclass(kw_only=True, eq=False)
class Bandwidth(PathFault):
    """The path carries `rate` bytes a second in each direction; what is more waits.

    Unlike Toxiproxy's, the rate is that of the path: all its connections share it.
    """

    family: ClassVar[str] = "bandwidth"

    rate: float
    _queues: dict[bool, TransmissionQueue] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self, self.rate > 0, "the rate must be positive")

    def affect(self, packet: Packet) -> Verdict | None:
        if packet.kind is Kind.ACK:
            return None
        upstream = self._links(packet.source, packet.target)
        queue = self._queues.get(upstream)
        if queue is None:
            queue = self._queues[upstream] = TransmissionQueue(self.rate)
        duration = queue.enter(packet.now, packet.size + HEADER)
        assert duration is not None  # its queue has no limit
        return Delay(duration)


@dataclass(kw_only=True, eq=False)
class SlowClose(PathFault):
    """The end of a connection (FIN) takes `delay` seconds longer."""

    family: ClassVar[str] = "slow_close"

    delay: float

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self, self.delay >= 0, "the delay must not be negative")

    def affect(self, packet: Packet) -> Verdict | None:
        return Delay(self.delay) if packet.kind is Kind.FIN else None


@dataclass(kw_only=True, eq=False)
class Slicer(PathFault):
    """Segments arrive in slices of about `average_size` bytes, give or take `size_variation`,
    `delay` seconds apart.
    """

    family: ClassVar[str] = "slicer"

    average_size: int
    size_variation: int = 0
    delay: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self, self.average_size > 0, "the average size must be positive")
        varies = 0 <= self.size_variation < self.average_size
        require(self, varies, "the variation must be less than the average size")
        require(self, self.delay >= 0, "the delay must not be negative")

    def affect(self, packet: Packet) -> Verdict | None:
        if packet.kind is not Kind.DATA or packet.size <= self.average_size - self.size_variation:
            return None
        pieces = []
        left, gap = packet.size, 0.0
        while left > 0:
            variation = self.ground.rng.randint(-self.size_variation, self.size_variation)
            size = min(left, self.average_size + variation)
            pieces.append((size, gap))
            left -= size
            gap = self.delay
        return Split(tuple(pieces)) if len(pieces) > 1 else None
