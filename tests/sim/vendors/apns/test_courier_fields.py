"""Every field of every courier message that a phone may send: its length, its value, twice, left
out.

Source: the published analyses of Apple's courier protocol (iOS 5 and later).
"""

import asyncio
import struct
from typing import Any

import pytest

from tests.sim.vendors.apns.courier_phone import HOST, TOPIC, Phone, message, payloads

CONNECT, TOPICS, ACK, KEEP_ALIVE, APP_TOKEN = 7, 9, 11, 12, 17
OTHER = bytes(range(32))

Values = list[bytes]
WRONG: dict[int, dict[int, Values]] = {
    CONNECT: {
        1: [b"x", bytes(31), bytes(33)],
        2: [b"", b"\0\1"],
        5: [b"", b"\0", bytes(3), bytes(5)],
    },
    TOPICS: {
        1: [b"", bytes(31), bytes(33), OTHER],
        **{each: [b"", b"org.example", TOPIC[:-1], TOPIC + b"x"] for each in range(2, 7)},
    },
    ACK: {
        1: [b"", bytes(31), bytes(33), OTHER],
        4: [b"", b"\1", b"\0\0\1", b"\0\0\0\0\1", bytes(4), b"\xff" * 4],
        8: [b"", b"\2", b"\xff", b"0", b"\0\0"],
    },
    KEEP_ALIVE: {
        **{each: [b"\xff", b"\xc3", b"\xed\xa0\x80"] for each in range(1, 5)},
        5: [b"", b"-1", b"+1", b" 1", b"ten", b"1.5", b"\xd9\xa1", b"1" * 7, b"9" * 5000],
    },
    APP_TOKEN: {1: [b"", bytes(31), bytes(33), OTHER]},
}
"""By message and field: values that it cannot have."""

GOOD: dict[int, dict[int, Values]] = {
    CONNECT: {2: [b"\1", b"\2"], 5: [bytes(4)]},
    TOPICS: {each: [TOPIC] for each in range(2, 7)},
    ACK: {8: [b"\0", b"\1"]},
    KEEP_ALIVE: {
        **{each: [b"", b"WiFi", "Møbil".encode()] for each in range(1, 5)},
        5: [b"0", b"15", b"999999"],
    },
    APP_TOKEN: {2: [TOPIC]},
}
"""By message and field: values that it may have."""

REPEATED = {(TOPICS, each) for each in range(2, 7)}


async def is_taken(
    stand: Any, service: Any, kind: int, *more: tuple[int, bytes], without: int = 0
) -> bool:
    """Whether a phone may stay after a good message with `more` in the place of some fields. One
    that acknowledges has got a notification."""
    phone = Phone(stand, service.add_device())
    good = {} if kind == KEEP_ALIVE else {1: phone.token}
    if kind == CONNECT:
        phone.peer = await stand.connect(HOST, 5223)
    else:
        await phone.connect()
    if kind == ACK:
        good |= {4: await delivered(service, phone), 8: b"\0"}
    kept = [(n, value) for n, value in good.items() if n not in dict(more) and n != without]
    phone.peer.transport.write(message(kind, *kept, *more))
    return await stays(phone)


async def delivered(service: Any, phone: Phone) -> bytes:
    """The message id of a notification on the phone's connection."""
    phone.push_token = service.issue(phone.token, "org.example")
    await phone.push(b"a")
    ((_, fields),) = await phone.heard(2)
    phone.provider.transport.close()
    message_id: bytes = fields[4]
    return message_id


async def stays(phone: Phone) -> bool:
    await asyncio.sleep(0.3)
    assert phone.peer.error is None
    taken: bool = phone.peer.closed_at is None
    await phone.leave()
    return taken


@pytest.mark.parametrize("kind", WRONG)
def test_each_field_has_its_length_and_its_values(stand: Any, kind: int) -> None:
    service = stand.apns()

    async def main() -> None:
        for field, values in WRONG[kind].items():
            for value in values:
                assert not await is_taken(stand, service, kind, (field, value)), (field, value)

    stand.run(main)


@pytest.mark.parametrize("kind", GOOD)
def test_each_field_takes_its_good_values(stand: Any, kind: int) -> None:
    service = stand.apns()

    async def main() -> None:
        for field, values in GOOD[kind].items():
            for value in values:
                assert await is_taken(stand, service, kind, (field, value)), (field, value)

    stand.run(main)


@pytest.mark.parametrize("kind", GOOD)
def test_only_topics_come_more_than_once(stand: Any, kind: int) -> None:
    service = stand.apns()

    async def main() -> None:
        for field, (value, *_) in GOOD[kind].items():
            taken = await is_taken(stand, service, kind, (field, value), (field, value))
            assert taken == ((kind, field) in REPEATED), field

    stand.run(main)


def test_an_ack_says_of_what_and_how(stand: Any) -> None:
    service = stand.apns()

    async def main() -> None:
        assert await is_taken(stand, service, ACK)
        for field in (4, 8):
            assert not await is_taken(stand, service, ACK, without=field), field

    stand.run(main)


def test_an_ack_of_what_was_never_sent_acknowledges_nothing(stand: Any) -> None:
    service = stand.apns()

    async def main() -> None:
        phone = Phone(stand, service.add_device())
        await phone.connect()
        sent = int.from_bytes(await delivered(service, phone), "big")
        phone.acknowledge(struct.pack(">I", sent + 1))
        assert not await stays(phone)
        assert stand.kinds("vendor.acked") == []
        assert payloads(await phone.connect()) == [b"a"]

    stand.run(main)


@pytest.mark.parametrize("kind", [each for each in range(256) if each not in WRONG])
def test_messages_of_the_service_end_the_connection_and_unknown_ones_are_skipped(
    stand: Any, kind: int
) -> None:
    service = stand.apns()

    async def main() -> None:
        assert await is_taken(stand, service, kind) == (kind not in (8, 10, 13, 18))

    stand.run(main)


STREAMS = {
    "a body over the limit": b"\x0c" + struct.pack(">I", 0x10000),
    "half a field": message(KEEP_ALIVE)[:1] + struct.pack(">I", 2) + b"\1\0",
    "a field over the end": message(KEEP_ALIVE)[:1] + struct.pack(">I", 4) + b"\1\0\2x",
    "a second Connect": message(CONNECT, (2, b"\1")),
}


@pytest.mark.parametrize("stream", STREAMS.values(), ids=STREAMS)
def test_what_no_phone_says_ends_the_connection(stand: Any, stream: bytes) -> None:
    service = stand.apns()

    async def main() -> None:
        phone = Phone(stand, service.add_device())
        await phone.connect()
        phone.peer.transport.write(stream)
        assert not await stays(phone)

    stand.run(main)


@pytest.mark.parametrize("kind", [TOPICS, ACK, KEEP_ALIVE, APP_TOKEN, 0x14])
def test_nothing_comes_before_connect(stand: Any, kind: int) -> None:
    service = stand.apns()

    async def main() -> None:
        phone = Phone(stand, service.add_device())
        phone.peer = await stand.connect(HOST, 5223)
        needed = ((4, b"\0\0\0\1"), (8, b"\0")) if kind == ACK else ()
        phone.peer.transport.write(message(kind, *needed))
        assert not await stays(phone)

    stand.run(main)
