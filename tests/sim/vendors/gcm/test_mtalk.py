"""A phone's connection to GCM: login, delivery, storage, acknowledgement, redelivery."""

import asyncio
import json
import struct
from typing import Any

import pytest

HOST = "android.googleapis.com"
APP = "org.example"
FIXED64, TEXT = 1, 2


def varint(value: int) -> bytes:
    out = b""
    while value >= 0x80:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def text(field: int, value: str | bytes) -> bytes:
    data = value if isinstance(value, bytes) else value.encode()
    return varint(field << 3 | TEXT) + varint(len(data)) + data


def frame(tag: int, body: bytes = b"") -> bytes:
    return bytes([tag]) + varint(len(body)) + body


def read_varint(data: bytes) -> tuple[int, bytes]:
    value = shift = 0
    for index, byte in enumerate(data):
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, data[index + 1 :]
    raise AssertionError("varint cut short")


def fields(data: bytes) -> dict[int, list[Any]]:
    out: dict[int, list[Any]] = {}
    while data:
        key, data = read_varint(data)
        value: Any
        if key & 7 == TEXT:
            length, data = read_varint(data)
            value, data = data[:length], data[length:]
        elif key & 7 == FIXED64:
            value, data = struct.unpack("<Q", data[:8])[0], data[8:]
        else:
            value, data = read_varint(data)
        out.setdefault(key >> 3, []).append(value)
    return out


def frames(data: bytes) -> list[tuple[int, dict[int, list[Any]]]]:
    out = []
    while data:
        tag = data[0]
        length, data = read_varint(data[1:])
        out.append((tag, fields(data[:length])))
        data = data[length:]
    return out


def app_data(message: dict[int, list[Any]]) -> dict[str, str]:
    pairs = [fields(pair) for pair in message.get(7, [])]
    return {pair[1][0].decode(): pair[2][0].decode() for pair in pairs}


class Phone:
    """A phone on the MTalk connection, in plain bytes."""

    def __init__(self, stand: Any, service: Any) -> None:
        self.stand = stand
        self.android_id, self.security_token = service.add_device()
        self.id = service.register(self.android_id, APP, ["100"])
        self.peer: Any = None

    async def connect(self, *received: str) -> list[dict[int, list[Any]]]:
        self.peer = await self.stand.connect(HOST, 5228)
        self.peer.transport.write(
            b"\x29"
            + frame(
                2,
                text(1, "login-1")
                + text(2, "mcs.android.com")
                + text(3, str(self.android_id))
                + text(4, str(self.android_id))
                + text(5, str(self.security_token))
                + text(6, f"android-{self.android_id:x}")
                + b"".join(text(10, known) for known in received)
                + number(14, 1)
                + number(16, 2),
            )
        )
        await asyncio.sleep(0.5)
        data = self.peer.take()
        assert data[0] == 41
        (tag, response), *rest = frames(data[1:])
        assert tag == 3
        assert response[1] == [b"login-1"]
        assert response[6] == [1]
        assert 3 not in response
        return [message for tag, message in rest if tag == 8]

    async def heard(self, after: float = 0.5) -> list[dict[int, list[Any]]]:
        await asyncio.sleep(after)
        return [message for tag, message in frames(self.peer.take()) if tag == 8]

    def write(self, tag: int, body: bytes = b"") -> None:
        self.peer.transport.write(frame(tag, body))

    async def leave(self) -> None:
        self.peer.transport.close()
        await asyncio.sleep(0.5)


async def send(stand: Any, to: str, **more: Any) -> str:
    """Send as project 100; returns the message id."""
    peer = await stand.connect(HOST, 443, stand.world.ca.client_context())
    body = json.dumps({"to": to, **more}).encode()
    peer.transport.write(
        b"POST /gcm/send HTTP/1.1\r\nHost: x\r\nAuthorization: key=key-of-100\r\n"
        b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    )
    await asyncio.sleep(0.3)
    peer.transport.close()
    (result,) = json.loads(peer.take().partition(b"\r\n\r\n")[2])["results"]
    return result.get("message_id") or result["error"]  # type: ignore[no-any-return]


def ids(messages: list[dict[int, list[Any]]]) -> list[str]:
    return [message[9][0].decode() for message in messages]


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
            phone.write(7, number(2, 1) + text(7, number(1, 13)) + number(10, 2))
        else:
            phone.write(7, number(2, 1) + text(7, number(1, 12) + text(2, text(1, first))))
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
        await phone.leave()
        assert ids(await phone.connect()) == [collapsible, after]

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
    category = text(5, "com.google.android.gsf.gtalkservice")

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
        phone.write(8, text(5, APP) + text(9, message_id) + number(20, 1))
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


def test_one_attempt_is_not_repeated_on_a_newer_session(stand: Any) -> None:
    service = stand.gcm()

    async def main() -> None:
        phone = Phone(stand, service)
        await phone.connect()
        await send(stand, phone.id, time_to_live=0)
        assert await phone.connect() == []
        assert stand.kinds("vendor.expired") == ["vendor.expired"]

    stand.run(main)


def test_wrong_credentials_are_refused(stand: Any) -> None:
    service = stand.gcm()

    async def main() -> None:
        phone = Phone(stand, service)
        for user, token in ((phone.android_id, 1), (1, phone.security_token), ("x", "y")):
            peer = await stand.connect(HOST, 5228)
            login = text(1, "i") + text(3, str(user)) + text(5, str(token))
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


def test_frames_may_come_in_any_pieces_and_unknown_ones_are_ignored(stand: Any) -> None:
    service = stand.gcm()

    async def main() -> None:
        phone = Phone(stand, service)
        await phone.connect()
        for byte in frame(99, b"\x08\x01") + frame(0, number(2, 1) + number(77, 1)):
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
