"""The messages of MCS that this service reads and writes, and their frames. No I/O.

    frame  tag u8 | length varint32 | protobuf

The phones' messages are held to `mcs_schema`; what the fields mean here is said in `mtalk`.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntEnum

from sim.vendors.errors import MalformedInput
from sim.vendors.gcm import mcs_schema
from sim.vendors.gcm.protobuf import (
    MAX_VARINT32_BYTES,
    bytes_field,
    number_field,
    read_varint,
    text_field,
    varint,
)
from sim.vendors.gcm.protobuf_schema import Message, Schema, read_message

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


# What a phone may send.
_SCHEMAS: dict[int, Schema] = {
    Tag.HEARTBEAT_PING: mcs_schema.HEARTBEAT,
    Tag.HEARTBEAT_ACK: mcs_schema.HEARTBEAT,
    Tag.LOGIN_REQUEST: mcs_schema.LOGIN_REQUEST,
    Tag.CLOSE: mcs_schema.CLOSE,
    Tag.IQ_STANZA: mcs_schema.IQ_STANZA,
    Tag.DATA_MESSAGE_STANZA: mcs_schema.DATA_MESSAGE_STANZA,
}

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
    head = read_varint(data, start + 1, MAX_VARINT32_BYTES)
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


def read_body(tag: int, body: bytes) -> Message:
    """The fields of a phone's message. Raises MalformedInput, also for a tag that no phone sends
    (as Chromium's client does for one that no server sends)."""
    schema = _SCHEMAS.get(tag)
    if schema is None:
        raise MalformedInput(f"tag {tag}, which no phone sends")
    return read_message(schema, body)


def last_stream_id_received(tag: int, message: Message) -> int | None:
    """The acknowledgement that a message carries, if any."""
    number = _ACKNOWLEDGING_FIELD.get(tag)
    return None if number is None else message.get(number)


def login_request(message: Message) -> LoginRequest:
    """What a LoginRequest says."""
    heartbeat = None
    for setting in message.get(8, ()):
        if setting[1] == "hbping" and _MILLISECONDS.fullmatch(setting[2]):
            heartbeat = int(setting[2]) / 1000
    received = tuple(message.get(10, ()))
    return LoginRequest(message[1], message[3], message[5], received, heartbeat)


def phone_message(message: Message) -> PhoneMessage:
    """What a phone's DataMessageStanza says."""
    app_data = {pair[1]: pair[2] for pair in message.get(7, ())}
    return PhoneMessage(message[5], message.get(9, ""), message.get(20, 0), app_data)


def selective_ack(message: Message) -> list[str]:
    """The persistent ids that an IqStanza acknowledges one by one. Raises MalformedInput."""
    extension = message.get(7)
    if extension is None or extension[1] != SELECTIVE_ACK:
        return []
    ids: list[str] = read_message(mcs_schema.SELECTIVE_ACK, extension[2]).get(1, [])
    return ids


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
