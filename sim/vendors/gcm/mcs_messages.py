"""The messages of MCS that this service reads and writes, and their frames. No I/O.

    frame  tag u8 | length varint32 | protobuf

Field numbers: Chromium, google_apis/gcm/protocol/mcs.proto. What the fields mean here is said in
`mtalk`.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntEnum

from sim.vendors.errors import MalformedInput
from sim.vendors.gcm.protobuf import (
    bytes_field,
    number_field,
    read_fields,
    read_varint,
    text_field,
    varint,
)

VERSION = 41
OLDEST_VERSION = 38
MAX_LENGTH = 0xFFFF
"""Longest frame that a phone may send."""

SELECTIVE_ACK = 12
"""Id of the IqStanza extension that names messages. A stream ack (13) has nothing in it but what
every IqStanza says."""

_MILLISECONDS = re.compile("[0-9]{1,12}")


class Tag(IntEnum):
    """Frame tags."""

    HEARTBEAT_PING = 0
    HEARTBEAT_ACK = 1
    LOGIN_REQUEST = 2
    LOGIN_RESPONSE = 3
    CLOSE = 4
    IQ_STANZA = 7
    DATA_MESSAGE_STANZA = 8
    STREAM_ERROR_STANZA = 10


# Field that holds last_stream_id_received, by tag.
_ACKNOWLEDGING_FIELD: dict[int, int] = {
    Tag.HEARTBEAT_PING: 2,
    Tag.HEARTBEAT_ACK: 2,
    Tag.IQ_STANZA: 10,
    Tag.DATA_MESSAGE_STANZA: 11,
}


@dataclass(frozen=True, slots=True)
class LoginRequest:
    """What the service wants to know from LoginRequest. `heartbeat` is the phone's interval in
    seconds, None if it does not say."""

    id: str
    user: str
    auth_token: str
    received_persistent_ids: tuple[str, ...]
    heartbeat: float | None


@dataclass(frozen=True, slots=True)
class PhoneMessage:
    """A DataMessageStanza from a phone."""

    category: str = ""
    persistent_id: str = ""
    status: int = 0
    app_data: dict[str, str] = field(default_factory=dict)


def read_frame(data: bytes | bytearray, start: int) -> tuple[int, bytes, int] | None:
    """The frame at `start` as (tag, protobuf, position after it); None if it is not complete.

    Raises MalformedInput for a length that no phone's frame has.
    """
    head = read_varint(data, start + 1)
    if head is None:
        return None
    length, position = head
    if length > MAX_LENGTH:
        raise MalformedInput(f"frame of {length} bytes")
    end = position + length
    if end > len(data):
        return None
    return data[start], bytes(data[position:end]), end


def write_frame(tag: Tag, body: bytes = b"") -> bytes:
    """Encode a frame."""
    return bytes((tag,)) + varint(len(body)) + body


def last_stream_id_received(tag: int, body: bytes) -> int | None:
    """The acknowledgement that a frame carries, if any."""
    wanted = _ACKNOWLEDGING_FIELD.get(tag)
    found = None
    if wanted is not None and body:
        for number, value in read_fields(body):
            if number == wanted and isinstance(value, int):
                found = value
    return found


def read_login_request(body: bytes) -> LoginRequest:
    """Decode LoginRequest. Raises MalformedInput."""
    texts = {1: "", 3: "", 5: ""}
    received: list[str] = []
    heartbeat = None
    for number, value in read_fields(body):
        if number in texts:
            texts[number] = _text(value)
        elif number == 8 and isinstance(value, bytes):
            name, setting = _pair(value)
            if name == "hbping" and _MILLISECONDS.fullmatch(setting):
                heartbeat = int(setting) / 1000
        elif number == 10:
            received.append(_text(value))
    return LoginRequest(texts[1], texts[3], texts[5], tuple(received), heartbeat)


def read_phone_message(body: bytes) -> PhoneMessage:
    """Decode a phone's DataMessageStanza. Raises MalformedInput."""
    category = persistent_id = ""
    status = 0
    app_data: dict[str, str] = {}
    for number, value in read_fields(body):
        if number == 5:
            category = _text(value)
        elif number == 9:
            persistent_id = _text(value)
        elif number == 20 and isinstance(value, int):
            status = value
        elif number == 7 and isinstance(value, bytes):
            key, text = _pair(value)
            app_data[key] = text
    return PhoneMessage(category, persistent_id, status, app_data)


def read_selective_ack(body: bytes) -> list[str]:
    """The persistent ids that an IqStanza acknowledges one by one. Raises MalformedInput."""
    extension = b""
    for number, value in read_fields(body):
        if number == 7 and isinstance(value, bytes):
            extension = value
    parts = dict(read_fields(extension))
    data = parts.get(2)
    if parts.get(1) != SELECTIVE_ACK or not isinstance(data, bytes):
        return []
    return [_text(value) for number, value in read_fields(data) if number == 1]


def login_response(id: str, *, now_ms: int, heartbeat_ms: int | None) -> bytes:
    """LoginResponse to a phone that may stay."""
    body = text_field(1, id) + number_field(6, 1)
    if heartbeat_ms is not None:
        body += bytes_field(7, number_field(3, heartbeat_ms))
    return write_frame(Tag.LOGIN_RESPONSE, body + number_field(8, now_ms))


def login_refusal(id: str, code: int, text: str) -> bytes:
    """LoginResponse with an error."""
    error = number_field(1, code) + text_field(2, text)
    return write_frame(Tag.LOGIN_RESPONSE, text_field(1, id) + bytes_field(3, error))


def stream_error(type: str, text: str) -> bytes:
    """StreamErrorStanza: why the server closes."""
    return write_frame(Tag.STREAM_ERROR_STANZA, text_field(1, type) + text_field(2, text))


def heartbeat_ack(last_received: int) -> bytes:
    """HeartbeatAck, acknowledging the phone's frames up to `last_received`."""
    return write_frame(Tag.HEARTBEAT_ACK, number_field(2, last_received))


def app_data_fields(pairs: Iterable[tuple[str, str]]) -> bytes:
    """The app_data of a DataMessageStanza, encoded once for all its recipients."""
    return b"".join([bytes_field(7, text_field(1, key) + text_field(2, v)) for key, v in pairs])


def data_message(
    *,
    persistent_id: str,
    sender: str,
    to: str,
    category: str,
    collapse_key: str | None,
    app_data: bytes,
    stream_id: int,
    last_received: int,
    registration_id: str,
    ttl: int,
    sent_ms: int,
    queued: int,
) -> bytes:
    """A DataMessageStanza to a phone. `app_data` is encoded; `ttl` and `queued` in seconds."""
    body = b"".join(
        (
            text_field(2, persistent_id),
            text_field(3, sender),
            text_field(4, to),
            text_field(5, category),
            b"" if collapse_key is None else text_field(6, collapse_key),
            app_data,
            number_field(8, 1),
            text_field(9, persistent_id),
            number_field(10, stream_id),
            number_field(11, last_received),
            text_field(13, registration_id),
            number_field(17, ttl),
            number_field(18, sent_ms),
            number_field(19, queued),
        )
    )
    return write_frame(Tag.DATA_MESSAGE_STANZA, body)


def _pair(body: bytes) -> tuple[str, str]:
    """A message of 1 name and 2 value."""
    pair = {1: "", 2: ""}
    pair.update((number, _text(value)) for number, value in read_fields(body) if number in pair)
    return pair[1], pair[2]


def _text(value: int | bytes) -> str:
    if not isinstance(value, bytes):
        raise MalformedInput("number where text belongs")
    return value.decode("utf-8", "replace")
