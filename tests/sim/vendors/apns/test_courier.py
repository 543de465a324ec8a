"""A phone's connection to APNs: identity, delivery, sessions, malformed input."""

import asyncio
import time
from typing import Any

import pytest

from sim.vendors.seams import token_ref
from tests.sim.vendors.apns.courier_phone import (
    APP,
    HOST,
    TOPIC,
    Phone,
    frame,
    message,
    messages,
    payloads,
)


def test_a_first_connection_gets_a_token_that_later_ones_present(stand: Any) -> None:
    service = stand.apns()

    async def main() -> None:
        phone = await stand.connect(HOST, 5223)
        phone.transport.write(message(7, (2, b"\1")))
        await asyncio.sleep(1)
        ((kind, fields),) = messages(phone.take())
        assert (kind, fields[1], len(fields[3]), fields[4]) == (8, b"\0", 32, b"\x10\0")
        assert service.is_connected(fields[3])
        again = Phone(stand, fields[3])
        ((kind, answer),) = await again.connect()
        assert (kind, answer) == (8, {1: b"\0", 4: b"\x10\0"})

    stand.run(main)


def test_an_unknown_device_token_is_refused(stand: Any) -> None:
    stand.apns()

    async def main() -> None:
        phone = Phone(stand, bytes(32))
        ((kind, fields),) = (await phone.connect(topics=[]))[:1]
        assert (kind, fields[1]) == (8, b"\2")

    stand.run(main)


def test_an_app_gets_its_push_token_and_keeps_it(stand: Any) -> None:
    service = stand.apns()

    async def main() -> None:
        phone = Phone(stand, service.add_device())
        await phone.connect()
        phone.peer.transport.write(2 * message(17, (1, phone.token), (2, TOPIC)))
        first, second = await phone.heard()
        token = service.token_of(phone.token, APP)
        assert first == second == (18, {1: b"\0", 2: token, 3: TOPIC})
        assert service.token_of(phone.token, "org.other") is None
        phone.peer.transport.write(message(17, (2, b"short")))
        assert await phone.heard() == [(18, {1: b"\2"})]

    stand.run(main)


def test_keep_alives_are_answered(stand: Any) -> None:
    service = stand.apns()

    async def main() -> None:
        phone = Phone(stand, service.add_device())
        await phone.connect()
        phone.peer.transport.write(message(12, (1, b"WiFi"), (5, b"15")) + message(12))
        assert await phone.heard() == [(13, {}), (13, {})]

    stand.run(main)


def test_a_notification_reaches_the_phone_with_all_its_fields(stand: Any) -> None:
    service = stand.apns(latency=0.25)

    async def main() -> None:
        phone = Phone.with_app(stand, service)
        await phone.connect()
        await phone.push(b'{"aps":{}}', expiry=1_367_500_000)
        assert await phone.heard(0.2) == []
        ((kind, fields),) = await phone.heard()
        assert kind == 10
        assert fields[1] == phone.token
        assert fields[2] == TOPIC
        assert fields[3] == b'{"aps":{}}'
        assert int.from_bytes(fields[5], "big") == 1_367_500_000
        assert abs(int.from_bytes(fields[6], "big") / 1e9 - time.time()) < 2
        assert fields[7] == b"\0"
        (sent,) = stand.named("vendor.sent")
        assert sent["device"] == token_ref(phone.token.hex())
        assert sent["mid"] == str(int.from_bytes(fields[4], "big"))
        assert sent["redelivery"] is False
        phone.acknowledge(fields[4])
        await asyncio.sleep(1)
        assert stand.kinds("vendor.acked", "vendor.undeliverable") == ["vendor.acked"]
        await phone.leave()
        assert payloads(await phone.connect()) == []

    stand.run(main)


def test_a_newer_session_replaces_the_older_and_takes_over_what_is_open(stand: Any) -> None:
    service = stand.apns()

    async def main() -> None:
        phone = Phone.with_app(stand, service)
        twin = Phone(stand, phone.token)
        await phone.connect()
        await phone.push(b"a")
        await phone.heard()
        assert payloads(await twin.connect()) == [b"a"]
        assert phone.peer.closed_at is not None
        await phone.push(b"b")
        assert payloads(await twin.heard()) == [b"b"]
        assert service.is_connected(phone.token)

    stand.run(main)


def test_nothing_is_delivered_before_the_phone_has_told_its_topics(stand: Any) -> None:
    service = stand.apns()

    async def main() -> None:
        device = service.add_device()
        token = service.issue(device, APP)
        phone = await stand.connect(HOST, 5223)
        phone.transport.write(message(7, (1, device), (2, b"\1")))
        provider = await stand.provider()
        provider.transport.write(frame(1, token, b"a"))
        await asyncio.sleep(1)
        assert [kind for kind, _ in messages(phone.take())] == [8]
        phone.transport.write(message(9, (3, TOPIC)))
        await asyncio.sleep(1)
        assert payloads(messages(phone.take())) == [b"a"]
        phone.transport.write(message(9, (3, TOPIC)))
        await asyncio.sleep(1)
        assert payloads(messages(phone.take())) == []

    stand.run(main)


def test_a_notification_for_an_app_that_is_gone_is_noted_for_feedback(stand: Any) -> None:
    service = stand.apns()

    async def main() -> None:
        phone = Phone.with_app(stand, service)
        await phone.connect(topics=[])
        await phone.push(b"{}", b"{}")
        assert await phone.heard() == []
        assert phone.provider.received == b""
        assert stand.kinds("vendor.undeliverable") == ["vendor.undeliverable"] * 2
        (removal,) = service.removals()
        assert (removal.token, removal.topic) == (phone.push_token, TOPIC)
        assert abs(removal.at - time.time()) < 2

    stand.run(main)


def test_the_phone_may_find_out_itself_that_the_app_is_gone(stand: Any) -> None:
    service = stand.apns()

    async def main() -> None:
        phone = Phone.with_app(stand, service)
        await phone.connect()
        await phone.push(b"{}")
        ((_, fields),) = await phone.heard()
        phone.acknowledge(fields[4], status=b"\1")
        await asyncio.sleep(1)
        assert stand.kinds("vendor.undeliverable", "vendor.acked") == ["vendor.undeliverable"]
        assert len(service.removals()) == 1

    stand.run(main)


def test_an_uninstall_is_found_only_when_the_phone_is_online(stand: Any) -> None:
    service = stand.apns()

    async def main() -> None:
        phone = Phone.with_app(stand, service)
        assert service.uninstall(phone.token, APP)
        assert not service.uninstall(phone.token, "org.other")
        await phone.push(b"{}")
        await asyncio.sleep(1)
        assert service.removals() == []
        assert payloads(await phone.connect()) == []
        assert len(service.removals()) == 1
        assert service.issue(phone.token, APP) == phone.push_token
        await phone.push(b"back")
        assert payloads(await phone.heard()) == [b"back"]

    stand.run(main)


def test_a_reinstalled_app_may_get_another_token(stand: Any) -> None:
    service = stand.apns(reinstall_keeps_token=False)
    device = service.add_device()
    old = service.issue(device, APP)
    service.uninstall(device, APP)
    new = service.issue(device, APP)
    assert new != old
    assert service.token_of(device, APP) == new


def test_an_invalidated_token_gets_code_8(stand: Any) -> None:
    service = stand.apns()

    async def main() -> None:
        token = service.issue(service.add_device(), APP)
        assert service.invalidate(token)
        assert not service.invalidate(token)
        provider = await stand.provider()
        provider.transport.write(frame(3, token))
        await asyncio.sleep(2)
        assert provider.received == bytes([8, 8, 0, 0, 0, 3])

    stand.run(main)


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        message(9, (2, TOPIC)),
        message(12),
        message(7, (2, b"\1")) + message(7, (2, b"\1")),
        b"\7\0\0\0\4\1\0\2x",
    ],
    ids=["TLS", "topics first", "keep-alive first", "two connects", "field over the end"],
)
def test_malformed_input_closes_only_this_connection(stand: Any, data: bytes) -> None:
    service = stand.apns()

    async def main() -> None:
        phone = await stand.connect(HOST, 5223)
        phone.transport.write(data)
        await asyncio.sleep(1)
        assert phone.closed_at is not None
        assert phone.error is None
        good = Phone(stand, service.add_device())
        assert [kind for kind, _ in await good.connect()] == [8]

    stand.run(main)


def test_messages_may_come_in_any_pieces_and_unknown_ones_are_ignored(stand: Any) -> None:
    service = stand.apns()

    async def main() -> None:
        device = service.add_device()
        phone = await stand.connect(HOST, 5223)
        data = message(7, (1, device), (99, b"x")) + message(0x14, (1, b"\1")) + message(12)
        for byte in data:
            phone.transport.write(bytes([byte]))
            await asyncio.sleep(0.001)
        await asyncio.sleep(1)
        assert [kind for kind, _ in messages(phone.take())] == [8, 13]

    stand.run(main)


@pytest.mark.parametrize(
    "fields",
    [
        ((8, b"\0"),),
        ((4, b""), (8, b"\0")),
        ((4, b"\0\0\1"), (8, b"\0")),
        ((4, b"\0\0\0\0\1"), (8, b"\0")),
        ((4, b"\0\0\0\1"), (8, b"\2")),
        ((4, b"\0\0\0\1"), (8, b"\0\0")),
    ],
)
def test_an_ack_of_no_message_or_with_no_status_ends_the_connection(
    stand: Any, fields: tuple[tuple[int, bytes], ...]
) -> None:
    service = stand.apns()

    async def main() -> None:
        phone = Phone.with_app(stand, service)
        await phone.connect()
        await phone.push(b"a")
        assert payloads(await phone.heard()) == [b"a"]
        phone.peer.transport.write(message(11, *fields))
        await asyncio.sleep(1)
        assert phone.peer.closed_at is not None
        assert stand.named("vendor.acked", "vendor.undeliverable") == []
        assert payloads(await phone.connect()) == [b"a"]

    stand.run(main)


@pytest.mark.parametrize(
    ("told", "minutes"),
    [
        (b"15", 15),
        (b"2", 2),
        (b"0", 0.5),
        (b"29", 29),
        (b"31", 30),
        (b"999999", 30),
    ],
)
def test_a_phone_is_gone_one_and_a_half_of_the_intervals_that_it_told(
    stand: Any, told: bytes, minutes: float
) -> None:
    service = stand.apns()

    async def main() -> None:
        phone = Phone.with_app(stand, service)
        await phone.connect()
        phone.peer.transport.write(message(12, (5, told)))
        await asyncio.sleep(1.5 * minutes * 60 - 1)
        assert service.is_connected(phone.token)
        await asyncio.sleep(2)
        assert not service.is_connected(phone.token)

    stand.run(main)


def test_a_dead_session_with_an_unanswered_push_is_ended(stand: Any) -> None:
    service = stand.apns(dead_after=2)

    async def main() -> None:
        phone = Phone.with_app(stand, service)
        await phone.connect()
        await phone.push(b"a")
        await asyncio.sleep(2 * 900 - 5)
        assert phone.peer.closed_at is None
        await asyncio.sleep(10)
        assert phone.peer.closed_at is not None
        assert payloads(await phone.connect()) == [b"a"]

    stand.run(main)
