"""A small reader of pcapng, written from the specification and not from our writer: for tests."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Packet:
    """An Ethernet frame with IPv4 and TCP in it, taken apart."""

    time: int
    source: tuple[str, int]
    target: tuple[str, int]
    sequence: int
    acknowledgement: int
    flags: str
    data: bytes
    comment: str
    length: int


@dataclass
class Capture:
    """What stands in a file."""

    interfaces: list[str] = field(default_factory=list)
    packets: list[Packet] = field(default_factory=list)
    names: dict[str, list[str]] = field(default_factory=dict)
    secrets: bytes = b""

    def stream(self, source: tuple[str, int], target: tuple[str, int]) -> bytes:
        """What was said in one direction, put together by sequence numbers."""
        found = [p for p in self.packets if (p.source, p.target) == (source, target)]
        [first] = {p.sequence for p in found if "S" in p.flags}
        said = bytearray()
        for packet in found:
            at = (packet.sequence - first - 1) % 2**32
            if packet.data:
                assert at <= len(said), "there is a gap"
                said[at : at + len(packet.data)] = packet.data
        return bytes(said)


def read(path: Path) -> Capture:
    """Everything in a capture, checked as far as its format allows."""
    capture = Capture()
    resolution = 6
    for kind, body in _blocks(path.read_bytes()):
        if kind == 0x0A0D0D0A:
            magic, major, minor, _length = struct.unpack_from("<IHHq", body)
            assert (magic, major, minor) == (0x1A2B3C4D, 1, 0)
        elif kind == 1:
            link, _, snap = struct.unpack_from("<HHI", body)
            assert (link, snap) == (1, 0)
            options = _options(body[8:])
            capture.interfaces.append(options[2].decode())
            [resolution] = options[9]
        elif kind == 4:
            capture.names |= _names(body)
        elif kind == 10:
            sort, length = struct.unpack_from("<II", body)
            assert sort == 0x544C534B
            capture.secrets += body[8 : 8 + length]
        elif kind == 6:
            interface, high, low, captured, original = struct.unpack_from("<IIIII", body)
            assert interface < len(capture.interfaces)
            assert captured == original
            frame = body[20 : 20 + captured]
            options = _options(body[20 + captured + -captured % 4 :])
            time = (high << 32 | low) * 10 ** (9 - resolution)
            capture.packets.append(_packet(time, frame, options.get(1, b"").decode()))
        else:
            raise AssertionError(f"an unknown block: {kind}")
    return capture


def _blocks(data: bytes) -> Iterator[tuple[int, bytes]]:
    while data:
        kind, length = struct.unpack_from("<II", data)
        assert length % 4 == 0
        assert data[length - 4 : length] == data[4:8], "the length stands at both ends"
        yield kind, data[8 : length - 4]
        data = data[length:]


def _options(data: bytes) -> dict[int, bytes]:
    found = {}
    while data:
        code, length = struct.unpack_from("<HH", data)
        if code == 0:
            assert data[4:] == b""
            break
        found[code] = data[4 : 4 + length]
        data = data[4 + length + -length % 4 :]
    return found


def _names(data: bytes) -> dict[str, list[str]]:
    found = {}
    while True:
        kind, length = struct.unpack_from("<HH", data)
        if kind == 0:
            return found
        value = data[4 : 4 + length]
        assert value.endswith(b"\0")
        found[_address(value[:4])] = value[4:-1].decode().split("\0")
        data = data[4 + length + -length % 4 :]


def _address(data: bytes) -> str:
    return ".".join(map(str, data))


def _sum(data: bytes) -> int:
    if len(data) % 2:
        data += b"\0"
    total = 0
    for (word,) in struct.iter_unpack("!H", data):
        total += word
        total = (total & 0xFFFF) + (total >> 16)
    return total


def _packet(time: int, frame: bytes, comment: str) -> Packet:
    assert frame[12:14] == b"\x08\x00"
    ip = frame[14:]
    assert ip[0] == 0x45
    assert struct.unpack_from("!H", ip, 2) == (len(ip),)
    assert _sum(ip[:20]) == 0xFFFF, "the IPv4 checksum is wrong"
    assert ip[9] == 6
    tcp = ip[20:]
    pseudo = ip[12:20] + struct.pack("!BBH", 0, 6, len(tcp))
    assert _sum(pseudo + tcp) == 0xFFFF, "the TCP checksum is wrong"
    here, there, sequence, acknowledgement, offset, bits = struct.unpack_from("!HHIIBB", tcp)
    flags = "".join(letter for place, letter in enumerate("FSRPAU") if bits & 1 << place)
    return Packet(
        time,
        (_address(ip[12:16]), here),
        (_address(ip[16:20]), there),
        sequence,
        acknowledgement,
        flags,
        tcp[(offset >> 4) * 4 :],
        comment,
        len(frame),
    )
