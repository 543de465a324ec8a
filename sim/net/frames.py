"""Segments of the simulated network as Ethernet frames with IPv4 and TCP headers.

What a capture on the sender's interface would have shown, as far as the model knows it. Invented,
since the model has none: Ethernet addresses (made from the IPv4 address), initial sequence
numbers, windows, TTL and the identification of packets. Data are cut at the maximum segment size,
as a network card does it.

Sources: RFC 9293 (TCP header, 3.1; MSS option, 3.2), RFC 7323 (window scale, 2), RFC 791
(IPv4 header, 3.1), RFC 1071 (checksum).
"""

import zlib
from collections.abc import Iterator
from struct import Struct
from typing import Final

from sim.net.taps import ACK_FLAG, PSH_FLAG, SYN_FLAG, TappedSegment
from sim.net.transport import RECEIVE_WINDOW

MSS: Final = 1460
"""Bytes of data in one frame: Ethernet's 1500 without the two headers."""

_WINDOW_SCALE: Final = 7
_SYN_OPTIONS: Final = bytes([2, 4, *MSS.to_bytes(2), 1, 3, 3, _WINDOW_SCALE])
_WINDOW: Final = RECEIVE_WINDOW >> _WINDOW_SCALE
_TTL: Final = 64
_DONT_FRAGMENT: Final = 0x4000
_TCP: Final = 6

_ETHERNET: Final = Struct("!6s6sH")
_IPV4: Final = Struct("!BBHHHBBH4s4s")
_TCP_HEADER: Final = Struct("!HHIIBBHHH")
_PSEUDO: Final = Struct("!4s4sBBH")


def frames(segment: TappedSegment) -> Iterator[bytes]:
    """The frames of a segment in the order of their sequence numbers; at least one."""
    source, target = _packed(segment.source), _packed(segment.target)
    ports = segment.source_port, segment.target_port
    sequence = _initial(segment.connection, segment.direction) + segment.sequence
    acknowledgement = 0
    if segment.flags & ACK_FLAG:
        acknowledgement = (
            _initial(segment.connection, 1 - segment.direction) + segment.acknowledgement
        )
    for start in range(0, max(len(segment.data), 1), MSS):
        data = segment.data[start : start + MSS]
        flags = segment.flags
        if start + MSS < len(segment.data):
            flags &= ~PSH_FLAG
        yield _frame(
            source,
            target,
            ports,
            sequence + start & 0xFFFF_FFFF,
            acknowledgement & 0xFFFF_FFFF,
            flags,
            data,
        )


def _frame(
    source: bytes,
    target: bytes,
    ports: tuple[int, int],
    sequence: int,
    acknowledgement: int,
    flags: int,
    data: bytes,
) -> bytes:
    options = _SYN_OPTIONS if flags & SYN_FLAG else b""
    words = (_TCP_HEADER.size + len(options)) // 4
    # The window of a SYN is not scaled (RFC 7323, 2.2).
    window = min(RECEIVE_WINDOW, 0xFFFF) if flags & SYN_FLAG else _WINDOW
    length = words * 4 + len(data)
    pseudo = _PSEUDO.pack(source, target, 0, _TCP, length)

    def tcp(checksum: int) -> bytes:
        header = _TCP_HEADER.pack(
            *ports, sequence, acknowledgement, words << 4, flags, window, checksum, 0
        )
        return header + options + data

    def ip(checksum: int) -> bytes:
        return _IPV4.pack(
            0x45, 0, _IPV4.size + length, 0, _DONT_FRAGMENT, _TTL, _TCP, checksum, source, target
        )

    ethernet = _ETHERNET.pack(b"\x02\x00" + target, b"\x02\x00" + source, 0x0800)
    return ethernet + ip(_checksum(ip(0))) + tcp(_checksum(pseudo + tcp(0)))


def _packed(address: str) -> bytes:
    return bytes(map(int, address.split(".")))


def _initial(connection: int, direction: int) -> int:
    """A sequence number to begin with: any, but always the same."""
    return zlib.crc32(b"%d/%d" % (connection, direction))


def _checksum(data: bytes) -> int:
    """RFC 1071: the complement of the ones' complement sum of all 16-bit words."""
    # The sum with end-around carry is the remainder by 0xFFFF, where 0xFFFF stands for zero.
    total = int.from_bytes(data + bytes(len(data) % 2)) % 0xFFFF
    return ~(total or 0xFFFF) & 0xFFFF
