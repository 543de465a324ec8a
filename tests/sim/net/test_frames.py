"""Segments become frames that any reader of TCP accepts."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.net.frames import MSS, frames
from sim.net.rules import Kind
from sim.net.taps import TappedSegment
from sim.trace.pcapng import PcapngWriter
from tests.sim.trace.reading_pcapng import Packet, read


def segment(
    kind: Kind,
    *,
    data: bytes = b"",
    sequence: int = 1,
    acknowledgement: int = 1,
    connection: int = 1,
) -> TappedSegment:
    return TappedSegment(
        kind, connection, 0, 0.0, "10.0.0.1", 50_000, "10.0.1.2", 2195,
        sequence, acknowledgement, data, False, False,
    )  # fmt: skip


def taken_apart(tmp_path: Path, *segments: TappedSegment) -> list[Packet]:
    writer = PcapngWriter(tmp_path / "c.pcapng", interface="lab")
    for each in segments:
        for frame in frames(each):
            writer.packet(0, frame)
    writer.close(names={})
    return read(tmp_path / "c.pcapng").packets


def test_a_syn_is_these_bytes() -> None:
    [frame] = frames(segment(Kind.SYN, sequence=0, acknowledgement=0))
    assert frame.hex(" ") == (
        # Ethernet: to, from, IPv4
        "02 00 0a 00 01 02 02 00 0a 00 00 01 08 00 "
        # 48 bytes, don't fragment, TTL 64, TCP, checksum
        "45 00 00 30 00 00 40 00 40 06 25 c6 0a 00 00 01 0a 00 01 02 "
        # ports, sequence (CRC-32 of "1/0"), no acknowledgement, 7 words, SYN, window, checksum
        "c3 50 08 93 ee 2d 5e 74 00 00 00 00 70 02 ff ff 56 90 00 00 "
        # MSS 1460, no-operation, window scale 7
        "02 04 05 b4 01 03 03 07"
    )


def test_flags_say_what_a_segment_is(tmp_path: Path) -> None:
    kinds = [Kind.SYN, Kind.SYN_ACK, Kind.ACK, Kind.DATA, Kind.FIN, Kind.RST]
    packets = taken_apart(tmp_path, *map(segment, kinds))
    assert [packet.flags for packet in packets] == ["S", "SA", "A", "PA", "FA", "RA"]


def test_data_are_cut_at_the_maximum_segment_size_and_pushed_at_their_end(tmp_path: Path) -> None:
    packets = taken_apart(tmp_path, segment(Kind.DATA, data=bytes(2 * MSS + 1)))
    assert [len(packet.data) for packet in packets] == [MSS, MSS, 1]
    assert [packet.flags for packet in packets] == ["A", "A", "PA"]
    first = packets[0].sequence
    assert [packet.sequence - first for packet in packets] == [0, MSS, 2 * MSS]
    assert max(packet.length for packet in packets) == 1514


@given(data=st.binary(max_size=3 * MSS), connection=st.integers(1, 2**32))
def test_whatever_is_sent_arrives_in_the_file_with_right_checksums(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, connection: int
) -> None:
    packets = taken_apart(
        tmp_path_factory.getbasetemp(), segment(Kind.DATA, data=data, connection=connection)
    )
    assert b"".join(packet.data for packet in packets) == data


def test_a_sum_of_all_ones_has_the_checksum_zero() -> None:
    [frame] = frames(segment(Kind.DATA, data=bytes(2)))
    tcp = slice(50, 52)
    [full] = frames(segment(Kind.DATA, data=frame[tcp]))
    assert full[tcp] == b"\0\0"


def test_sequence_numbers_wrap_around(tmp_path: Path) -> None:
    first, second = taken_apart(
        tmp_path, segment(Kind.DATA, sequence=1), segment(Kind.DATA, sequence=2**32 + 1)
    )
    assert first.sequence == second.sequence
