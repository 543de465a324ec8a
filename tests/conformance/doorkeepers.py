"""What one peer may take of a push service's ports: connections, and time for what it began."""

import asyncio
import contextlib
import dataclasses
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from sim.vendors import doorkeeper
from tests.conformance.apns_binary import enhanced, framed, provider, simple, token_of
from tests.conformance.stage import Door, Stage
from tests.conformance.wire import Wire

SOON = 0.2
"""Seconds: one arm waits for real."""

CONNECT = bytes([7, 0, 0, 0, 6, 2, 0, 1, 1, 5, 0])
LOGIN = bytes([41, 2, 100])

Ports = list[tuple[Door, Any]]


async def all_ports(stage: Stage, **settings: Any) -> Ports:
    """The ports of both services, each with what a client has to know for its TLS."""
    apns, gcm = await stage.apns(**settings), await stage.gcm(**settings)
    certificate = {"uid": "org.example.app", "environments": ["production"]}
    courier, mtalk, phones = (
        dataclasses.replace(door, port=door.service.ports[index])
        for door, index in ((apns, 1), (gcm, 1), (gcm, 2))
    )
    return [
        (apns, stage.trusting(**certificate)), (courier, None),
        (gcm, stage.trusting()), (mtalk, None), (phones, None),
    ]  # fmt: skip


async def an_address_has_so_many_connections_to_a_port_and_no_more(stage: Stage) -> None:
    for number, (door, tls) in enumerate(await all_ports(stage, connections_per_address=3), 1):
        kept = [await stage.dial(door, tls) for _ in range(3)]
        with contextlib.suppress(ConnectionError):  # reset, perhaps while TLS still begins
            await _is_ended(await stage.dial(door, tls))
        await stage.notes.until("vendor.crowded", number)
        assert stage.notes.of("vendor.crowded")[-1]["peer"].partition(":")[0]
        kept[0].close()
        await _is_admitted_soon(stage, door, tls)


async def phones_that_have_logged_in_do_not_count(stage: Stage) -> None:
    door = await stage.apns(connections_per_address=2)
    courier = dataclasses.replace(door, port=door.service.ports[1])
    for _ in range(5):
        wire = await stage.dial(courier)
        await wire.send(_connect(door.service.add_device()))
        assert (await wire.read(1)) == b"\x08"
    assert stage.notes.of("vendor.crowded") == []


async def a_limit_of_one_port_is_not_that_of_another(stage: Stage) -> None:
    ports = await all_ports(stage, connections_per_address=1)
    wires = [await stage.dial(door, tls) for door, tls in ports]
    await asyncio.sleep(SOON)
    assert stage.notes.of("vendor.crowded") == []
    assert len(wires) == 5


async def half_a_notification_ends_its_connection(stage: Stage) -> None:
    door = await stage.apns(read_timeout=SOON)
    token = token_of(door)
    for number, whole in enumerate(
        (simple(token), enhanced(1, token), framed((1, token), (2, b"{}"))), 1
    ):
        for begun in (whole[:1], whole[:-1]):
            wire = await provider(stage, door)
            await wire.send(whole + begun)
            assert await wire.rest() == (b"", "eof")
        await stage.notes.until("vendor.closed", 2 * number)
    assert {note["reason"] for note in stage.notes.of("vendor.closed")} == {"slow"}
    assert len(stage.notes.of("vendor.accepted")) == 6


async def a_slow_sender_whose_notifications_end_goes_on(stage: Stage) -> None:
    door = await stage.apns(read_timeout=SOON)
    frame = enhanced(1, token_of(door))
    wire = await provider(stage, door)
    for _ in range(4):  # each write ends one notification and begins the next
        await wire.send(frame[30:] + frame[:30] if _ else frame + frame[:30])
        await asyncio.sleep(SOON / 2)
    await wire.send(frame[30:])
    await stage.notes.until("vendor.accepted", 5)
    await asyncio.sleep(2 * SOON)
    await wire.send(frame)
    await stage.notes.until("vendor.accepted", 6)


async def half_a_message_of_a_phone_ends_its_connection(stage: Stage) -> None:
    ports = await all_ports(stage, read_timeout=SOON)
    courier, mtalk, phones = (ports[index][0] for index in (1, 3, 4))
    for door, begun in (
        (courier, CONNECT[:-1]), (courier, _connect(b"") + b"\x0c"), (mtalk, LOGIN),
        (phones, b"POST /checkin HTTP/1.1\r\n"),
    ):  # fmt: skip
        wire = await stage.dial(door)
        await wire.send(begun)
        _, ending = await wire.rest()
        assert ending == "eof"


async def half_a_request_ends_its_connection(stage: Stage) -> None:
    door, tls = (await all_ports(stage, read_timeout=SOON))[2]
    wire = await stage.dial(door, tls)
    await wire.send(b"POST /gcm/send HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{")
    assert await wire.rest() == (b"", "eof")


async def who_says_nothing_in_a_handshake_is_disconnected(stage: Stage) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(doorkeeper, "HANDSHAKE_SECONDS", SOON)
        ports = await all_ports(stage)
    for door in (ports[0][0], ports[2][0]):
        for said in (b"", b"\x16\x03\x01"):
            wire = await stage.dial(door)
            await wire.send(said)
            await _is_ended(wire)


def _connect(token: bytes) -> bytes:
    fields = [(1, token)] if token else []
    body = b"".join(
        bytes([number]) + len(value).to_bytes(2, "big") + value
        for number, value in (*fields, (2, b"\x01"))
    )
    return b"\x07" + len(body).to_bytes(4, "big") + body


async def _is_ended(wire: Wire) -> None:
    received, _ = await wire.rest()
    assert received == b""


async def _is_admitted_soon(stage: Stage, door: Door, tls: Any) -> None:
    """The service learns of an ended connection a moment later."""
    while True:
        before = len(stage.notes.of("vendor.crowded"))
        with contextlib.suppress(ConnectionError):
            wire = await stage.dial(door, tls)
            await asyncio.sleep(SOON / 10)
            if len(stage.notes.of("vendor.crowded")) == before:
                wire.close()
                return
        stage.notes.all.pop()


CHECKS: list[Callable[[Stage], Awaitable[None]]] = [
    an_address_has_so_many_connections_to_a_port_and_no_more,
    phones_that_have_logged_in_do_not_count,
    a_limit_of_one_port_is_not_that_of_another,
    half_a_notification_ends_its_connection,
    a_slow_sender_whose_notifications_end_goes_on,
    half_a_message_of_a_phone_ends_its_connection,
    half_a_request_ends_its_connection,
    who_says_nothing_in_a_handshake_is_disconnected,
]
