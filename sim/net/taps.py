"""Taps: whoever wants to see every segment, for a packet capture.

A tap is a function that is called with each segment when its sender puts it on the network,
retransmissions and lost ones included. It sees what a capture on the sender's interface would
show, and changes nothing: the wire digest is the same with and without taps.

Simplifications: acknowledgements without data are not part of the model, so none are told, other
than the third segment of the handshake; a segment may be larger than any real packet.
"""

from collections.abc import Callable
from dataclasses import dataclass

from sim.net.rules import Kind

FIN_FLAG, SYN_FLAG, RST_FLAG, PSH_FLAG, ACK_FLAG = 0x01, 0x02, 0x04, 0x08, 0x10
"""Bits of TCP's flag byte (RFC 9293, 3.1)."""

_FLAGS = {
    Kind.SYN: SYN_FLAG,
    Kind.SYN_ACK: SYN_FLAG | ACK_FLAG,
    Kind.ACK: ACK_FLAG,
    Kind.DATA: PSH_FLAG | ACK_FLAG,
    Kind.FIN: FIN_FLAG | ACK_FLAG,
    Kind.RST: RST_FLAG | ACK_FLAG,
    Kind.PROBE: ACK_FLAG,
    Kind.PROBE_ACK: ACK_FLAG,
}


@dataclass(frozen=True, slots=True)
class TappedSegment:
    """One segment as it leaves its sender."""

    kind: Kind
    connection: int
    """The connection's number in this world."""
    direction: int
    """0: sent by the end that dialled, 1: by the end that listened."""
    sent: float
    """Virtual seconds."""
    source: str
    source_port: int
    target: str
    target_port: int
    sequence: int
    """Relative: SYN has 0, the first byte of data 1."""
    acknowledgement: int
    """Relative: the next byte expected from the other side, by what has arrived so far."""
    data: bytes
    lost: bool
    """It is known already that it will not arrive."""
    retransmission: bool

    @property
    def flags(self) -> int:
        """TCP's flag byte."""
        return _FLAGS[self.kind]


Tap = Callable[[TappedSegment], None]


class _Direction:
    __slots__ = ("arrived", "highest", "next")

    def __init__(self) -> None:
        self.next = 1
        self.highest = 1
        self.arrived = 1


class Taps:
    """The taps of a network, and the sequence numbers that they are told."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._taps: list[Tap] = []
        self._directions: dict[tuple[int, int], _Direction] = {}

    def __len__(self) -> int:
        return len(self._taps)

    def add(self, tap: Tap) -> None:
        """Call `tap` with each segment from now on. Connections that are open already are told as
        if they began now.
        """
        self._taps.append(tap)
        self._changed()

    def remove(self, tap: Tap) -> None:
        """Do not call it any more. `ValueError` if it is not there."""
        self._taps.remove(tap)
        self._changed()

    def tell(
        self,
        kind: Kind,
        connection: int,
        direction: int,
        now: float,
        source: tuple[str, int],
        target: tuple[str, int],
        data: bytes = b"",
        *,
        lost: bool = False,
    ) -> None:
        """A segment leaves its sender."""
        if not self._taps:
            return
        this = self._direction(connection, direction)
        other = self._direction(connection, 1 - direction)
        if kind is Kind.SYN or kind is Kind.SYN_ACK:
            sequence, acknowledgement = 0, int(kind is Kind.SYN_ACK)
        elif kind is Kind.PROBE:
            sequence, acknowledgement = this.next - 1, other.arrived
        else:
            sequence, acknowledgement = this.next, other.arrived
        this.next += len(data) + (kind is Kind.FIN)
        segment = TappedSegment(
            kind,
            connection,
            direction,
            now,
            *source,
            *target,
            sequence,
            acknowledgement,
            data,
            lost,
            kind in (Kind.DATA, Kind.FIN) and sequence < this.highest,
        )
        this.highest = max(this.highest, this.next)
        for tap in self._taps:
            tap(segment)

    def arrived(self, connection: int, direction: int, numbers: int) -> None:
        """So many more sequence numbers of the direction have reached the other side."""
        if self._taps:
            self._direction(connection, direction).arrived += numbers

    def rewind(self, connection: int, direction: int) -> None:
        """What has not arrived is sent again from its beginning."""
        if self._taps:
            this = self._direction(connection, direction)
            this.next = this.arrived

    def _direction(self, connection: int, direction: int) -> _Direction:
        key = (connection, direction)
        found = self._directions.get(key)
        if found is None:
            found = self._directions[key] = _Direction()
        return found
