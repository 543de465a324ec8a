"""How APNs ends the connections of providers: when it is asked to, and when they come too often."""

import asyncio
from typing import Any

import pytest

from tests.sim.vendors.apns.courier_phone import APP, accepted, frame


def test_shutdown_names_the_last_accepted_notification(stand: Any) -> None:
    service = stand.apns(shutdown_after=2)

    async def main() -> None:
        token = service.issue(service.add_device(), APP)
        peer = await stand.provider()
        peer.transport.write(frame(10, token) + frame(11, token) + frame(12, token))
        await asyncio.sleep(1)
        assert peer.received == bytes([8, 10, 0, 0, 0, 11])
        assert peer.closed_at is not None
        assert accepted(stand) == [10, 11]
        assert stand.named("vendor.closed")[0]["reason"] == "shutdown"

    stand.run(main)


def test_shutdown_on_demand_names_zero_when_nothing_was_accepted(stand: Any) -> None:
    service = stand.apns()

    async def main() -> None:
        peer = await stand.provider()
        await asyncio.sleep(1)
        service.shut_down_connections()
        await asyncio.sleep(1)
        assert peer.received == bytes([8, 10, 0, 0, 0, 0])

    stand.run(main)


def test_it_can_hang_up_without_a_word_after_some_notifications(stand: Any) -> None:
    service = stand.apns(close_after=2)

    async def main() -> None:
        token = service.issue(service.add_device(), APP)
        peer = await stand.provider()
        peer.transport.write(frame(10, token) + frame(11, token) + frame(12, token))
        await asyncio.sleep(1)
        assert peer.received == b""
        assert peer.closed_at is not None
        assert accepted(stand) == [10, 11]
        assert stand.named("vendor.discarded")[0]["bytes"] == len(frame(12, token))

    stand.run(main)


def test_it_can_hang_up_on_demand_and_says_on_how_many(stand: Any) -> None:
    service = stand.apns()

    async def main() -> None:
        peers = [await stand.provider() for _ in range(2)]
        await asyncio.sleep(1)
        assert service.close_silently() == 2
        await asyncio.sleep(1)
        assert [peer.received for peer in peers] == [b"", b""]
        assert all(peer.closed_at is not None for peer in peers)
        assert service.close_silently() == 0

    stand.run(main)


def test_the_error_packet_may_never_arrive(stand: Any) -> None:
    stand.apns(no_error_packet=1.0)

    async def main() -> None:
        peer = await stand.provider()
        peer.transport.write(frame(1, bytes(32)))
        await asyncio.sleep(2)
        assert peer.received == b""
        assert peer.closed_at is not None

    stand.run(main)


def test_the_error_packet_may_name_a_wrong_identifier(stand: Any) -> None:
    stand.apns(wrong_identifier=1.0)

    async def main() -> None:
        peer = await stand.provider()
        peer.transport.write(frame(1, bytes(32)))
        await asyncio.sleep(2)
        assert peer.received[:2] == b"\x08\x08"
        assert peer.received[2:] != b"\0\0\0\1"

    stand.run(main)


def test_the_connection_may_end_with_a_reset(stand: Any) -> None:
    stand.apns(close_style="rst")

    async def main() -> None:
        peer = await stand.provider()
        peer.transport.write(frame(1, bytes(32)))
        await asyncio.sleep(2)
        assert peer.received == bytes([8, 8, 0, 0, 0, 1])
        assert isinstance(peer.error, ConnectionResetError)

    stand.run(main)


def test_who_connects_too_often_is_closed_at_once_for_a_while(stand: Any) -> None:
    stand.apns(reconnect_limit={"connects": 3, "per": 60, "penalty": 600})

    async def main() -> None:
        peers = [await stand.provider() for _ in range(4)]
        other_app = await stand.provider("org.other")
        await asyncio.sleep(1)
        assert [peer.closed_at is not None for peer in peers] == [False, False, False, True]
        assert other_app.closed_at is None
        await asyncio.sleep(590)
        refused = await stand.provider()
        await asyncio.sleep(20)
        assert refused.closed_at is not None
        welcome = await stand.provider()
        await asyncio.sleep(1)
        assert welcome.closed_at is None

    stand.run(main)


def test_the_limit_of_connections_may_hold_for_a_while(stand: Any) -> None:
    service = stand.apns()

    async def main() -> None:
        uses: list[None] = []
        strict = service.override(
            {"reconnect_limit": {"connects": 1, "penalty": 60}}, lambda: uses.append(None)
        )
        peers = [await stand.provider() for _ in range(2)]
        strict.end()
        peers.append(await stand.provider())
        await asyncio.sleep(1)
        assert [peer.closed_at is not None for peer in peers] == [False, True, False]
        assert len(uses) == 1

    stand.run(main)


def test_stopping_ends_the_connections(stand: Any) -> None:
    service = stand.apns()

    async def main() -> None:
        peer = await stand.provider()
        await service.stop()
        await asyncio.sleep(1)
        assert peer.closed_at is not None
        with pytest.raises(ConnectionRefusedError):
            await stand.provider()

    stand.run(main)
