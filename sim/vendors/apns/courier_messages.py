"""Framing of the courier connection, server's side. No I/O.

    message  type u8 | body length u32 | body         field  id u8 | length u16 | value

Integers are big-endian. Source: the published analyses of Apple's courier protocol (iOS 5 and
later); which fields this service uses is said in `courier`.
"""

import struct
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum

from sim.vendors.apns.registry import TOKEN_LENGTH
from sim.vendors.errors import MalformedInput

MAX_BODY = 0xFFFF
"""Longest body that a phone may send; the largest real message is a few hundred bytes."""

TOPIC_LENGTH = 20
TOPIC_LISTS = range(2, 7)
"""Fields of Topics."""

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


@dataclass(frozen=True, slots=True)
class Field:
    """What a field of a phone's message may hold: one of these lengths, one of these values (None:
    any), decimal digits, UTF-8."""

    lengths: Collection[int] | None = None
    values: Collection[bytes] | None = None
    digits: bool = False
    text: bool = False
    required: bool = False
    repeated: bool = False

    def check(self, value: bytes) -> None:
        """Raises MalformedInput."""
        if self.lengths is not None and len(value) not in self.lengths:
            raise MalformedInput(f"field of {len(value)} bytes")
        if self.values is not None and value not in self.values:
            raise MalformedInput("field with a value that it cannot have")
        if self.digits and not value.isdigit():
            raise MalformedInput("no number")
        if self.text:
            try:
                value.decode()
            except UnicodeDecodeError:
                raise MalformedInput("text that is not UTF-8") from None


_TOKEN = Field((TOKEN_LENGTH,))
_TOPICS = Field((TOPIC_LENGTH,), repeated=True)
_TEXT = Field(text=True)

_PHONE_MESSAGES: dict[int, Mapping[int, Field]] = {
    MessageType.CONNECT: {1: Field((0, TOKEN_LENGTH)), 2: Field((1,)), 5: Field((4,))},
    MessageType.TOPICS: {1: _TOKEN, **dict.fromkeys(TOPIC_LISTS, _TOPICS)},
    MessageType.ACK: {
        1: _TOKEN,
        4: Field((4,), required=True),
        8: Field(values=(b"\0", b"\1"), required=True),
    },
    MessageType.KEEP_ALIVE: {
        **dict.fromkeys(range(1, 5), _TEXT),
        5: Field(range(1, 7), digits=True),
    },
    MessageType.APP_TOKEN: {1: _TOKEN, 2: Field()},
}
_SERVICE_MESSAGES = (
    MessageType.CONNECT_ACK,
    MessageType.NOTIFICATION,
    MessageType.KEEP_ALIVE_ACK,
    MessageType.APP_TOKEN_ACK,
)


def check_phone_message(kind: int, fields: Fields) -> None:
    """Hold a phone's message to its fields; unknown ones, and those of unknown types, are skipped.

    Raises MalformedInput for a field that is missing, comes twice or has a value that it cannot
    have, and for a message that only the service sends.
    """
    if kind in _SERVICE_MESSAGES:
        raise MalformedInput(f"message {kind}, which no phone sends")
    known = _PHONE_MESSAGES.get(kind, {})
    seen = set()
    for number, value in fields:
        field = known.get(number)
        if field is None:
            continue
        if number in seen and not field.repeated:
            raise MalformedInput(f"field {number} comes twice")
        seen.add(number)
        field.check(value)
    for number, field in known.items():
        if field.required and number not in seen:
            raise MalformedInput(f"required field {number} is missing")


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
