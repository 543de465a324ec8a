"""A phone's connection to APNs: identity, tokens, delivery, storage, redelivery."""

import asyncio
import struct
import time
from typing import Any

import pytest

from sim.vendors.apns.registry import topic_hash
from sim.vendors.seams import token_ref

APP = "org.example"
TOPIC = topic_hash(APP)
HOST = "gateway.push.apple.com"
FAR = 0x7FFFFFFF


def message(kind: int, *fields: tuple[int, bytes]) -> bytes:
    body = b"".join(struct.pack(">BH", field, len(value)) + value for field, value in fields)
    return bytes([kind]) + struct.pack(">I", len(body)) + body


def messages(data: bytes) -> list[tuple[int, dict[int, bytes]]]:
    out = []
    while data:
        length = struct.unpack_from(">I", data, 1)[0]
        body, fields = data[5 : 5 + length], {}
        kind, data = data[0], data[5 + length :]
        while body:
            size = struct.unpack_from(">H", body, 1)[0]
            fields[body[0]] = body[3 : 3 + size]
            body = body[3 + size :]
        out.append((kind, fields))
    return out


def frame(identifier: int, token: bytes, payload: bytes = b"{}", expiry: int = FAR) -> bytes:
    return (
        struct.pack(">BIIH", 1, identifier, expiry, len(token))
        + token
        + struct.pack(">H", len(payload))
        + payload
    )


class Phone:
    """A phone on the courier connection, in plain bytes."""

    def __init__(self, stand: Any, token: bytes) -> None:
        self.stand = stand
        self.token = token
        self.peer: Any = None

    async def connect(
        self, topics: list[bytes] | None = None
    ) -> list[tuple[int, dict[int, bytes]]]:
        self.peer = await self.stand.connect(HOST, 5223)
        self.peer.transport.write(
            message(7, (1, self.token), (2, b"\1"))
            + message(
                9, (1, self.token), *[(2, t) for t in ([TOPIC] if topics is None else topics)]
            )
        )
        return await self.heard()

    async def heard(self, after: float = 0.5) -> list[tuple[int, dict[int, bytes]]]:
        await asyncio.sleep(after)
        return messages(self.peer.take())

    def acknowledge(self, message_id: bytes, status: bytes = b"\0") -> None:
        self.peer.transport.write(message(11, (1, self.token), (4, message_id), (8, status)))

    async def leave(self) -> None:
        self.peer.transport.close()
        await asyncio.sleep(0.5)


def payloads(heard: list[tuple[int, dict[int, bytes]]]) -> list[bytes]:
    return [fields[3] for kind, fields in heard if kind == 10]


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
        phone = Phone(stand, service.add_device())
        token = service.issue(phone.token, APP)
        await phone.connect()
        provider = await stand.provider()
        provider.transport.write(frame(7, token, b'{"aps":{}}', 1_367_500_000))
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


@pytest.mark.parametrize(("pick", "kept"), [("first", [b"0"]), ("last", [b"2"])])
def test_which_notification_survives_is_a_setting(stand: Any, pick: str, kept: list[bytes]) -> None:
    service = stand.apns(coalesce_pick=pick)

    async def main() -> None:
        phone = Phone(stand, service.add_device())
        token = service.issue(phone.token, APP)
        provider = await stand.provider()
        provider.transport.write(b"".join(frame(n, token, b"%d" % n) for n in range(3)))
        await asyncio.sleep(1)
        assert payloads(await phone.connect()) == kept
        assert stand.kinds("vendor.collapsed") == ["vendor.collapsed"] * 2

    stand.run(main)


def test_more_than_one_notification_can_be_stored_if_the_settings_say_so(stand: Any) -> None:
    service = stand.apns(stored_per_app=2)

    async def main() -> None:
        phone = Phone(stand, service.add_device())
        token = service.issue(phone.token, APP)
        provider = await stand.provider()
        provider.transport.write(b"".join(frame(n, token, b"%d" % n) for n in range(3)))
        await asyncio.sleep(1)
        assert payloads(await phone.connect()) == [b"1", b"2"]

    stand.run(main)


def test_a_stored_notification_is_dropped_at_its_expiry(stand: Any) -> None:
    service = stand.apns()

    async def main() -> None:
        phone = Phone(stand, service.add_device())
        token = service.issue(phone.token, APP)
        provider = await stand.provider()
        soon = int(time.time()) + 60
        provider.transport.write(frame(1, token, expiry=soon))
        await asyncio.sleep(59)
        assert stand.kinds("vendor.expired") == []
        await asyncio.sleep(2)
        assert stand.kinds("vendor.expired") == ["vendor.expired"]
        assert payloads(await phone.connect()) == []
        assert provider.received == b""

    stand.run(main)


def test_what_was_delivered_from_storage_does_not_expire_any_more(stand: Any) -> None:
    service = stand.apns()

    async def main() -> None:
        phone = Phone(stand, service.add_device())
        token = service.issue(phone.token, APP)
        provider = await stand.provider()
        provider.transport.write(frame(1, token, expiry=int(time.time()) + 60))
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
        phone = Phone(stand, service.add_device())
        token = service.issue(phone.token, APP)
        provider = await stand.provider()
        provider.transport.write(frame(1, token, b"offline", expiry=0))
        await asyncio.sleep(1)
        assert payloads(await phone.connect()) == []
        provider.transport.write(frame(2, token, b"online", expiry=0))
        assert payloads(await phone.heard()) == [b"online"]
        await phone.leave()
        assert payloads(await phone.connect()) == []
        assert stand.kinds("vendor.expired") == ["vendor.expired"] * 2

    stand.run(main)


def test_an_expiry_in_the_past_still_gets_its_attempt(stand: Any) -> None:
    service = stand.apns()

    async def main() -> None:
        phone = Phone(stand, service.add_device())
        token = service.issue(phone.token, APP)
        await phone.connect()
        provider = await stand.provider()
        provider.transport.write(frame(1, token, b"late", expiry=1))
        assert payloads(await phone.heard()) == [b"late"]

    stand.run(main)


def test_what_was_not_acknowledged_comes_again_with_its_message_id(stand: Any) -> None:
    service = stand.apns()

    async def main() -> None:
        phone = Phone(stand, service.add_device())
        token = service.issue(phone.token, APP)
        await phone.connect()
        provider = await stand.provider()
        provider.transport.write(frame(1, token, b"a") + frame(2, token, b"b"))
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
        phone = Phone(stand, service.add_device())
        token = service.issue(phone.token, APP)
        await phone.connect()
        provider = await stand.provider()
        provider.transport.write(frame(1, token, expiry=int(time.time()) + 60))
        await phone.heard()
        await phone.leave()
        await asyncio.sleep(60)
        assert stand.kinds("vendor.expired") == ["vendor.expired"]
        assert payloads(await phone.connect()) == []
        assert stand.kinds("vendor.expired") == ["vendor.expired"]

    stand.run(main)


def test_a_newer_session_replaces_the_older_and_takes_over_what_is_open(stand: Any) -> None:
    service = stand.apns()

    async def main() -> None:
        phone, twin = (Phone(stand, token) for token in [service.add_device()] * 2)
        token = service.issue(phone.token, APP)
        await phone.connect()
        provider = await stand.provider()
        provider.transport.write(frame(1, token, b"a"))
        await phone.heard()
        assert payloads(await twin.connect()) == [b"a"]
        assert phone.peer.closed_at is not None
        provider.transport.write(frame(2, token, b"b"))
        assert payloads(await twin.heard()) == [b"b"]
        assert service.is_connected(phone.token)

    stand.run(main)


def test_one_attempt_is_not_repeated_on_a_newer_session(stand: Any) -> None:
    service = stand.apns()

    async def main() -> None:
        phone, twin = (Phone(stand, token) for token in [service.add_device()] * 2)
        token = service.issue(phone.token, APP)
        await phone.connect()
        provider = await stand.provider()
        provider.transport.write(frame(1, token, expiry=0))
        await phone.heard()
        assert payloads(await twin.connect()) == []
        assert stand.kinds("vendor.expired") == ["vendor.expired"]

    stand.run(main)


def test_a_phone_that_dropped_off_the_network_gets_its_notifications_on_return(stand: Any) -> None:
    service = stand.apns()
    host = stand.world.host("phone")

    async def main() -> None:
        phone = Phone(stand, service.add_device())
        token = service.issue(phone.token, APP)
        await host.start(phone.connect)
        host.disconnect()
        provider = await stand.provider()
        provider.transport.write(frame(1, token, b"a") + frame(2, token, b"b"))
        await asyncio.sleep(30)
        assert payloads(await phone.heard()) == []
        phone.peer.transport.abort()
        host.reconnect()
        assert payloads(await host.start(phone.connect)) == [b"a", b"b"]

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
        phone = Phone(stand, service.add_device())
        token = service.issue(phone.token, APP)
        await phone.connect(topics=[])
        provider = await stand.provider()
        provider.transport.write(frame(1, token) + frame(2, token))
        assert await phone.heard() == []
        assert provider.received == b""
        assert stand.kinds("vendor.undeliverable") == ["vendor.undeliverable"] * 2
        (removal,) = service.removals()
        assert (removal.token, removal.topic) == (token, TOPIC)
        assert abs(removal.at - time.time()) < 2

    stand.run(main)


def test_the_phone_may_find_out_itself_that_the_app_is_gone(stand: Any) -> None:
    service = stand.apns()

    async def main() -> None:
        phone = Phone(stand, service.add_device())
        token = service.issue(phone.token, APP)
        await phone.connect()
        provider = await stand.provider()
        provider.transport.write(frame(1, token))
        ((_, fields),) = await phone.heard()
        phone.acknowledge(fields[4], status=b"\1")
        await asyncio.sleep(1)
        assert stand.kinds("vendor.undeliverable", "vendor.acked") == ["vendor.undeliverable"]
        assert len(service.removals()) == 1

    stand.run(main)


def test_an_uninstall_is_found_only_when_the_phone_is_online(stand: Any) -> None:
    service = stand.apns()

    async def main() -> None:
        phone = Phone(stand, service.add_device())
        token = service.issue(phone.token, APP)
        assert service.uninstall(phone.token, APP)
        assert not service.uninstall(phone.token, "org.other")
        provider = await stand.provider()
        provider.transport.write(frame(1, token))
        await asyncio.sleep(1)
        assert service.removals() == []
        assert payloads(await phone.connect()) == []
        assert len(service.removals()) == 1
        assert service.issue(phone.token, APP) == token
        provider.transport.write(frame(2, token, b"back"))
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
