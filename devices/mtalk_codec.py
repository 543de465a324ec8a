"""The phone's codec of MCS, the protocol of mtalk.google.com: bytes in, messages out, no I/O.

Each side sends one version byte (41) first; then frames: tag u8, varint length, protobuf body.
Tags and field numbers as in Chromium's `mcs.proto`. Unknown tags are read (they count as frames)
and given as `Other`; unknown fields are skipped. `received` (last_stream_id_received) is how many
frames of the other side the sender of a frame has got.

Simplification of our own: that no app wants a message is told with a DataMessageStanza to
`gcm@android.com` (field 20, status 1); how the real phone reports it is not published.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from devices.errors import FrameError
from devices.protobuf import bytes_field, read_fields, read_varint, uint_field, varint

VERSION = 41
"""MCS version since 2012; sent once as the first byte by each side."""

HEARTBEAT_PING, HEARTBEAT_ACK, LOGIN_REQUEST, LOGIN_RESPONSE, CLOSE = 0, 1, 2, 3, 4
IQ, DATA_MESSAGE, STREAM_ERROR = 7, 8, 10

MAX_BODY = 65535
"""Bytes of a frame's body; longer ones end the connection."""

_SELECTIVE_ACK = 12
_STREAM_ADDRESS = "gcm@android.com"


@dataclass(frozen=True, slots=True)
class HeartbeatPing:
    """The service asks whether the phone is there; to be answered."""


@dataclass(frozen=True, slots=True)
class HeartbeatAck:
    """The service is there."""

    received: int


@dataclass(frozen=True, slots=True)
class LoginResponse:
    """`error`: code of a refused login, else 0. `heartbeat`: seconds the server asks for, or 0."""

    error: int
    heartbeat: float
    received: int


@dataclass(frozen=True, slots=True)
class Close:
    """The service closes the connection."""


@dataclass(frozen=True, slots=True)
class DataMessage:
    """A push for the app `category` (package name)."""

    category: str
    persistent_id: str
    received: int
    data: dict[str, str] = field(hash=False)


@dataclass(frozen=True, slots=True)
class StreamError:
    """The service ends the session, for instance as a newer one replaced it ("conflict")."""

    kind: str


@dataclass(frozen=True, slots=True)
class Other:
    """A frame with a tag that the phone does not know."""

    tag: int


Frame = HeartbeatPing | HeartbeatAck | LoginResponse | Close | DataMessage | StreamError | Other


def login_request(
    android_id: int, security_token: int, received: Iterable[str], heartbeat: float | None = None
) -> bytes:
    """Version byte and LoginRequest. `received`: persistent ids that need not be sent again.
    `heartbeat`: seconds between the phone's heartbeats, said if it is not the usual interval."""
    settings = [("new_vc", "1")]
    if heartbeat is not None:
        settings.append(("hbping", str(round(heartbeat * 1000))))
    body = b"".join(
        (
            bytes_field(1, "login-1"),
            bytes_field(2, "mcs.android.com"),
            bytes_field(3, str(android_id)),
            bytes_field(4, str(android_id)),
            bytes_field(5, str(security_token)),
            bytes_field(6, device_address(android_id)),
            *(bytes_field(8, bytes_field(1, name) + bytes_field(2, v)) for name, v in settings),
            *(bytes_field(10, persistent_id) for persistent_id in received),
            uint_field(12, 0),  # the heartbeat does not adapt
            uint_field(14, 1),  # the protocol counts frames and repeats messages
            uint_field(16, 2),  # android id and security token
            uint_field(17, 1),  # Wi-Fi
        )
    )
    return bytes((VERSION,)) + _frame(LOGIN_REQUEST, body)


def heartbeat_ping(received: int) -> bytes:
    return _frame(HEARTBEAT_PING, uint_field(2, received))


def heartbeat_ack(received: int) -> bytes:
    return _frame(HEARTBEAT_ACK, uint_field(2, received))


def selective_ack(persistent_id: str, received: int) -> bytes:
    """An IqStanza (SET, extension 12) that names a message as received."""
    extension = uint_field(1, _SELECTIVE_ACK) + bytes_field(2, bytes_field(1, persistent_id))
    return _frame(
        IQ,
        uint_field(2, 1)
        + bytes_field(3, str(received))
        + bytes_field(7, extension)
        + uint_field(10, received),
    )


def no_receiver(category: str, persistent_id: str, received: int) -> bytes:
    """No app wanted the message."""
    return _frame(
        DATA_MESSAGE,
        bytes_field(3, _STREAM_ADDRESS)
        + bytes_field(5, category)
        + bytes_field(9, persistent_id)
        + uint_field(11, received)
        + uint_field(20, 1),
    )


def device_address(android_id: int) -> str:
    """The name of a phone on this service, for instance `android-3f2a`."""
    return f"android-{android_id:x}"


def read_frames(buffer: bytes) -> tuple[list[Frame], bytes]:
    """The complete frames at the start of `buffer` (after the version byte), and what remains.

    Raises FrameError for an over-long frame or a body that is not the protobuf expected.
    """
    frames: list[Frame] = []
    position = 0
    while position < len(buffer):
        length = read_varint(buffer, position + 1)
        if length is None:
            break
        size, start = length
        if size > MAX_BODY:
            raise FrameError(f"mtalk frame {buffer[position]} of {size} bytes")
        if start + size > len(buffer):
            break
        frames.append(_decode(buffer[position], buffer[start : start + size]))
        position = start + size
    return frames, buffer[position:]


def _frame(tag: int, body: bytes) -> bytes:
    return bytes((tag,)) + varint(len(body)) + body


def _decode(tag: int, body: bytes) -> Frame:
    if tag == DATA_MESSAGE:
        return _decode_data(body)
    if tag == LOGIN_RESPONSE:
        return _decode_login(body)
    if tag == STREAM_ERROR:
        return StreamError(_text(dict(read_fields(body)).get(1, b"")))
    if tag == HEARTBEAT_PING:
        return HeartbeatPing()
    if tag == HEARTBEAT_ACK:
        return HeartbeatAck(_number(dict(read_fields(body)).get(2, 0)))
    if tag == CLOSE:
        return Close()
    return Other(tag)


def _decode_data(body: bytes) -> DataMessage:
    category = persistent_id = ""
    received = 0
    data: dict[str, str] = {}
    for number, value in read_fields(body):
        if number == 5:
            category = _text(value)
        elif number == 9:
            persistent_id = _text(value)
        elif number == 11:
            received = _number(value)
        elif number == 7:
            key, text = _pair(_bytes(value))
            data[key] = text
    return DataMessage(category, persistent_id, received, data)


def _pair(body: bytes) -> tuple[str, str]:
    key = text = ""
    for number, value in read_fields(body):
        if number == 1:
            key = _text(value)
        elif number == 2:
            text = _text(value)
    return key, text


def _decode_login(body: bytes) -> LoginResponse:
    error, heartbeat, received = 0, 0.0, 0
    for number, value in read_fields(body):
        if number == 3:
            error = _number(dict(read_fields(_bytes(value))).get(1, 0)) or 1
        elif number == 6:
            received = _number(value)
        elif number == 7:
            heartbeat = _number(dict(read_fields(_bytes(value))).get(3, 0)) / 1000
    return LoginResponse(error, heartbeat, received)


def _bytes(value: int | bytes) -> bytes:
    if isinstance(value, int):
        raise FrameError("a number where protobuf bytes were expected")
    return value


def _text(value: int | bytes) -> str:
    return _bytes(value).decode("utf-8", "replace")


def _number(value: int | bytes) -> int:
    if isinstance(value, bytes):
        raise FrameError("protobuf bytes where a number was expected")
    return value
