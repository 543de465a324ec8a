"""What the service keeps for a phone that is away: storing, expiry, sending again."""

import asyncio
import time
from typing import Any

import pytest

from sim.vendors.apns.registry import topic_hash
from tests.sim.vendors.apns.courier_phone import (
    APP,
    HOST,
    TOPIC,
    Phone,
    frame,
    payloads,
)


def test_an_offline_phone_gets_the_last_notification_of_each_app(stand: Any) -> None:
    service = stand.apns()
    other = "org.other"

    async def main() -> None:
        phone = Phone(stand, service.add_device())
        tokens = {app: service.issue(phone.token, app) for app in (APP, other)}
        mine, theirs = await stand.provider(), await stand.provider(other)
        theirs.transport.write(frame(1, tokens[other], b"other"))
        for number in range(3):
            mine.transport.write(frame(number, tokens[APP], b"mine %d" % number))
        await asyncio.sleep(1)
        heard = await phone.connect([TOPIC, topic_hash(other)])
        assert payloads(heard) == [b"other", b"mine 2"]
        assert [fields[7] for kind, fields in heard if kind == 10] == [b"\1", b"\3"]
        collapsed = stand.named("vendor.collapsed")
        assert [(event["nid"], event["by"]) for event in collapsed] == [("a2", "a3"), ("a3", "a4")]

    stand.run(main)


def test_the_last_from_storage_is_the_last_that_is_sent(stand: Any) -> None:
    service = stand.apns()

    async def main() -> None:
        phone = Phone(stand, service.add_device())
        mine, theirs = await stand.provider(), await stand.provider("org.gone")
        mine.transport.write(frame(1, service.issue(phone.token, APP), b"mine"))
        await asyncio.sleep(1)
        theirs.transport.write(frame(1, service.issue(phone.token, "org.gone")))
        await asyncio.sleep(1)
        heard = [fields for kind, fields in await phone.connect([TOPIC]) if kind == 10]
        assert [(fields[3], fields[7]) for fields in heard] == [(b"mine", b"\3")]

    stand.run(main)


@pytest.mark.parametrize(("pick", "kept"), [("first", [b"0"]), ("last", [b"2"])])
def test_which_notification_survives_is_a_setting(stand: Any, pick: str, kept: list[bytes]) -> None:
    service = stand.apns(coalesce_pick=pick)

    async def main() -> None:
        phone = Phone.with_app(stand, service)
        await phone.push(b"0", b"1", b"2")
        await asyncio.sleep(1)
        assert payloads(await phone.connect()) == kept
        assert stand.kinds("vendor.collapsed") == ["vendor.collapsed"] * 2

    stand.run(main)


def test_more_than_one_notification_can_be_stored_if_the_settings_say_so(stand: Any) -> None:
    service = stand.apns(stored_per_app=2)

    async def main() -> None:
        phone = Phone.with_app(stand, service)
        await phone.push(b"0", b"1", b"2")
        await asyncio.sleep(1)
        assert payloads(await phone.connect()) == [b"1", b"2"]

    stand.run(main)


def test_a_stored_notification_is_dropped_at_its_expiry(stand: Any) -> None:
    service = stand.apns()

    async def main() -> None:
        phone = Phone.with_app(stand, service)
        await phone.push(b"{}", expiry=int(time.time()) + 60)
        await asyncio.sleep(59)
        assert stand.kinds("vendor.expired") == []
        await asyncio.sleep(2)
        assert stand.kinds("vendor.expired") == ["vendor.expired"]
        assert payloads(await phone.connect()) == []
        assert phone.provider.received == b""

    stand.run(main)


def test_what_was_delivered_from_storage_does_not_expire_any_more(stand: Any) -> None:
    service = stand.apns()

    async def main() -> None:
        phone = Phone.with_app(stand, service)
        await phone.push(b"{}", expiry=int(time.time()) + 60)
        await asyncio.sleep(1)
        (message_id,) = [fields[4] for kind, fields in await phone.connect() if kind == 10]
        await asyncio.sleep(100)
        phone.acknowledge(message_id)
        await asyncio.sleep(1)
        assert stand.kinds("vendor.expired", "vendor.acked") == ["vendor.acked"]

    stand.run(main)


def test_expiry_zero_is_one_attempt_and_no_storage(stand: Any) -> None:
    service = stand.apns()

    async def main() -> None:
        phone = Phone.with_app(stand, service)
        await phone.push(b"offline", expiry=0)
        await asyncio.sleep(1)
        assert payloads(await phone.connect()) == []
        await phone.push(b"online", expiry=0)
        assert payloads(await phone.heard()) == [b"online"]
        await phone.leave()
        assert payloads(await phone.connect()) == []
        assert stand.kinds("vendor.expired") == ["vendor.expired"] * 2

    stand.run(main)


def test_an_expiry_in_the_past_still_gets_its_attempt(stand: Any) -> None:
    service = stand.apns()

    async def main() -> None:
        phone = Phone.with_app(stand, service)
        await phone.connect()
        await phone.push(b"late", expiry=1)
        assert payloads(await phone.heard()) == [b"late"]

    stand.run(main)


def test_what_was_not_acknowledged_comes_again_with_its_message_id(stand: Any) -> None:
    service = stand.apns()

    async def main() -> None:
        phone = Phone.with_app(stand, service)
        await phone.connect()
        await phone.push(b"a", b"b")
        first = await phone.heard()
        phone.acknowledge(first[0][1][4])
        await phone.leave()
        again = [m for m in await phone.connect() if m[0] == 10]
        assert [fields[3] for _, fields in again] == [b"b"]
        assert again[0][1][4] == first[1][1][4]
        assert again[0][1][7] == b"\3"
        assert [event["redelivery"] for event in stand.named("vendor.sent")] == [False, False, True]

    stand.run(main)


def test_what_was_not_acknowledged_expires_while_the_phone_is_away(stand: Any) -> None:
    service = stand.apns()

    async def main() -> None:
        phone = Phone.with_app(stand, service)
        await phone.connect()
        await phone.push(b"{}", expiry=int(time.time()) + 60)
        await phone.heard()
        await phone.leave()
        await asyncio.sleep(60)
        assert stand.kinds("vendor.expired") == ["vendor.expired"]
        assert payloads(await phone.connect()) == []
        assert stand.kinds("vendor.expired") == ["vendor.expired"]

    stand.run(main)


def test_one_attempt_is_not_repeated_on_a_newer_session(stand: Any) -> None:
    service = stand.apns()

    async def main() -> None:
        phone = Phone.with_app(stand, service)
        twin = Phone(stand, phone.token)
        await phone.connect()
        await phone.push(b"{}", expiry=0)
        await phone.heard()
        assert payloads(await twin.connect()) == []
        assert stand.kinds("vendor.expired") == ["vendor.expired"]

    stand.run(main)


def test_a_phone_that_dropped_off_the_network_gets_its_last_notification_on_return(
    stand: Any,
) -> None:
    service = stand.apns()
    host = stand.world.host("phone")

    async def main() -> None:
        phone = Phone.with_app(stand, service)
        await host.start(phone.connect)
        host.disconnect()
        await phone.push(b"a", b"b")
        await asyncio.sleep(30)
        assert payloads(await phone.heard()) == []
        phone.peer.transport.abort()
        host.reconnect()
        assert payloads(await host.start(phone.connect)) == [b"b"]

    stand.run(main)


def test_stopping_does_not_wait_for_phones_that_are_strangers_or_away(stand: Any) -> None:
    service = stand.apns()
    host = stand.world.host("phone")

    async def main() -> None:
        stranger = await stand.connect(HOST, 5223)
        phone = Phone(stand, service.add_device())
        await host.start(phone.connect)
        host.disconnect()
        before = asyncio.get_running_loop().time()
        await service.stop()
        assert asyncio.get_running_loop().time() - before < 1
        assert stranger.closed_at is None
        host.reconnect()

    stand.run(main)
