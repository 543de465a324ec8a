"""What the fields of a protobuf message may hold, and a reader that holds a message to it. No I/O.

Source: Google, "Protocol Buffers: Encoding" and "Language Guide (proto 2)".

Stricter than protobuf libraries: a known field of another wire type, a number outside its type or
its enum, and text that is not UTF-8 are malformed, where a library skips, truncates or keeps them.
A service that took them would hide a client's mistake. Unknown fields are skipped; of a field that
comes twice the last counts.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sim.vendors.errors import MalformedInput
from sim.vendors.gcm.protobuf import FIXED64, LENGTH_DELIMITED, VARINT, read_fields

Message = dict[int, Any]
"""Values by field number; those of a repeated field are a list."""

Reader = Callable[[int, int | bytes], Any]
"""From wire type and value to what the field means. Raises MalformedInput."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a schema."""

    read: Reader
    required: bool = False
    repeated: bool = False


Schema = Mapping[int, Field]


def read_message(schema: Schema, data: bytes) -> Message:
    """The known fields of a message. Raises MalformedInput."""
    found: Message = {}
    for number, wire_type, value in read_fields(data):
        field = schema.get(number)
        if field is None:
            continue
        if field.repeated:
            found.setdefault(number, []).append(field.read(wire_type, value))
        else:
            found[number] = field.read(wire_type, value)
    for number, field in schema.items():
        if field.required and number not in found:
            raise MalformedInput(f"required field {number} is missing")
    return found


def int64(wire_type: int, value: int | bytes) -> int:
    """int64: a varint in two's complement."""
    number = _number(wire_type, value, VARINT)
    return number - (number >> 63 << 64)


def int32(wire_type: int, value: int | bytes) -> int:
    """int32: as int64 on the wire, but of 32 bits."""
    number = int64(wire_type, value)
    if not -(2**31) <= number < 2**31:
        raise MalformedInput(f"{number} is no int32")
    return number


def boolean(wire_type: int, value: int | bytes) -> bool:
    """bool: the varints 0 and 1."""
    return bool(one_of((0, 1))(wire_type, value))


def fixed64(wire_type: int, value: int | bytes) -> int:
    """fixed64, unsigned."""
    return _number(wire_type, value, FIXED64)


def raw(wire_type: int, value: int | bytes) -> bytes:
    """bytes."""
    if wire_type != LENGTH_DELIMITED or not isinstance(value, bytes):
        raise MalformedInput(f"wire type {wire_type} where bytes belong")
    return value


def text(wire_type: int, value: int | bytes) -> str:
    """string: UTF-8."""
    try:
        return raw(wire_type, value).decode()
    except UnicodeDecodeError:
        raise MalformedInput("text that is not UTF-8") from None


def one_of(values: Collection[int]) -> Reader:
    """An enum with these values."""

    def read(wire_type: int, value: int | bytes) -> int:
        number = int64(wire_type, value)
        if number not in values:
            raise MalformedInput(f"{number} is none of {values}")
        return number

    return read


def embedded(schema: Schema) -> Reader:
    """A message inside a message."""
    return lambda wire_type, value: read_message(schema, raw(wire_type, value))


def _number(wire_type: int, value: int | bytes, wanted: int) -> int:
    if wire_type != wanted or not isinstance(value, int):
        raise MalformedInput(f"wire type {wire_type} where {wanted} belongs")
    return value
