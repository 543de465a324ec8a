"""The bytes of the binary APNs protocol."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.airnotifier.providers.apns.frames import ErrorPacket, decode_error, encode

TOKEN = bytes(range(32))
PAYLOAD = b'{"aps":{"alert":"hi"}}'


def test_the_golden_frame_of_the_enhanced_format() -> None:
    assert encode(1, 1365000000, TOKEN, PAYLOAD) == bytes.fromhex(
        "01 00000001 515c3f40 0020"
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
        "0016 7b22617073223a7b22616c657274223a226869227d7d"
    )


@pytest.mark.parametrize(
    ("data", "packet", "reason"),
    [
        ("08080000000b", ErrorPacket(8, 11), "invalid_token"),
        ("080a0000000a", ErrorPacket(10, 10), "shutdown"),
        ("0863ffffffff", ErrorPacket(99, 2**32 - 1), "status_99"),
    ],
)
def test_golden_error_packets(data: str, packet: ErrorPacket, reason: str) -> None:
    assert decode_error(bytes.fromhex(data)) == packet
    assert packet.reason == reason


def test_an_error_packet_may_arrive_in_pieces() -> None:
    data = bytes.fromhex("08080000000b")
    assert [decode_error(data[:size]) for size in range(6)] == [None] * 6


def test_something_else_is_no_error_packet() -> None:
    with pytest.raises(ValueError, match="command 72"):
        decode_error(b"HTTP/1.1 400")


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.binary(max_size=2048))
def test_any_frame_reads_back(identifier: int, expiry: int, payload: bytes) -> None:
    frame = encode(identifier, expiry, TOKEN, payload)
    assert struct.unpack_from(">BIIH", frame) == (1, identifier, expiry, 32)
    assert frame[11:43] == TOKEN
    assert frame[43:45] == struct.pack(">H", len(payload))
    assert frame[45:] == payload
