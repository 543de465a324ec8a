"""What the service keeps for a phone that is away: storing, expiry, sending again."""

import asyncio
from typing import Any

import pytest

from sim.vendors.store import Store
from tests.sim.vendors.gcm.mtalk_phone import (
    APP,
    HOST,
    Phone,
    app_data,
    ids,
    iq,
    number,
    send,
    text,
)


def test_what_was_not_acknowledged_expires_while_the_phone_is_away(stand: Any) -> None:
    service = stand.gcm()

    async def main() -> None:
        phone = Phone(stand, service)
        await phone.connect()
        await send(stand, phone.id, time_to_live=60)
        await phone.heard()
        await phone.leave()
        await asyncio.sleep(60)
        assert stand.kinds("vendor.expired") == ["vendor.expired"]
        assert await phone.connect() == []
        assert stand.kinds("vendor.expired") == ["vendor.expired"]

    stand.run(main)


def test_messages_wait_for_an_offline_phone_and_all_come_at_login(stand: Any) -> None:
    service = stand.gcm()

    async def main() -> None:
        phone = Phone(stand, service)
        sent = [await send(stand, phone.id) for _ in range(3)]
        await asyncio.sleep(100)
        messages = await phone.connect()
        assert ids(messages) == sent
        assert all(message[19][0] >= 100 for message in messages)
        assert stand.kinds("vendor.stored") == ["vendor.stored"] * 3

    stand.run(main)


def test_a_newer_message_replaces_the_stored_one_with_the_same_collapse_key(stand: Any) -> None:
    service = stand.gcm()

    async def main() -> None:
        phone = Phone(stand, service)
        await send(stand, phone.id, collapse_key="a")
        plain = await send(stand, phone.id)
        other = await send(stand, phone.id, collapse_key="b")
        newest = await send(stand, phone.id, collapse_key="a")
        assert ids(await phone.connect()) == [plain, other, newest]
        (collapsed,) = stand.named("vendor.collapsed")
        assert (collapsed["nid"], collapsed["by"]) == ("g1", "g4")

    stand.run(main)


def test_four_collapse_keys_are_kept(stand: Any) -> None:
    service = stand.gcm()

    async def main() -> None:
        phone = Phone(stand, service)
        for key in "abcde":
            await send(stand, phone.id, collapse_key=key)
        assert len(await phone.connect()) == 4
        assert len(stand.named("vendor.collapsed")) == 1

    stand.run(main)


def test_too_many_pending_messages_become_one_notice(stand: Any) -> None:
    service = stand.gcm(max_pending=3)

    async def main() -> None:
        phone = Phone(stand, service)
        collapsible = await send(stand, phone.id, collapse_key="k")
        for _ in range(4):
            await send(stand, phone.id)
        after = await send(stand, phone.id)
        messages = await phone.connect()
        assert ids(messages)[:2] == [collapsible, after]
        (notice,) = messages[2:]
        assert app_data(notice) == {"message_type": "deleted_messages", "total_deleted": "4"}
        assert notice[5] == [APP.encode()]
        assert [event["by"] for event in stand.named("vendor.collapsed")] == [
            "deleted_messages"
        ] * 4
        phone.write(7, iq(12, text(1, after)))
        await phone.leave()
        again = await phone.connect(collapsible)
        assert ids(again) == ids([notice])
        assert app_data(again[0]) == app_data(notice)
        phone.write(0, number(2, 2))
        await asyncio.sleep(1)
        await phone.leave()
        assert await phone.connect() == []

    stand.run(main)


def test_a_stored_message_is_dropped_at_the_end_of_its_time(stand: Any) -> None:
    service = stand.gcm()

    async def main() -> None:
        phone = Phone(stand, service)
        await send(stand, phone.id, time_to_live=60)
        await asyncio.sleep(59)
        assert stand.kinds("vendor.expired") == []
        await asyncio.sleep(2)
        assert stand.kinds("vendor.expired") == ["vendor.expired"]
        assert await phone.connect() == []

    stand.run(main)


def test_what_was_delivered_from_storage_does_not_expire_any_more(stand: Any) -> None:
    service = stand.gcm()

    async def main() -> None:
        phone = Phone(stand, service)
        await send(stand, phone.id, time_to_live=60)
        assert len(await phone.connect()) == 1
        await asyncio.sleep(100)
        phone.write(0, number(2, 2))
        await asyncio.sleep(1)
        assert stand.kinds("vendor.expired", "vendor.acked") == ["vendor.acked"]

    stand.run(main)


def test_time_to_live_zero_is_now_or_never(stand: Any) -> None:
    service = stand.gcm()

    async def main() -> None:
        phone = Phone(stand, service)
        await send(stand, phone.id, time_to_live=0)
        assert await phone.connect() == []
        online = await send(stand, phone.id, time_to_live=0)
        assert ids(await phone.heard()) == [online]
        await phone.leave()
        assert await phone.connect() == []
        assert stand.kinds("vendor.expired") == ["vendor.expired"] * 2

    stand.run(main)


def test_delay_while_idle_waits_until_the_phone_wakes(stand: Any) -> None:
    service = stand.gcm()
    category = text(3, "x") + text(5, "com.google.android.gsf.gtalkservice")

    def idle(value: str) -> bytes:
        return category + text(7, text(1, "IdleNotification") + text(2, value))

    async def main() -> None:
        phone = Phone(stand, service)
        await phone.connect()
        phone.write(8, idle("true"))
        await asyncio.sleep(1)
        patient = await send(stand, phone.id, delay_while_idle=True)
        urgent = await send(stand, phone.id)
        assert ids(await phone.heard()) == [urgent]
        phone.write(8, idle("false"))
        assert ids(await phone.heard()) == [patient]

    stand.run(main)


def test_what_waits_for_the_phone_to_wake_is_replaced_by_what_is_sent(stand: Any) -> None:
    service = stand.gcm()
    idle = text(3, "x") + text(5, "com.google.android.gsf.gtalkservice")

    async def main() -> None:
        phone = Phone(stand, service)
        await phone.connect()
        phone.write(8, idle + text(7, text(1, "IdleNotification") + text(2, "true")))
        await asyncio.sleep(1)
        await send(stand, phone.id, delay_while_idle=True, collapse_key="k")
        other = await send(stand, phone.id, delay_while_idle=True, collapse_key="other")
        newer = await send(stand, phone.id, collapse_key="k")
        assert ids(await phone.heard()) == [newer]
        phone.write(8, idle + text(7, text(1, "IdleNotification") + text(2, "false")))
        assert ids(await phone.heard()) == [other]

    stand.run(main)


def test_one_attempt_is_not_repeated_on_a_newer_session(stand: Any) -> None:
    service = stand.gcm()

    async def main() -> None:
        phone = Phone(stand, service)
        await phone.connect()
        await send(stand, phone.id, time_to_live=0)
        assert await phone.connect() == []
        assert stand.kinds("vendor.expired") == ["vendor.expired"]

    stand.run(main)


def test_stopping_does_not_wait_for_phones_that_never_logged_in(stand: Any) -> None:
    service = stand.gcm()

    async def main() -> None:
        await stand.connect(HOST, 5228)
        before = asyncio.get_running_loop().time()
        await service.stop()
        assert asyncio.get_running_loop().time() - before < 2

    stand.run(main)


@pytest.mark.parametrize("how", ["login", "selective ack"])
def test_a_phone_that_names_thousands_of_ids_costs_one_look_at_the_store(
    stand: Any, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = stand.gcm()
    looks = []
    of = Store.of

    def counting(device: Any) -> Any:
        looks.append(device)
        return of(device)

    async def main() -> None:
        phone = Phone(stand, service)
        named = [f"id-{number}" for number in range(5000)]
        await phone.connect()
        await phone.leave()
        named += [await send(stand, phone.id) for _ in range(3)]
        monkeypatch.setattr(Store, "of", staticmethod(counting))
        if how == "login":
            assert await phone.connect(*named) == []
        else:
            assert len(await phone.connect()) == 3
            phone.write(7, iq(12, b"".join(text(1, each) for each in named)))
            await asyncio.sleep(0.3)
        assert stand.kinds("vendor.acked") == ["vendor.acked"] * 3
        assert len(looks) < 10
        await phone.leave()

    stand.run(main)
