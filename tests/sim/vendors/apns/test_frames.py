"""The decoder of the binary provider protocol, against Apple's layouts byte by byte."""

import itertools
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.vendors.apns.frames import (
    MAX_FRAME_LENGTH,
    NO_IDENTIFIER,
    Frame,
    FrameDecoder,
    Status,
    Unparseable,
    error_packet,
)

TOKEN = bytes(range(32))
PAYLOAD = b'{"aps":{"alert":"hi"}}'
EXPIRY = 1365000000
ID_1 = b"\0\0\0\1"

COMMAND_0 = bytes.fromhex("00 0020" + TOKEN.hex() + "0016" + PAYLOAD.hex())
COMMAND_1 = bytes.fromhex("01 00000001 515c3f40 0020" + TOKEN.hex() + "0016" + PAYLOAD.hex())
COMMAND_2 = bytes.fromhex(
    "02 0000004e"
    "01 0020" + TOKEN.hex() + "02 0016" + PAYLOAD.hex() + "03 0004 00000001"
    "04 0004 515c3f40"
    "05 0001 0a"
)


def decoded(*pieces: bytes) -> list[Frame | Unparseable]:
    """All that comes out when the pieces go in one by one, up to the first fault."""
    decoder, out = FrameDecoder(), []
    for piece in pieces:
        decoder.feed(piece)
        while (frame := decoder.next_frame()) is not None:
            out.append(frame)
            if isinstance(frame, Unparseable):
                return out
    return out


def framed(*items: tuple[int, bytes]) -> bytes:
    body = b"".join(struct.pack(">BH", item, len(value)) + value for item, value in items)
    return b"\2" + struct.pack(">I", len(body)) + body


def test_the_golden_frames_have_the_documented_lengths() -> None:
    assert [len(COMMAND_0), len(COMMAND_1), len(COMMAND_2)] == [59, 67, 83]


def test_the_golden_frame_of_command_0_is_read() -> None:
    assert decoded(COMMAND_0) == [Frame(0, TOKEN, PAYLOAD)]


def test_the_golden_frame_of_command_1_is_read() -> None:
    assert decoded(COMMAND_1) == [Frame(1, TOKEN, PAYLOAD, ID_1, EXPIRY)]


def test_the_golden_frame_of_command_2_is_read() -> None:
    assert decoded(COMMAND_2) == [Frame(2, TOKEN, PAYLOAD, ID_1, EXPIRY, 10)]


def test_the_golden_error_packets_are_written() -> None:
    assert error_packet(Status.INVALID_TOKEN, b"\0\0\0\x0b").hex() == "08080000000b"
    assert error_packet(Status.SHUTDOWN, b"\0\0\0\x0a").hex() == "080a0000000a"


def test_items_of_command_2_come_in_any_order_and_most_may_be_missing() -> None:
    assert decoded(framed((5, b"\5"), (2, b"{}"), (1, TOKEN))) == [
        Frame(2, TOKEN, b"{}", NO_IDENTIFIER, None, 5)
    ]
    assert decoded(framed()) == [Frame(2, b"", b"")]


@pytest.mark.parametrize(
    ("expiry", "read"),
    [(b"\x7f\xff\xff\xff", 2**31 - 1), (b"\x80\0\0\0", 0), (b"\xff\xff\xff\xff", 0)],
)
def test_an_expiry_that_is_negative_when_signed_means_do_not_store(
    expiry: bytes, read: int
) -> None:
    enhanced = b"\1" + ID_1 + expiry + COMMAND_1[9:]
    in_items = framed((1, TOKEN), (2, PAYLOAD), (3, ID_1), (4, expiry))
    assert decoded(enhanced) == [Frame(1, TOKEN, PAYLOAD, ID_1, read)]
    assert decoded(in_items) == [Frame(2, TOKEN, PAYLOAD, ID_1, read)]


def test_lengths_are_not_the_decoders_business() -> None:
    frame = b"\1" + ID_1 + bytes(4) + struct.pack(">H", 3) + b"abc" + struct.pack(">H", 0)
    assert decoded(frame) == [Frame(1, b"abc", b"", ID_1, 0)]


@pytest.mark.parametrize(
    "frame",
    [
        b"\3",
        b"\xff" + COMMAND_1,
        b"\2" + struct.pack(">I", MAX_FRAME_LENGTH + 1),
        framed((1, TOKEN), (1, TOKEN)),
        framed((9, b"x")),
        framed((0, b"")),
        framed((3, b"\0\0\1")),
        framed((4, b"")),
        framed((5, b"\0\5")),
        b"\2\0\0\0\5\1\0\x20ab",
        b"\2\0\0\0\2\1\0",
    ],
)
def test_what_is_no_frame_is_unparseable(frame: bytes) -> None:
    (fault,) = decoded(frame + COMMAND_1)
    assert isinstance(fault, Unparseable)


def test_a_fault_names_the_identifier_if_it_was_found() -> None:
    (fault,) = decoded(framed((3, ID_1), (9, b"x")))
    assert isinstance(fault, Unparseable)
    assert fault.identifier == ID_1


def test_bytes_behind_a_frame_stay_counted() -> None:
    decoder = FrameDecoder()
    decoder.feed(COMMAND_1 + COMMAND_0[:10])
    assert decoder.next_frame() is not None
    assert decoder.buffered == 10
    assert decoder.next_frame() is None


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[a:b] for a, b in itertools.pairwise(edges)]


frames_bytes = st.lists(st.sampled_from([COMMAND_0, COMMAND_1, COMMAND_2]), max_size=6).map(
    b"".join
)


@given(frames_bytes, st.binary(max_size=40), st.lists(st.integers(0, 1000), max_size=12))
def test_any_split_of_the_stream_gives_the_same_frames(
    good: bytes, tail: bytes, places: list[int]
) -> None:
    data = good + tail
    assert decoded(*cut(data, places)) == decoded(data)


@given(st.binary(max_size=400))
def test_garbage_never_raises(data: bytes) -> None:
    for piece in (data, b"\2" + struct.pack(">I", len(data)) + data, b"\1" + data):
        decoded(*[piece[i : i + 1] for i in range(len(piece))])
