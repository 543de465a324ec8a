"""Faults that lose packets. What a stream loses comes again, or the connection times out."""

from dataclasses import dataclass
from typing import ClassVar

from sim.net.faults.base import PathFault, require
from sim.net.rules import Drop, Kind, Packet, Verdict


@dataclass(kw_only=True, eq=False)
class Loss(PathFault):
    """A `share` of the segments is lost, and of their retransmissions as well.

    Acknowledgements are not lost: the next one says the same.
    """

    family: ClassVar[str] = "loss"

    share: float

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self, 0 <= self.share <= 1, "the share must be from 0 to 1")

    def affect(self, packet: Packet) -> Verdict | None:
        if packet.kind is Kind.ACK or self.ground.rng.random() >= self.share:
            return None
        return Drop()


@dataclass(kw_only=True, eq=False)
class Partition(PathFault):
    """Silence: nothing gets through, acknowledgements and RST neither. Nobody is told; only
    timeouts find out.

    One way (with a `direction`), bytes against the fault arrive, but their sender never learns it
    and gives up at last.
    """

    family: ClassVar[str] = "partition"

    def affect(self, packet: Packet) -> Verdict | None:
        return Drop()
