"""A phone's connection to GCM: identity, delivery, sessions, malformed input."""

import asyncio
from typing import Any

import pytest

from sim.vendors.session import LOGIN_SECONDS
from tests.sim.vendors.gcm.mtalk_phone import (
    APP,
    HOST,
    Phone,
    app_data,
    fields,
    frame,
    frames,
    ids,
    iq,
    number,
    send,
    text,
)


def test_a_message_reaches_the_phone_with_all_its_fields(stand: Any) -> None:
    service = stand.gcm(latency=0.5)

    async def main() -> None:
        phone = Phone(stand, service)
        assert await phone.connect() == []
        assert service.is_connected(phone.android_id)
        message_id = await send(
            stand, phone.id, data={"a": "b", "n": 1, "t": True}, collapse_key="k", time_to_live=60
        )
        assert await phone.heard(0.1) == []
        (message,) = await phone.heard()
        assert ids([message]) == [message_id]
        assert (message[3], message[5], message[6]) == ([b"100"], [APP.encode()], [b"k"])
        assert message[4] == [f"android-{phone.android_id:x}".encode()]
        assert app_data(message) == {"a": "b", "n": "1", "t": "true"}
        assert (message[10], message[11], message[13]) == ([2], [1], [phone.id.encode()])
        assert (message[17], message[19]) == ([60], [0])
        (sent,) = stand.named("vendor.sent")
        assert sent["device"] == f"android-{phone.android_id:x}"
        assert sent["mid"] == message_id

    stand.run(main)


@pytest.mark.parametrize("how", ["heartbeat", "stream ack", "selective ack"])
def test_an_acknowledged_message_is_not_sent_again(stand: Any, how: str) -> None:
    service = stand.gcm()

    async def main() -> None:
        phone = Phone(stand, service)
        await phone.connect()
        first, second = await send(stand, phone.id), await send(stand, phone.id)
        assert ids(await phone.heard()) == [first, second]
        if how == "heartbeat":
            phone.write(0, number(2, 2))
        elif how == "stream ack":
            phone.write(7, iq(13) + number(10, 2))
        else:
            phone.write(7, iq(12, text(1, first)))
        await asyncio.sleep(1)
        assert [event["nid"] for event in stand.named("vendor.acked")] == ["g1"]
        await phone.leave()
        assert ids(await phone.connect()) == [second]
        assert [event["redelivery"] for event in stand.named("vendor.sent")] == [False, False, True]

    stand.run(main)


def test_a_message_named_at_login_is_not_sent_again(stand: Any) -> None:
    service = stand.gcm()

    async def main() -> None:
        phone = Phone(stand, service)
        await phone.connect()
        first, second = await send(stand, phone.id), await send(stand, phone.id)
        await phone.leave()
        assert ids(await phone.connect(second)) == [first]
        assert stand.kinds("vendor.acked") == ["vendor.acked"]

    stand.run(main)


def test_heartbeats_are_answered_and_count_as_frames(stand: Any) -> None:
    service = stand.gcm(heartbeat=900.0)

    async def main() -> None:
        phone = Phone(stand, service)
        await phone.connect()
        phone.write(0)
        phone.write(0)
        await asyncio.sleep(1)
        assert frames(phone.peer.take()) == [(1, {2: [2]}), (1, {2: [3]})]
        await send(stand, phone.id)
        (message,) = await phone.heard()
        assert (message[10], message[11]) == ([4], [3])

    stand.run(main)


def test_an_uninstalled_app_is_found_at_the_first_delivery(stand: Any) -> None:
    service = stand.gcm()

    async def main() -> None:
        phone = Phone(stand, service)
        assert service.uninstall(phone.android_id, APP)
        assert (await send(stand, phone.id)).startswith("0:")
        assert (await send(stand, phone.id)).startswith("0:")
        assert await phone.connect() == []
        assert stand.kinds("vendor.undeliverable") == ["vendor.undeliverable"] * 2
        assert await send(stand, phone.id) == "NotRegistered"
        assert service.register(phone.android_id, APP, ["100"]) != phone.id

    stand.run(main)


def test_the_phone_reports_that_it_has_no_receiver(stand: Any) -> None:
    service = stand.gcm(unregister_delay=10.0)

    async def main() -> None:
        phone = Phone(stand, service)
        await phone.connect()
        message_id = await send(stand, phone.id)
        await phone.heard()
        phone.write(8, text(3, "x") + text(5, APP) + text(9, message_id) + number(20, 1))
        await asyncio.sleep(1)
        assert stand.kinds("vendor.undeliverable", "vendor.acked") == ["vendor.undeliverable"]
        assert (await send(stand, phone.id)).startswith("0:")
        await asyncio.sleep(10)
        assert await send(stand, phone.id) == "NotRegistered"

    stand.run(main)


def test_a_reinstalled_app_makes_the_old_id_an_alias(stand: Any) -> None:
    service = stand.gcm()

    async def main() -> None:
        phone = Phone(stand, service)
        service.uninstall(phone.android_id, APP)
        new = service.register(phone.android_id, APP, ["100"])
        assert new != phone.id
        await phone.connect()
        message_id = await send(stand, phone.id)
        assert ids(await phone.heard()) == [message_id]

    stand.run(main)


def test_unregistering_and_forgetting_end_an_id(stand: Any) -> None:
    service = stand.gcm()

    async def main() -> None:
        one, two = Phone(stand, service), Phone(stand, service)
        service.unregister(one.android_id, APP)
        assert await send(stand, one.id) == "NotRegistered"
        assert service.invalidate(two.id)
        assert not service.invalidate(two.id)
        assert await send(stand, two.id) == "NotRegistered"

    stand.run(main)


def test_a_newer_session_replaces_the_older_and_takes_over_what_is_open(stand: Any) -> None:
    service = stand.gcm()

    async def main() -> None:
        phone = Phone(stand, service)
        await phone.connect()
        older = phone.peer
        message_id = await send(stand, phone.id)
        await phone.heard()
        assert ids(await phone.connect()) == [message_id]
        assert frames(older.take()) == [
            (10, {1: [b"conflict"], 2: [b"replaced by a newer session"]})
        ]
        assert older.closed_at is not None
        assert service.is_connected(phone.android_id)

    stand.run(main)


def test_wrong_credentials_are_refused(stand: Any) -> None:
    service = stand.gcm()

    async def main() -> None:
        phone = Phone(stand, service)
        for user, token in ((phone.android_id, 1), (1, phone.security_token), ("x", "y")):
            peer = await stand.connect(HOST, 5228)
            login = (
                text(1, "i") + text(2, "d") + text(3, str(user)) + text(4, "") + text(5, str(token))
            )
            peer.transport.write(b"\x29" + frame(2, login))
            await asyncio.sleep(1)
            ((tag, response),) = frames(peer.take()[1:])
            assert (tag, fields(response[3][0])[1]) == (3, [401])
            assert peer.closed_at is not None

    stand.run(main)


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x2a" + frame(2),
        b"\x29" + frame(0),
        b"\x29\x02\xff\xff\xff\xff\x0f",
        b"\x29" + frame(2, b"\xff"),
        b"\x29\x02" + b"\xff" * 12,
    ],
    ids=["HTTP", "version", "no login", "too long", "no protobuf", "endless length"],
)
def test_malformed_input_closes_only_this_connection(stand: Any, data: bytes) -> None:
    service = stand.gcm()

    async def main() -> None:
        peer = await stand.connect(HOST, 5228)
        peer.transport.write(data)
        await asyncio.sleep(1)
        assert peer.closed_at is not None
        assert peer.error is None
        assert await Phone(stand, service).connect() == []

    stand.run(main)


def test_frames_may_come_in_any_pieces_and_unknown_fields_are_skipped(stand: Any) -> None:
    service = stand.gcm()

    async def main() -> None:
        phone = Phone(stand, service)
        await phone.connect()
        for byte in frame(1) + frame(0, number(2, 1) + number(77, 1)):
            phone.peer.transport.write(bytes([byte]))
            await asyncio.sleep(0.001)
        await asyncio.sleep(1)
        assert frames(phone.peer.take()) == [(1, {2: [3]})]

    stand.run(main)


def test_a_close_from_the_phone_closes_the_connection(stand: Any) -> None:
    service = stand.gcm()

    async def main() -> None:
        phone = Phone(stand, service)
        await phone.connect()
        phone.write(4)
        await asyncio.sleep(1)
        assert phone.peer.closed_at is not None
        assert not service.is_connected(phone.android_id)

    stand.run(main)


@pytest.mark.parametrize("said", [b"", bytes([38]), bytes([38, 2])])
def test_who_does_not_log_in_is_disconnected(stand: Any, said: bytes) -> None:
    stand.gcm()

    async def main() -> None:
        peer = await stand.connect(HOST, 5228)
        peer.transport.write(said)
        await asyncio.sleep(LOGIN_SECONDS - 1)
        assert peer.closed_at is None
        await asyncio.sleep(2)
        assert peer.closed_at is not None

    stand.run(main)
