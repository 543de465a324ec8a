"""Faults that end connections."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from sim.net.faults.base import EndingFault, PathFault, require
from sim.net.rules import Close, Delay, Drop, Kind, Packet, Reset, Verdict

if TYPE_CHECKING:
    from sim.net.transport import SimTransport


@dataclass(kw_only=True, eq=False)
class Down(EndingFault):
    """The service is switched off: existing connections are reset, new ones refused.

    For a path that is silent instead, see `Partition`.
    """

    family: ClassVar[str] = "down"

    def met(self, end: "SimTransport") -> None:
        self.reset(end)

    def affect(self, packet: Packet) -> Verdict | None:
        return Reset() if packet.kind is Kind.SYN else None


@dataclass(kw_only=True, eq=False)
class ResetPeer(EndingFault):
    """Both ends get RST, `timeout` seconds after the fault begins or the connection opens."""

    family: ClassVar[str] = "reset_peer"

    timeout: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self, self.timeout >= 0, "the timeout must not be negative")

    def met(self, end: "SimTransport") -> None:
        self.ground.network.environment.call_later(self.timeout, self.reset, end)

    def affect(self, packet: Packet) -> Verdict | None:
        return None


@dataclass(kw_only=True, eq=False)
class Timeout(EndingFault):
    """Bytes do not get through; `timeout` seconds after the fault begins or the connection opens
    both ends are reset, unless that is 0.

    Toxiproxy closes and so shows a stream with a gap as if it had ended well; a reset does not.
    """

    family: ClassVar[str] = "timeout"

    timeout: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self, self.timeout >= 0, "the timeout must not be negative")

    def met(self, end: "SimTransport") -> None:
        if self.timeout:
            self.ground.network.environment.call_later(self.timeout, self.reset, end)

    def affect(self, packet: Packet) -> Verdict | None:
        return Drop() if packet.kind in (Kind.DATA, Kind.FIN) else None


@dataclass(kw_only=True, eq=False)
class LimitData(PathFault):
    """The path closes a connection (FIN to both ends) when `bytes` have gone in a direction."""

    family: ClassVar[str] = "limit_data"

    bytes: int
    _carried: dict[tuple[int, int], int] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self, self.bytes >= 0, "the number of bytes must not be negative")

    def affect(self, packet: Packet) -> Verdict | None:
        if packet.kind is not Kind.DATA:
            return None
        key = (packet.connection, packet.direction)
        before = self._carried.get(key, 0)
        self._carried[key] = before + packet.size
        if before + packet.size < self.bytes:
            return Delay(0.0)
        return Close(keep=self.bytes - before)
