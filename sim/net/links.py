"""What lies between a host and the middle of the network.

A path from host A to host B is A's link followed by B's. Latency is one way, in virtual seconds;
jitter is uniform on top of it.

Simplifications: no loss and no bandwidth; both directions of a link are alike.
"""

from dataclasses import dataclass
from random import Random


@dataclass(frozen=True, slots=True)
class Link:
    """One host's access to the network. `latency` and `jitter` in seconds, one way."""

    latency: float
    jitter: float = 0.0

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
