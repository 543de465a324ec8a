"""Every field of every MCS message that a phone may send: its wire type, its range, left out.

Source: Chromium, google_apis/gcm/protocol/mcs.proto.
"""

import asyncio
import struct
from typing import Any

import pytest

from tests.sim.vendors.gcm.mtalk_phone import (
    HOST,
    Phone,
    frame,
    frames,
    iq,
    number,
    send,
    text,
    varint,
)

MINUS_ONE = 2**64 - 1
PAIR = text(1, "name") + text(2, "value")

GOOD: dict[str, list[bytes]] = {
    "int32": [varint(0), varint(2**31 - 1), varint(2**64 - 2**31)],
    "int64": [varint(0), varint(2**63 - 1), varint(MINUS_ONE)],
    "bool": [varint(0), varint(1)],
    "string": [b"\0", b"\x01x", b"\x02\xc3\xa4"],
    "bytes": [b"\0", b"\x02\xff\xfe"],
    "pair": [varint(len(PAIR)) + PAIR],
    "auth": [varint(2)],
    "iq type": [varint(each) for each in range(4)],
    "ack": [varint(0), varint(1)],
}
"""The values of a kind, as they come after the key of the field."""

OUT_OF_RANGE: dict[str, list[bytes]] = {
    "int32": [varint(2**31), varint(2**63), varint(2**64 - 2**31 - 1)],
    "int64": [b"\xff" * 10 + b"\1"],
    "bool": [varint(2), varint(MINUS_ONE)],
    "string": [b"\x01\xff", b"\x02\xed\xa0", b"\x7f"],
    "bytes": [b"\x7f"],
    "pair": [
        b"\0",
        varint(len(text(1, "x"))) + text(1, "x"),
        varint(len(text(2, "x"))) + text(2, "x"),
        varint(len(PAIR) + 2) + PAIR + b"\x0a\x01",
        varint(len(PAIR) + 2) + PAIR + number(1, 7),
    ],
    "auth": [varint(0), varint(1), varint(3)],
    "iq type": [varint(4), varint(MINUS_ONE)],
    "ack": [varint(2), varint(1000), varint(2**31), varint(MINUS_ONE)],
}

VARINT, FIXED64, BYTES, START_GROUP, END_GROUP, FIXED32 = 0, 1, 2, 3, 4, 5
ANYTHING = {
    VARINT: varint(1),
    FIXED64: struct.pack("<Q", 1),
    BYTES: b"\x01x",
    START_GROUP: b"",
    END_GROUP: b"",
    FIXED32: struct.pack("<I", 1),
    6: b"",
    7: b"",
}

HEARTBEAT = {1: "int32", 2: "ack", 3: "int64"}
MESSAGES: dict[int, dict[int, str]] = {
    0: HEARTBEAT,
    1: HEARTBEAT,
    2: {
        **dict.fromkeys(range(1, 7), "string"),
        7: "int64", 8: "pair", 10: "string", 12: "bool", 14: "bool", 15: "int64", 16: "auth",
        17: "int32", 18: "int64",
    },
    7: {
        1: "int64", 2: "iq type", 3: "string", 4: "string", 5: "string", 8: "string", 9: "int32",
        10: "ack", 11: "int64", 12: "int64",
    },
    8: {
        2: "string", 3: "string", 4: "string", 5: "string", 6: "string", 7: "pair", 8: "bool",
        9: "string", 10: "int32", 11: "ack", 13: "string", 16: "int64", 17: "int32", 18: "int64",
        19: "int32", 20: "int64", 21: "bytes", 24: "bool",
    },
}  # fmt: skip
"""The fields of each message by its tag, and the kind of each."""

REQUIRED = {0: (), 1: (), 2: (1, 2, 3, 4, 5), 7: (2, 3), 8: (3, 5)}


def wire_type(kind: str) -> int:
    return BYTES if kind in ("string", "bytes", "pair") else VARINT


def key(field: int, kind: int) -> bytes:
    return varint(field << 3 | kind)


def required(tag: int, phone: Phone, without: int = 0) -> bytes:
    """The fields that a message of `tag` must have, with good values."""
    values = {
        2: [text(n, "x") for n in (1, 2)]
        + [text(n, str(phone.android_id)) for n in (3, 4)]
        + [text(5, str(phone.security_token))],
        7: [number(2, 1), text(3, "x")],
        8: [text(3, "x"), text(5, "x")],
    }.get(tag, [])
    fields = dict(zip(REQUIRED[tag], values, strict=True))
    return b"".join(value for field, value in fields.items() if field != without)


async def is_taken(stand: Any, service: Any, tag: int, *parts: bytes, without: int = 0) -> bool:
    """Whether a new phone that sends this message (after its login, if it is none) may stay."""
    phone = Phone(stand, service)
    body = required(tag, phone, without) + b"".join(parts)
    if tag == 2:
        phone.peer = await stand.connect(HOST, 5228)
        phone.peer.transport.write(b"\x29" + frame(2, body))
    else:
        await phone.connect()
        phone.write(tag, body)
    await asyncio.sleep(0.2)
    assert phone.peer.error is None
    taken = phone.peer.closed_at is None
    assert taken == service.is_connected(phone.android_id)
    if tag == 2 and not taken:
        assert phone.peer.take() == b""
    await phone.leave()
    return taken


def rows(tag: int) -> list[tuple[int, str]]:
    return list(MESSAGES[tag].items())


@pytest.mark.parametrize("tag", MESSAGES)
def test_each_field_takes_its_good_values(stand: Any, tag: int) -> None:
    service = stand.gcm()

    async def main() -> None:
        for field, kind in rows(tag):
            for value in GOOD[kind]:
                if (tag, field) in ((2, 3), (2, 5)):
                    continue  # the credentials
                part = key(field, wire_type(kind)) + value
                assert await is_taken(stand, service, tag, part), (field, value)

    stand.run(main)


@pytest.mark.parametrize("tag", MESSAGES)
def test_each_field_has_its_wire_type(stand: Any, tag: int) -> None:
    service = stand.gcm()

    async def main() -> None:
        for field, kind in rows(tag):
            for wrong, value in ANYTHING.items():
                if wrong != wire_type(kind):
                    part = key(field, wrong) + value
                    assert not await is_taken(stand, service, tag, part), (field, wrong)

    stand.run(main)


@pytest.mark.parametrize("tag", MESSAGES)
def test_each_field_has_its_range(stand: Any, tag: int) -> None:
    service = stand.gcm()

    async def main() -> None:
        for field, kind in rows(tag):
            for value in OUT_OF_RANGE[kind]:
                part = key(field, wire_type(kind)) + value
                assert not await is_taken(stand, service, tag, part), (field, value)

    stand.run(main)


@pytest.mark.parametrize("tag", MESSAGES)
def test_each_required_field_is_there(stand: Any, tag: int) -> None:
    service = stand.gcm()

    async def main() -> None:
        for field in REQUIRED[tag]:
            assert not await is_taken(stand, service, tag, without=field), field
        assert await is_taken(stand, service, tag)

    stand.run(main)


@pytest.mark.parametrize("tag", MESSAGES)
def test_unknown_fields_are_skipped_and_what_is_no_field_is_not(stand: Any, tag: int) -> None:
    service = stand.gcm()

    async def main() -> None:
        for kind in (VARINT, FIXED64, BYTES, FIXED32):
            assert await is_taken(stand, service, tag, key(77, kind) + ANYTHING[kind])
        for part in (b"\0\0", key(77, START_GROUP), key(77, BYTES) + b"\x05x", b"\xff" * 11):
            assert not await is_taken(stand, service, tag, part), part

    stand.run(main)


EXTENSIONS = {
    "neither id nor data": b"",
    "no id": text(2, ""),
    "no data": number(1, 12),
    "id as text": text(1, "12") + text(2, ""),
    "data as number": number(1, 12) + number(2, 1),
    "data that is no message": number(1, 12) + text(2, b"\xff"),
    "a number for an id": number(1, 12) + text(2, number(1, 7)),
    "an id that is no text": number(1, 12) + text(2, text(1, b"\xff")),
}


@pytest.mark.parametrize("extension", EXTENSIONS.values(), ids=EXTENSIONS)
def test_an_extension_has_its_fields(stand: Any, extension: bytes) -> None:
    service = stand.gcm()

    async def main() -> None:
        assert not await is_taken(stand, service, 7, text(7, extension))
        assert await is_taken(stand, service, 7, text(7, number(1, 99) + text(2, b"\xff")))

    stand.run(main)


@pytest.mark.parametrize("tag", [each for each in range(256) if each not in (*MESSAGES, 4)])
def test_a_tag_that_no_phone_sends_ends_the_connection(stand: Any, tag: int) -> None:
    service = stand.gcm()

    async def main() -> None:
        phone = Phone(stand, service)
        await phone.connect()
        phone.write(tag)
        await asyncio.sleep(0.2)
        assert phone.peer.closed_at is not None
        assert not service.is_connected(phone.android_id)

    stand.run(main)


STREAMS = {
    "a second login": lambda phone: frame(2, required(2, phone)),
    "a length of six bytes": lambda phone: b"\0" + b"\x80" * 5 + b"\0",
    "a length of 11 bytes": lambda phone: b"\0" + b"\xff" * 11,
    "a frame over the limit": lambda phone: b"\0" + varint(0x10000),
    "no receiver for no message": lambda phone: frame(8, required(8, phone) + number(20, 1)),
    "neither asleep nor awake": lambda phone: frame(
        8,
        text(3, "x")
        + text(5, "com.google.android.gsf.gtalkservice")
        + text(7, text(1, "IdleNotification") + text(2, "perhaps")),
    ),
    "an end that is no message": lambda phone: frame(4, b"\xff"),
}


@pytest.mark.parametrize("stream", STREAMS.values(), ids=STREAMS)
def test_what_no_phone_says_ends_the_connection(stand: Any, stream: Any) -> None:
    service = stand.gcm()

    async def main() -> None:
        phone = Phone(stand, service)
        await phone.connect()
        phone.peer.transport.write(stream(phone))
        await asyncio.sleep(0.2)
        assert phone.peer.closed_at is not None
        assert frames(phone.peer.take()) == []

    stand.run(main)


@pytest.mark.parametrize("tag", [0, 1, 4, 7, 8])
def test_nothing_comes_before_the_login(stand: Any, tag: int) -> None:
    service = stand.gcm()

    async def main() -> None:
        phone = Phone(stand, service)
        peer = await stand.connect(HOST, 5228)
        peer.transport.write(b"\x29" + frame(tag, b"" if tag == 4 else required(tag, phone)))
        await asyncio.sleep(0.2)
        assert peer.closed_at is not None
        assert peer.take() == b""

    stand.run(main)


@pytest.mark.parametrize("how", ["heartbeat", "answer", "stream ack", "message"])
def test_an_acknowledgement_of_what_was_never_sent_acknowledges_nothing(
    stand: Any, how: str
) -> None:
    service = stand.gcm()

    async def main() -> None:
        phone = Phone(stand, service)
        await phone.connect()
        message_id = await send(stand, phone.id)
        await phone.heard()
        if how == "stream ack":
            phone.write(7, iq(13) + number(10, 3))
        elif how == "message":
            phone.write(8, text(3, "x") + text(5, "x") + number(11, 3))
        else:
            phone.write(0 if how == "heartbeat" else 1, number(2, 3))
        await asyncio.sleep(0.2)
        assert phone.peer.closed_at is not None
        assert stand.kinds("vendor.acked") == []
        (again,) = await phone.connect()
        assert again[9] == [message_id.encode()]

    stand.run(main)


@pytest.mark.parametrize(
    "body",
    [text(2, "1"), text(13, "1"), number(13, 1), text(14, "3"), number(14, 2**40), b"\xff"],
    ids=["id", "token as text", "token as varint", "version", "version too large", "no message"],
)
def test_a_check_in_is_held_to_its_fields(stand: Any, body: bytes) -> None:
    stand.gcm()

    async def main() -> None:
        peer = await stand.connect(HOST, 443, stand.world.ca.client_context())
        peer.transport.write(
            b"POST /checkin HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body
        )
        await asyncio.sleep(0.3)
        assert peer.take().startswith(b"HTTP/1.1 400 ")
        peer.transport.close()

    stand.run(main)
