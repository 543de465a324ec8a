"""The protobuf wire format, against the examples of its documentation."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.vendors.errors import MalformedInput
from sim.vendors.gcm.protobuf import (
    bytes_field,
    fixed64_field,
    number_field,
    read_fields,
    read_varint,
    text_field,
    varint,
)


def test_the_golden_examples_of_the_documentation_are_written() -> None:
    assert varint(150).hex() == "9601"
    assert number_field(1, 150).hex() == "089601"
    assert text_field(2, "testing").hex() == "120774657374696e67"
    assert fixed64_field(7, 1).hex() == "390100000000000000"


def test_the_golden_examples_of_the_documentation_are_read() -> None:
    data = bytes.fromhex("089601 120774657374696e67 390100000000000000 1d02000000")
    assert list(read_fields(data)) == [
        (1, 0, 150),
        (2, 2, b"testing"),
        (7, 1, 1),
        (3, 5, 2),
    ]


@pytest.mark.parametrize(
    "data", ["08", "0896", "1207", "39 01", "0b", "00 00", "808080801000", "08" + "ff" * 11]
)
def test_what_is_no_message_is_malformed(data: str) -> None:
    with pytest.raises(MalformedInput):
        list(read_fields(bytes.fromhex(data)))


@given(st.integers(0, 2**64 - 1))
def test_a_varint_is_read_back(value: int) -> None:
    data = varint(value)
    assert read_varint(data, 0) == (value, len(data))
    assert read_varint(data[:-1], 0) is None


@given(st.binary(max_size=200))
def test_garbage_raises_nothing_but_malformed(data: bytes) -> None:
    try:
        fields = list(read_fields(data))
    except MalformedInput:
        return
    assert all(number > 0 for number, _, _ in fields)


@given(st.text(max_size=50), st.binary(max_size=50))
def test_any_text_and_bytes_are_read_back(text: str, data: bytes) -> None:
    ((_, _, first), (_, _, second)) = read_fields(text_field(1, text) + bytes_field(2, data))
    assert first == text.encode("utf-8", "replace")
    assert second == data
