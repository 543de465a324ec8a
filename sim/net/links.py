"""What lies between a host and the middle of the network.

A path from host A to host B is A's link followed by B's. Latency is one way, in virtual seconds;
jitter is uniform on top of it. A link may also lose packets and have a bandwidth with a queue in
front of it; none does unless told so, and then `sim.net.shaping` sees to it.

Simplification: both directions of a link are alike.
"""

from dataclasses import dataclass
from random import Random


@dataclass(frozen=True, slots=True)
class Link:
    """One host's access to the network. `ValueError` for values that no link can have."""

    latency: float
    """Seconds, one way."""
    jitter: float = 0.0
    """Seconds on top, evenly between none and this."""
    loss: float = 0.0
    """Probability of a packet to be lost, each way."""
    bandwidth: float | None = None
    """Bytes per second, each way. None: no limit."""
    queue: int | None = None
    """Bytes that may wait for the bandwidth, each way; what finds the queue full is lost. None:
    no limit.
    """

    def __post_init__(self) -> None:
        if not (self.latency >= 0 and self.jitter >= 0):
            raise ValueError("latency and jitter of a link must not be negative")
        if not 0 <= self.loss <= 1:
            raise ValueError(f"loss is a probability, from 0 to 1, not {self.loss}")
        if self.bandwidth is not None and not self.bandwidth > 0:
            raise ValueError("the bandwidth of a link must be positive")
        if self.queue is not None and (self.queue < 0 or self.bandwidth is None):
            raise ValueError("a queue must not be negative, and needs a bandwidth")

    @property
    def is_shaped(self) -> bool:
        """Whether it does more than take time."""
        return bool(self.loss) or self.bandwidth is not None

    def delay(self, rng: Random) -> float:
        """Seconds one segment takes through this link. Draws only if there is jitter."""
        if self.jitter:
            return self.latency + self.jitter * rng.random()
        return self.latency


LINKS: dict[str, Link] = {
    "datacentre": Link(latency=0.000_5),
    "ethernet": Link(latency=0.004, jitter=0.001),
    "wifi": Link(latency=0.012, jitter=0.006),
    "cellular": Link(latency=0.060, jitter=0.040),
}
"""Links by name. Chosen to be plausible for 2013, not measured."""
