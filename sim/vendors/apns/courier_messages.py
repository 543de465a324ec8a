"""Framing of the courier connection, server's side. No I/O.

    message  type u8 | body length u32 | body         field  id u8 | length u16 | value

Integers are big-endian; fields may repeat. Source: the published analyses of Apple's courier
protocol (iOS 5 and later); which fields this service uses is said in `courier`.
"""

import struct
from collections.abc import Iterable
from enum import IntEnum

from sim.vendors.errors import MalformedInput

MAX_BODY = 0xFFFF
"""Longest body that a phone may send; the largest real message is a few hundred bytes."""

_MESSAGE_HEAD = struct.Struct(">BI")
_FIELD_HEAD = struct.Struct(">BH")

Fields = list[tuple[int, bytes]]


class MessageType(IntEnum):
    """Types of courier messages."""

    CONNECT = 0x07
    CONNECT_ACK = 0x08
    TOPICS = 0x09
    NOTIFICATION = 0x0A
    ACK = 0x0B
    KEEP_ALIVE = 0x0C
    KEEP_ALIVE_ACK = 0x0D
    APP_TOKEN = 0x11
    APP_TOKEN_ACK = 0x12


def read_message(data: bytes | bytearray, start: int) -> tuple[int, Fields, int] | None:
    """The message at `start` as (type, fields, position after it); None if it is not complete.

    Raises MalformedInput for a body too long or a field that runs over its end.
    """
    if len(data) - start < _MESSAGE_HEAD.size:
        return None
    kind, length = _MESSAGE_HEAD.unpack_from(data, start)
    if length > MAX_BODY:
        raise MalformedInput(f"body of {length} bytes")
    position = start + _MESSAGE_HEAD.size
    end = position + length
    if len(data) < end:
        return None
    fields: Fields = []
    while position < end:
        if end - position < _FIELD_HEAD.size:
            raise MalformedInput("field cut short")
        field, size = _FIELD_HEAD.unpack_from(data, position)
        position += _FIELD_HEAD.size
        if position + size > end:
            raise MalformedInput(f"field {field} runs over the end of the message")
        fields.append((field, bytes(data[position : position + size])))
        position += size
    return kind, fields, end


def first(fields: Fields, wanted: int) -> bytes:
    """The first value of a field; empty if the message does not have it."""
    for field, value in fields:
        if field == wanted:
            return value
    return b""


def write_message(kind: MessageType, fields: Iterable[tuple[int, bytes]] = ()) -> bytes:
    """Encode a message."""
    body = b"".join([_FIELD_HEAD.pack(field, len(value)) + value for field, value in fields])
    return _MESSAGE_HEAD.pack(kind, len(body)) + body
