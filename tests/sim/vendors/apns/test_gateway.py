"""The provider's connection to APNs: certificates, and what follows a bad notification."""

import asyncio
import json
import struct
from typing import Any

import pytest

from sim.vendors.seams import token_ref
from tests.sim.vendors.apns.courier_phone import APP, accepted, frame


def simple(token: bytes, payload: bytes = b"{}") -> bytes:
    return b"\0" + struct.pack(">H", len(token)) + token + struct.pack(">H", len(payload)) + payload


def framed(identifier: int, token: bytes, payload: bytes, priority: int) -> bytes:
    items = ((1, token), (2, payload), (3, struct.pack(">I", identifier)), (5, bytes([priority])))
    body = b"".join(struct.pack(">BH", item, len(value)) + value for item, value in items)
    return b"\2" + struct.pack(">I", len(body)) + body


def test_success_is_silence(stand: Any) -> None:
    service = stand.apns()

    async def main() -> None:
        token = service.issue(service.add_device(), APP)
        peer = await stand.provider()
        peer.transport.write(frame(1, token) + frame(2, token))
        await asyncio.sleep(60)
        assert peer.received == b""
        assert peer.closed_at is None
        assert accepted(stand) == [1, 2]
        event = stand.named("vendor.accepted")[0]
        local = peer.transport.get_extra_info("sockname")
        assert event["peer"] == f"{local[0]}:{local[1]}"
        assert event["token_ref"] == token_ref(token.hex())

    stand.run(main)


def test_what_follows_a_bad_notification_is_lost_whenever_it_was_sent(stand: Any) -> None:
    service = stand.apns(reject_delay=0.3, close_delay=0.2)

    async def main() -> None:
        token = service.issue(service.add_device(), APP)
        peer, other = await stand.provider(), await stand.provider()
        start = asyncio.get_running_loop().time()
        peer.transport.write(frame(1, token) + frame(2, bytes(32)) + frame(3, token))
        await asyncio.sleep(0.1)
        peer.transport.write(frame(4, token))
        await asyncio.sleep(0.3)
        peer.transport.write(frame(5, token))
        other.transport.write(frame(6, token))
        await asyncio.sleep(1)
        ((at, packet),) = peer.writes
        assert packet.hex() == "080800000002"
        assert 0.3 <= at - start < 0.32
        assert 0.5 <= peer.closed_at - start < 0.52
        assert accepted(stand) == [1, 6]
        assert other.closed_at is None
        (rejected,) = stand.named("vendor.rejected")
        assert rejected["reason"] == "invalid_token"
        assert rejected["identifier"] == 2
        (discarded,) = stand.named("vendor.discarded")
        assert discarded["bytes"] == 3 * len(frame(3, token))
        assert discarded["notifications"] == service.statistics().discarded == 3
        assert discarded["token_refs"] == ",".join([token_ref(token.hex())] * 3)

    stand.run(main)


def test_behind_what_cannot_be_parsed_no_notifications_are_counted(stand: Any) -> None:
    service = stand.apns(close_delay=0.2)

    async def main() -> None:
        token = service.issue(service.add_device(), APP)
        peer = await stand.provider()
        peer.transport.write(frame(1, token) + b"\xff" + frame(2, token))
        await asyncio.sleep(0.1)
        peer.transport.write(frame(3, token))
        await asyncio.sleep(1)
        (discarded,) = stand.named("vendor.discarded")
        assert discarded["notifications"] == 0
        assert discarded["bytes"] == 1 + 2 * len(frame(2, token))

    stand.run(main)


TOKEN = bytes(range(32))


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (frame(9, b""), 2),
        (frame(9, b"short"), 5),
        (frame(9, TOKEN, b""), 4),
        (frame(9, TOKEN, b"x" * 257), 7),
        (frame(9, TOKEN), 8),
        (frame(9, b"", b""), 2),
        (frame(9, b"short", b""), 5),
        (frame(9, TOKEN, b"x" * 300), 7),
        (framed(9, TOKEN, b"x" * 257, 10), 7),
    ],
)
def test_each_fault_has_its_status(stand: Any, bad: bytes, code: int) -> None:
    stand.apns()

    async def main() -> None:
        peer = await stand.provider()
        peer.transport.write(bad)
        await asyncio.sleep(2)
        assert peer.received == bytes([8, code, 0, 0, 0, 9])
        assert accepted(stand) == []

    stand.run(main)


def test_the_payload_limit_is_a_setting(stand: Any) -> None:
    service = stand.apns(legacy_payload_limit=2048)

    async def main() -> None:
        token = service.issue(service.add_device(), APP)
        peer = await stand.provider()
        peer.transport.write(frame(1, token, b"x" * 2048) + frame(2, token, b"x" * 2049))
        await asyncio.sleep(2)
        assert peer.received == bytes([8, 7, 0, 0, 0, 2])

    stand.run(main)


def test_a_token_of_another_app_is_an_invalid_token(stand: Any) -> None:
    service = stand.apns()

    async def main() -> None:
        token = service.issue(service.add_device(), "org.other")
        peer = await stand.provider()
        peer.transport.write(frame(9, token))
        await asyncio.sleep(2)
        assert peer.received == bytes([8, 8, 0, 0, 0, 9])

    stand.run(main)


def test_a_certificate_without_app_has_no_topic(stand: Any) -> None:
    service = stand.apns()

    async def main() -> None:
        token = service.issue(service.add_device(), APP)
        peer = await stand.provider(topic=None)
        peer.transport.write(frame(9, token))
        await asyncio.sleep(2)
        assert peer.received == bytes([8, 3, 0, 0, 0, 9])

    stand.run(main)


def test_a_silent_notification_may_not_be_immediate(stand: Any) -> None:
    service = stand.apns()
    silent = json.dumps({"aps": {"content-available": 1}}).encode()
    alert = json.dumps({"aps": {"content-available": 1, "alert": "hi"}}).encode()

    async def main() -> None:
        token = service.issue(service.add_device(), APP)
        peer = await stand.provider()
        good = framed(1, token, silent, 5) + framed(2, token, alert, 10)
        peer.transport.write(good + framed(3, token, silent, 10))
        await asyncio.sleep(2)
        assert accepted(stand) == [1, 2]
        assert peer.received == bytes([8, 1, 0, 0, 0, 3])

    stand.run(main)


def test_a_bad_simple_notification_gets_no_packet(stand: Any) -> None:
    service = stand.apns()

    async def main() -> None:
        token = service.issue(service.add_device(), APP)
        peer = await stand.provider()
        peer.transport.write(simple(token) + simple(bytes(32)) + simple(token))
        await asyncio.sleep(2)
        assert peer.received == b""
        assert peer.closed_at is not None
        assert len(accepted(stand)) == 1

    stand.run(main)


@pytest.mark.parametrize(("modern", "answer"), [(False, b""), (True, bytes([8, 128, 0, 0, 0, 0]))])
def test_garbage_closes_the_connection_and_harms_nobody_else(
    stand: Any, modern: bool, answer: bytes
) -> None:
    service = stand.apns(modern_protocol_error=modern)

    async def main() -> None:
        token = service.issue(service.add_device(), APP)
        peer = await stand.provider()
        peer.transport.write(frame(1, token) + b"GET / HTTP/1.1\r\n\r\n" + frame(2, token))
        await asyncio.sleep(2)
        assert peer.received == answer
        assert peer.closed_at is not None
        another = await stand.provider()
        another.transport.write(frame(3, token))
        await asyncio.sleep(1)
        assert accepted(stand) == [1, 3]

    stand.run(main)


@pytest.mark.parametrize(
    ("topic", "environments"), [(APP, ("development",)), (APP, ()), (None, ())]
)
def test_a_wrong_certificate_is_closed_with_zero_bytes(
    stand: Any, topic: str | None, environments: tuple[str, ...]
) -> None:
    stand.apns()

    async def main() -> None:
        peer = await stand.provider(topic, environments)
        await asyncio.sleep(1)
        assert peer.received == b""
        assert peer.closed_at is not None
        assert stand.named("vendor.closed")[0]["reason"] == "certificate"

    stand.run(main)


def test_no_certificate_is_closed_with_zero_bytes(stand: Any) -> None:
    service = stand.apns()

    async def main() -> None:
        token = service.issue(service.add_device(), APP)
        peer = await stand.connect("gateway.push.apple.com", 2195, stand.world.ca.client_context())
        peer.transport.write(frame(1, token))
        await asyncio.sleep(1)
        assert peer.received == b""
        assert peer.closed_at is not None
        assert accepted(stand) == []

    stand.run(main)


def test_a_universal_certificate_is_good_everywhere(stand: Any) -> None:
    service = stand.apns()

    async def main() -> None:
        token = service.issue(service.add_device(), APP)
        peer = await stand.provider(environments=("development", "production"))
        peer.transport.write(frame(1, token))
        await asyncio.sleep(1)
        assert accepted(stand) == [1]

    stand.run(main)


def test_tls_1_3_is_not_spoken_to_providers(stand: Any) -> None:
    stand.apns()

    async def main() -> None:
        peer = await stand.provider()
        assert peer.transport.get_extra_info("ssl_object").version() == "TLSv1.2"

    stand.run(main)


def test_a_reissued_token_takes_the_place_of_the_old_one(stand: Any) -> None:
    service = stand.apns()

    async def main() -> None:
        device = service.add_device()
        old = service.issue(device, APP)
        new = service.reissue(device, APP)
        assert service.token_of(device, APP) == service.issue(device, APP) == new != old
        peer = await stand.provider()
        peer.transport.write(frame(1, new) + frame(2, old))
        await asyncio.sleep(1)
        assert accepted(stand) == [1]
        assert peer.received == bytes([8, 8, 0, 0, 0, 2])

    stand.run(main)
