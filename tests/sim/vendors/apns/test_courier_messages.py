"""Framing of the courier connection, server's side."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.vendors.apns.courier_messages import (
    MessageType,
    first,
    read_message,
    write_message,
)
from sim.vendors.errors import MalformedInput

TOKEN = bytes(range(32))
CONNECT = bytes.fromhex("07 00000027 01 0020" + TOKEN.hex() + "02 0001 01")
CONNECT_ACK = bytes.fromhex("08 0000002c 01 0001 00 03 0020" + TOKEN.hex() + "04 0002 1000")


def test_the_golden_connect_is_read() -> None:
    assert read_message(CONNECT, 0) == (7, [(1, TOKEN), (2, b"\1")], len(CONNECT))


def test_the_golden_connect_ack_is_written() -> None:
    fields = [(1, b"\0"), (3, TOKEN), (4, b"\x10\0")]
    assert write_message(MessageType.CONNECT_ACK, fields) == CONNECT_ACK


def test_the_golden_keep_alive_ack_is_empty() -> None:
    assert write_message(MessageType.KEEP_ALIVE_ACK).hex() == "0d00000000"


def test_a_repeated_field_keeps_all_its_values() -> None:
    message = write_message(MessageType.TOPICS, [(2, b"a"), (2, b"b")])
    assert read_message(message, 0) == (9, [(2, b"a"), (2, b"b")], len(message))
    assert first([(2, b"a"), (2, b"b")], 2) == b"a"
    assert first([], 2) == b""


@pytest.mark.parametrize(
    "data",
    ["07 00010000", "07 00000002 0100", "07 00000004 010002aa"],
    ids=["too long", "field cut short", "field over the end"],
)
def test_what_is_no_message_is_malformed(data: str) -> None:
    with pytest.raises(MalformedInput):
        read_message(bytes.fromhex(data), 0)


@given(st.integers(0, len(CONNECT) - 1))
def test_a_part_of_a_message_is_waited_for(length: int) -> None:
    assert read_message(CONNECT[:length], 0) is None


@given(st.binary(max_size=200), st.integers(0, 20))
def test_garbage_raises_nothing_but_malformed(data: bytes, start: int) -> None:
    for piece in (data, b"\7\0\0\0" + bytes([len(data) % 256]) + data):
        try:
            read_message(piece, start)
        except MalformedInput:
            continue


fields = st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=50)), max_size=8)


@given(st.sampled_from(MessageType), fields)
def test_what_is_written_is_what_is_read(
    kind: MessageType, content: list[tuple[int, bytes]]
) -> None:
    message = write_message(kind, content)
    assert read_message(b"xx" + message, 2) == (kind, content, len(message) + 2)
