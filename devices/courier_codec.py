"""The phone's codec of the APNs courier protocol: bytes in, messages out, no I/O.

Message = type u8, body length u32, body; body = fields of id u8, length u16, value; integers are
big-endian (the protocol of iOS 5 and later, as third parties observed it; not published).
Unknown message types and fields are skipped.

Simplifications: no device certificate (the device token identifies the phone), and two points
that nobody published are our own: status 1 of an Ack says that the app is gone, and AppToken /
AppTokenAck carry the fields given below.
"""

import struct
from collections.abc import Iterable
from dataclasses import dataclass

from devices.errors import FrameError

CONNECT, CONNECT_ACK, TOPICS, NOTIFICATION, ACK = 0x07, 0x08, 0x09, 0x0A, 0x0B
KEEP_ALIVE, KEEP_ALIVE_ACK, APP_TOKEN, APP_TOKEN_ACK = 0x0C, 0x0D, 0x11, 0x12

MAX_BODY = 65535
"""Bytes of a message body; longer ones end the connection."""

TOKEN_LENGTH = 32
"""Bytes of a device token and of an app's push token."""

STATUS_OK, STATUS_BAD_TOKEN = 0, 2
ACK_RECEIVED, ACK_NO_APP = 0, 1

_HEAD = struct.Struct(">BI")
_FIELD = struct.Struct(">BH")


@dataclass(frozen=True, slots=True)
class ConnectAck:
    """Answer to Connect. `token`: the device token (32 bytes) when newly issued."""

    status: int
    token: bytes | None


@dataclass(frozen=True, slots=True)
class Notification:
    """A push. `topic`: SHA-1 of the bundle id; `payload`: as the provider sent it."""

    topic: bytes
    payload: bytes
    message_id: int


@dataclass(frozen=True, slots=True)
class KeepAliveAck:
    """The service is there."""


@dataclass(frozen=True, slots=True)
class AppTokenAck:
    """An app's push token (32 bytes) for the asked topic, or none with a status other than 0."""

    status: int
    token: bytes
    topic: bytes


Message = ConnectAck | Notification | KeepAliveAck | AppTokenAck


def connect(device_token: bytes | None) -> bytes:
    """Open the session; `device_token` is None on a phone's very first connection."""
    return _message(CONNECT, (1, device_token or b""), (2, b"\x01"))


def topics(device_token: bytes, enabled: Iterable[bytes]) -> bytes:
    """The apps on the phone that take notifications, as topic hashes. Replaces the list before."""
    return _message(TOPICS, (1, device_token), *((2, topic) for topic in enabled))


def ack(message_id: int, status: int) -> bytes:
    """Answer to every Notification, duplicates too."""
    return _message(ACK, (4, message_id.to_bytes(4, "big")), (8, bytes((status,))))


def keep_alive(interval: float) -> bytes:
    """A sign of life, answered with KeepAliveAck: the way it takes, the phone's software and model,
    and after how many seconds of silence it comes, told in minutes."""
    minutes = str(round(interval / 60)).encode()
    return _message(
        KEEP_ALIVE, (1, b"WiFi"), (2, b"6.1.3"), (3, b"10B329"), (4, b"iPhone5,1"), (5, minutes)
    )


def app_token(device_token: bytes, topic: bytes) -> bytes:
    """Ask for the push token of an app whose user agreed to notifications."""
    return _message(APP_TOKEN, (1, device_token), (2, topic))


def read_messages(buffer: bytes) -> tuple[list[Message], bytes]:
    """The complete messages at the start of `buffer`, and the bytes that remain.

    Raises FrameError when a body is too long, a field does not fit its body, or a token or number
    has not its length.
    """
    messages: list[Message] = []
    position, end = 0, len(buffer)
    while end - position >= _HEAD.size:
        kind, length = _HEAD.unpack_from(buffer, position)
        if length > MAX_BODY:
            raise FrameError(f"courier message 0x{kind:02x} of {length} bytes")
        if end - position - _HEAD.size < length:
            break
        start = position + _HEAD.size
        position = start + length
        message = _decode(kind, buffer[start:position])
        if message is not None:
            messages.append(message)
    return messages, buffer[position:]


def _message(kind: int, *fields: tuple[int, bytes]) -> bytes:
    body = b"".join(_FIELD.pack(number, len(value)) + value for number, value in fields)
    return _HEAD.pack(kind, len(body)) + body


def _decode(kind: int, body: bytes) -> Message | None:
    if kind == NOTIFICATION:
        fields = _fields(body)
        return Notification(fields.get(2, b""), fields.get(3, b""), _number(fields, 4))
    if kind == CONNECT_ACK:
        fields = _fields(body)
        return ConnectAck(_number(fields, 1), _token(fields, 3) or None)
    if kind == APP_TOKEN_ACK:
        fields = _fields(body)
        return AppTokenAck(_number(fields, 1), _token(fields, 2), fields.get(3, b""))
    if kind == KEEP_ALIVE_ACK:
        return KeepAliveAck()
    return None


def _number(fields: dict[int, bytes], number: int) -> int:
    value = fields.get(number, b"")
    if len(value) > 4:
        raise FrameError(f"courier number of {len(value)} bytes")
    return int.from_bytes(value, "big")


def _token(fields: dict[int, bytes], number: int) -> bytes:
    token = fields.get(number, b"")
    if len(token) not in (0, TOKEN_LENGTH):
        raise FrameError(f"courier token of {len(token)} bytes")
    return token


def _fields(body: bytes) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    position = 0
    while position < len(body):
        if len(body) - position < _FIELD.size:
            raise FrameError("courier field header cut short")
        number, length = _FIELD.unpack_from(body, position)
        position += _FIELD.size
        if position + length > len(body):
            raise FrameError(f"courier field {number} of {length} bytes does not fit its message")
        found[number] = body[position : position + length]
        position += length
    return found
