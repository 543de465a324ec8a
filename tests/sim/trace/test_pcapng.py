"""Captures are written as the format says, byte by byte, and read back by a reader of its own."""

import os
from pathlib import Path

from sim.net.frames import frames
from sim.net.rules import Kind
from sim.net.taps import TappedSegment
from sim.trace.pcapng import PcapngWriter
from tests.sim.trace.reading_pcapng import read

GOLDEN = (
    # section header: version 1.0, length unknown, application "Airbed"
    "0a0d0d0a 2c000000 4d3c2b1a 01000000 ffffffffffffffff 04000600 416972626564 0000 00000000"
    " 2c000000"
    # interface: Ethernet, no limit, name "lab", nanoseconds
    " 01000000 28000000 01000000 00000000 02000300 6c6162 00 09000100 09 000000 00000000 28000000"
    # names: 10.0.0.1 is "a" and "b"
    " 04000000 1c000000 01000800 0a000001 6100 6200 00000000 1c000000"
    # TLS secrets: "KEY\n"
    " 0a000000 18000000 4b534c54 04000000 4b45590a 18000000"
    # a packet of three bytes at 2 ** 32 + 5 ns with the comment "x"
    " 06000000 30000000 00000000 01000000 05000000 03000000 03000000 010203 00"
    " 01000100 78 000000 00000000 30000000"
)


def test_a_capture_is_these_bytes(tmp_path: Path) -> None:
    writer = PcapngWriter(tmp_path / "c.pcapng", interface="lab")
    writer.packet(2**32 + 5, b"\x01\x02\x03", "x")
    writer.close(names={"10.0.0.1": ["a", "b"]}, key_log=b"KEY\n")
    assert (tmp_path / "c.pcapng").read_bytes() == bytes.fromhex(GOLDEN)


def test_a_capture_with_its_tls_secrets_is_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "c.pcapng"
    path.touch(0o666)
    before = os.umask(0)
    try:
        writer = PcapngWriter(path, interface="lab")
        [packets] = tmp_path.glob(".*.packets")
        assert packets.stat().st_mode & 0o777 == 0o600
        writer.close(names={}, key_log=b"CLIENT_RANDOM 00 00\n")
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o600


def test_nothing_but_the_capture_is_left(tmp_path: Path) -> None:
    writer = PcapngWriter(tmp_path / "c.pcapng", interface="lab")
    writer.close(names={})
    assert [path.name for path in tmp_path.iterdir()] == ["c.pcapng"]
    assert read(tmp_path / "c.pcapng").packets == []


def test_an_independent_reader_reads_it(tmp_path: Path) -> None:
    writer = PcapngWriter(tmp_path / "c.pcapng", interface="lab")
    segment = TappedSegment(
        Kind.DATA, 1, 0, 0.5, "10.0.0.1", 50_000, "10.0.0.2", 80, 1, 1, b"hello", False, False
    )
    [frame] = frames(segment)
    time = 1_367_395_200_000_000_007
    writer.packet(time, frame)
    writer.packet(time, frame, "lost on the way")
    writer.close(names={"10.0.0.1": ["phone"], "10.0.0.2": ["site", "school.example"]})
    capture = read(tmp_path / "c.pcapng")
    assert capture.interfaces == ["lab"]
    assert capture.names == {"10.0.0.1": ["phone"], "10.0.0.2": ["site", "school.example"]}
    assert [packet.time for packet in capture.packets] == [time, time]
    assert [packet.comment for packet in capture.packets] == ["", "lost on the way"]
    assert [packet.data for packet in capture.packets] == [b"hello"] * 2
