"""The binary provider protocol: reading notification frames, writing the error packet. No I/O.

Source: Apple's "Binary Provider API" and "Legacy Notification Format". All integers are big-endian:

    command 0  00 | token length u16 | token | payload length u16 | payload
    command 1  01 | identifier 4 | expiry u32 | then as command 0 from the token length
    command 2  02 | frame length u32 | items: id u8, length u16, data
    error      08 | status u8 | identifier 4

The decoder checks structure only. Whether a token or a payload has an acceptable length is the
gateway's business, because those errors have status codes of their own.
"""

import struct
from dataclasses import dataclass
from enum import IntEnum

MAX_FRAME_LENGTH = 5 * (3 + 0xFFFF)
"""Largest plausible body of command 2: its five items at full length. Longer is not a frame."""

_ENHANCED_HEAD = struct.Struct(">x4sIH")
_SIMPLE_HEAD = struct.Struct(">xH")
_LENGTH = struct.Struct(">H")
_FRAME_HEAD = struct.Struct(">xI")
_ITEM_HEAD = struct.Struct(">BH")
_ERROR = struct.Struct(">BB4s")

_ITEM_TOKEN, _ITEM_PAYLOAD, _ITEM_IDENTIFIER, _ITEM_EXPIRY, _ITEM_PRIORITY = 1, 2, 3, 4, 5
_FIXED_ITEM_LENGTHS = {_ITEM_IDENTIFIER: 4, _ITEM_EXPIRY: 4, _ITEM_PRIORITY: 1}

NO_IDENTIFIER = bytes(4)
PRIORITY_IMMEDIATE = 10
PRIORITIES = (PRIORITY_IMMEDIATE, 5)


class Status(IntEnum):
    """Status codes of the error packet (Apple, "Binary Provider API"). Not among them is 6, invalid
    topic size: the topic comes from the certificate and has always the right size."""

    PROCESSING_ERROR = 1
    MISSING_DEVICE_TOKEN = 2
    MISSING_TOPIC = 3
    MISSING_PAYLOAD = 4
    INVALID_TOKEN_SIZE = 5
    INVALID_PAYLOAD_SIZE = 7
    INVALID_TOKEN = 8
    SHUTDOWN = 10
    PROTOCOL_ERROR = 128


@dataclass(frozen=True, slots=True)
class Frame:
    """One notification as it came over the wire.

    `identifier` is opaque: four bytes, echoed, never interpreted. `expiry` is in Unix seconds, 0
    for "do not store", None when the frame carries none. An absent token or payload is empty.
    """

    command: int
    token: bytes
    payload: bytes
    identifier: bytes = NO_IDENTIFIER
    expiry: int | None = None
    priority: int = PRIORITY_IMMEDIATE


@dataclass(frozen=True, slots=True)
class Unparseable:
    """The stream is not made of frames from here on; `identifier` is that of the frame if it was
    found."""

    reason: str
    identifier: bytes = NO_IDENTIFIER


class FrameDecoder:
    """Turns a byte stream, cut anywhere, into frames.

    >>> decoder = FrameDecoder()
    >>> decoder.feed(b"\\x00\\x00\\x01T\\x00\\x02{}\\xff")
    >>> decoder.next_frame().payload
    b'{}'
    >>> decoder.next_frame().reason
    'unknown command 255'

    After `Unparseable` the stream cannot be followed any further; the caller stops asking.
    """

    __slots__ = ("_buffer", "_position")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._position = 0

    def feed(self, data: bytes) -> None:
        """Append bytes received."""
        if self._position:
            del self._buffer[: self._position]
            self._position = 0
        self._buffer += data

    @property
    def buffered(self) -> int:
        """Bytes received that belong to no frame returned so far."""
        return len(self._buffer) - self._position

    def next_frame(self) -> Frame | Unparseable | None:
        """The next complete frame, or None until more bytes arrive."""
        buffer, start = self._buffer, self._position
        if start >= len(buffer):
            return None
        command = buffer[start]
        if command == 1:
            return self._enhanced(buffer, start)
        if command == 2:
            return self._framed(buffer, start)
        if command == 0:
            return self._simple(buffer, start)
        return Unparseable(f"unknown command {command}")

    def _enhanced(self, buffer: bytearray, start: int) -> Frame | None:
        if len(buffer) - start < _ENHANCED_HEAD.size:
            return None
        identifier, expiry, token_length = _ENHANCED_HEAD.unpack_from(buffer, start)
        body = self._token_and_payload(buffer, start + _ENHANCED_HEAD.size, token_length)
        if body is None:
            return None
        return Frame(1, body[0], body[1], identifier, _expiry(expiry))

    def _simple(self, buffer: bytearray, start: int) -> Frame | None:
        if len(buffer) - start < _SIMPLE_HEAD.size:
            return None
        (token_length,) = _SIMPLE_HEAD.unpack_from(buffer, start)
        body = self._token_and_payload(buffer, start + _SIMPLE_HEAD.size, token_length)
        return None if body is None else Frame(0, body[0], body[1])

    def _token_and_payload(
        self, buffer: bytearray, token_start: int, token_length: int
    ) -> tuple[bytes, bytes] | None:
        token_end = token_start + token_length
        payload_start = token_end + _LENGTH.size
        if len(buffer) < payload_start:
            return None
        payload_end = payload_start + _LENGTH.unpack_from(buffer, token_end)[0]
        if len(buffer) < payload_end:
            return None
        self._position = payload_end
        return bytes(buffer[token_start:token_end]), bytes(buffer[payload_start:payload_end])

    def _framed(self, buffer: bytearray, start: int) -> Frame | Unparseable | None:
        if len(buffer) - start < _FRAME_HEAD.size:
            return None
        (length,) = _FRAME_HEAD.unpack_from(buffer, start)
        if length > MAX_FRAME_LENGTH:
            return Unparseable(f"frame of {length} bytes")
        body_start = start + _FRAME_HEAD.size
        if len(buffer) < body_start + length:
            return None
        result = _frame_from_items(bytes(buffer[body_start : body_start + length]))
        if isinstance(result, Frame):
            self._position = body_start + length
        return result


def _frame_from_items(body: bytes) -> Frame | Unparseable:
    items: dict[int, bytes] = {}
    fault = ""
    position = 0
    while position < len(body):
        if len(body) - position < _ITEM_HEAD.size:
            fault = "item cut short"
            break
        item, length = _ITEM_HEAD.unpack_from(body, position)
        position += _ITEM_HEAD.size
        value = body[position : position + length]
        position += length
        if len(value) < length:
            fault = f"item {item} runs over the end of the frame"
        elif not _ITEM_TOKEN <= item <= _ITEM_PRIORITY:
            fault = f"unknown item {item}"
        elif item in items:
            fault = f"item {item} twice"
        elif _FIXED_ITEM_LENGTHS.get(item, length) != length:
            fault = f"item {item} of {length} bytes"
        if fault:
            break
        items[item] = value
    identifier = items.get(_ITEM_IDENTIFIER, NO_IDENTIFIER)
    if fault:
        return Unparseable(fault, identifier)
    expiry = items.get(_ITEM_EXPIRY)
    priority = items.get(_ITEM_PRIORITY)
    return Frame(
        2,
        items.get(_ITEM_TOKEN, b""),
        items.get(_ITEM_PAYLOAD, b""),
        identifier,
        None if expiry is None else _expiry(int.from_bytes(expiry, "big")),
        PRIORITY_IMMEDIATE if priority is None else priority[0],
    )


def _expiry(value: int) -> int:
    """The expiry of either command: 0 and what is negative when read as signed alike mean "do not
    store" (Apple, "Legacy Notification Format")."""
    return value if value < 0x80000000 else 0


def error_packet(status: Status, identifier: bytes) -> bytes:
    """The six bytes that precede the closing of a connection; `identifier` is four bytes."""
    return _ERROR.pack(8, status, identifier)
