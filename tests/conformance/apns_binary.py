"""What Apple's binary provider interface does with notifications (2009 to 2014), seen from outside.

Sources: Apple, "Binary Provider API" and "Legacy Notification Format"; Technical Note TN2265. How a
connection begins and ends is in `apns_connections.py`.
"""

import json
import struct
from collections.abc import Awaitable, Callable
from typing import Any

from tests.conformance.stage import BUNDLE, Door, Stage
from tests.conformance.wire import Wire

PAYLOAD = b'{"aps":{"alert":"hi"}}'
NEVER_ISSUED = bytes(range(32))


# -- frames, written out


def simple(token: bytes, payload: bytes = PAYLOAD) -> bytes:
    return b"\x00" + struct.pack(">H", len(token)) + token + _sized(payload)


def enhanced(identifier: int, token: bytes, payload: bytes = PAYLOAD, expiry: int = 2**31) -> bytes:
    head = b"\x01" + struct.pack(">II", identifier, expiry - 1)
    return head + struct.pack(">H", len(token)) + token + _sized(payload)


def framed(*items: tuple[int, bytes]) -> bytes:
    body = b"".join(bytes([number]) + _sized(data) for number, data in items)
    return b"\x02" + struct.pack(">I", len(body)) + body


def _sized(data: bytes) -> bytes:
    return struct.pack(">H", len(data)) + data


def error(code: int, identifier: int) -> bytes:
    return struct.pack(">BBI", 8, code, identifier)


# -- what the checks share


async def provider(stage: Stage, door: Door, *, uid: str | None = BUNDLE) -> Wire:
    """A connection with the certificate of an app."""
    return await stage.dial(door, stage.trusting(uid=uid, environments=["production"]))


def token_of(door: Door, app: str = BUNDLE) -> bytes:
    """The push token of an app on a new phone."""
    token: bytes = door.service.issue(door.service.add_device(), app)
    return token


def accepted(stage: Stage) -> list[int | None]:
    """The identifiers of the notifications taken so far; None for those of command 0."""
    return [note["identifier"] for note in stage.notes.of("vendor.accepted")]


# -- good notifications


async def the_documented_bytes_of_every_command_are_accepted(stage: Stage) -> None:
    door = await stage.apns()
    token = token_of(door).hex()
    payload = "7b22617073223a7b22616c657274223a226869227d7d"
    vectors = [
        f"00 0020 {token} 0016 {payload}",
        f"01 00000001 515c3f40 0020 {token} 0016 {payload}",
        f"02 0000004e 01 0020 {token} 02 0016 {payload} 03 0004 00000002 04 0004 515c3f40"
        " 05 0001 0a",
    ]
    wire = await provider(stage, door)
    for vector in vectors:
        await wire.send(bytes.fromhex(vector))
    await stage.notes.until("vendor.accepted", 3)
    assert [len(bytes.fromhex(vector)) for vector in vectors] == [59, 67, 83]
    assert accepted(stage) == [None, 1, 2]


async def success_is_silence(stage: Stage) -> None:
    door = await stage.apns()
    token = token_of(door)
    wire = await provider(stage, door)
    for identifier in range(1, 101):
        await wire.send(enhanced(identifier, token))
    await stage.notes.until("vendor.accepted", 100)
    await wire.send(enhanced(999, NEVER_ISSUED))
    assert await wire.rest() == (error(8, 999), "eof")  # and nothing before it
    assert accepted(stage) == list(range(1, 101))


async def frames_may_be_cut_anywhere(stage: Stage) -> None:
    door = await stage.apns()
    token = token_of(door)
    wire = await provider(stage, door)
    items = [(1, token), (2, PAYLOAD), (3, struct.pack(">I", 3))]
    await wire.send_bytewise(simple(token) + enhanced(2, token) + framed(*items))
    await stage.notes.until("vendor.accepted", 3)
    assert accepted(stage) == [None, 2, 3]


async def one_write_may_hold_many_frames_and_a_part_of_the_next(stage: Stage) -> None:
    door = await stage.apns()
    token = token_of(door)
    wire = await provider(stage, door)
    last = enhanced(300, token)
    await wire.send(b"".join(enhanced(n, token) for n in range(300)) + last[:20])
    await stage.notes.until("vendor.accepted", 300)
    await wire.send(last[20:])
    await stage.notes.until("vendor.accepted", 301)
    assert accepted(stage) == list(range(301))


async def the_items_of_a_frame_come_in_any_order_and_three_may_be_absent(stage: Stage) -> None:
    door = await stage.apns()
    token = token_of(door)
    wire = await provider(stage, door)
    turned = [
        (5, b"\x05"),
        (4, struct.pack(">I", 0)),
        (3, struct.pack(">I", 7)),
        (2, PAYLOAD),
        (1, token),
    ]
    await wire.send(framed(*turned) + framed((2, PAYLOAD), (1, token)))
    await stage.notes.until("vendor.accepted", 2)
    assert accepted(stage) == [7, 0]


async def a_payload_may_be_as_long_as_the_limit_and_not_longer(stage: Stage) -> None:
    door = await stage.apns()
    token = token_of(door)
    wire = await provider(stage, door)
    await wire.send(enhanced(1, token, b"x" * 256))  # that it is not JSON the phone finds out
    await wire.send(enhanced(2, token, b"x" * 257))
    assert await wire.rest() == (error(7, 2), "eof")
    assert accepted(stage) == [1]


async def since_2014_a_payload_may_have_2048_bytes(stage: Stage) -> None:
    door = await stage.apns(legacy_payload_limit=2048)
    token = token_of(door)
    wire = await provider(stage, door)
    await wire.send(enhanced(1, token, b"x" * 2048) + enhanced(2, token, b"x" * 2049))
    assert await wire.rest() == (error(7, 2), "eof")
    assert accepted(stage) == [1]


async def an_uninstalled_app_is_no_error(stage: Stage) -> None:
    door = await stage.apns()
    device = door.service.add_device()
    token = door.service.issue(device, BUNDLE)
    assert door.service.uninstall(device, BUNDLE)
    wire = await provider(stage, door)
    await wire.send(enhanced(1, token) + enhanced(2, NEVER_ISSUED))
    assert await wire.rest() == (error(8, 2), "eof")
    assert accepted(stage) == [1]


# -- bad ones


async def every_fault_of_a_notification_has_its_code(stage: Stage) -> None:
    door = await stage.apns()
    token = token_of(door)
    number = (3, struct.pack(">I", 5))
    silent = json.dumps({"aps": {"content-available": 1}}).encode()
    whole = (1, token), (2, PAYLOAD), number
    faults = {
        "priority 0": (1, framed(*whole, (5, b"\x00"))),
        "priority 1, of a later interface": (1, framed(*whole, (5, b"\x01"))),
        "priority 9": (1, framed(*whole, (5, b"\x09"))),
        "priority 255": (1, framed(*whole, (5, b"\xff"))),
        "no token, command 1": (2, enhanced(5, b"")),
        "no token, command 2": (2, framed((2, PAYLOAD), number)),
        "empty token, command 2": (2, framed((1, b""), (2, PAYLOAD), number)),
        "no payload, command 1": (4, enhanced(5, token, b"")),
        "no payload, command 2": (4, framed((1, token), number)),
        "short token": (5, enhanced(5, token[:31])),
        "long token": (5, enhanced(5, token + b"\x00")),
        "long payload, command 1": (7, enhanced(5, token, b"x" * 257)),
        "long payload, command 2": (7, framed((1, token), (2, b"x" * 257), number)),
        "unknown token": (8, enhanced(5, NEVER_ISSUED)),
        "another app's token": (8, enhanced(5, token_of(door, "org.example.other"))),
        "nothing to show at once": (1, framed((1, token), (2, silent), number, (5, b"\x0a"))),
    }
    for name, (code, frame) in faults.items():
        wire = await provider(stage, door)
        await wire.send(frame)
        assert await wire.rest() == (error(code, 5), "eof"), name
    assert accepted(stage) == []
    assert len(stage.notes.of("vendor.rejected")) == len(faults)


async def a_certificate_without_an_app_has_no_topic(stage: Stage) -> None:
    door = await stage.apns()
    wire = await provider(stage, door, uid=None)
    await wire.send(enhanced(1, token_of(door)))
    assert await wire.rest() == (error(3, 1), "eof")


async def tokens_are_looked_at_before_payloads_and_both_before_they_are_looked_up(
    stage: Stage,
) -> None:
    door = await stage.apns()
    for code, frame in [
        (2, enhanced(1, b"", b"")),
        (5, enhanced(1, b"short", b"x" * 999)),
        (4, enhanced(1, NEVER_ISSUED, b"")),
        (7, enhanced(1, NEVER_ISSUED, b"x" * 999)),
    ]:
        wire = await provider(stage, door)
        await wire.send(frame)
        assert await wire.rest() == (error(code, 1), "eof")


async def identifiers_are_echoed_and_never_interpreted(stage: Stage) -> None:
    door = await stage.apns()
    token = token_of(door)
    for identifier in (0, 1, 0x30313233, 0x7FFFFFFF, 0xFFFFFFFF):
        wire = await provider(stage, door)
        await wire.send(enhanced(9, token) + enhanced(9, token))  # need not even differ
        await wire.send(enhanced(identifier, NEVER_ISSUED))
        assert await wire.rest() == (error(8, identifier), "eof")
    wire = await provider(stage, door)
    await wire.send(framed((1, NEVER_ISSUED), (2, PAYLOAD)))
    assert await wire.rest() == (error(8, 0), "eof")


async def command_0_gets_no_error_packet(stage: Stage) -> None:
    door = await stage.apns()
    wire = await provider(stage, door)
    await wire.send(simple(token_of(door)) + simple(NEVER_ISSUED))
    assert await wire.rest() == (b"", "eof")
    assert accepted(stage) == [None]


ITEMS = {1: bytes(32), 2: PAYLOAD, 3: bytes(4), 4: b"\x7f\xff\xff\xff", 5: b"\x0a"}
UNPARSEABLE = {
    **{f"item {item} twice": framed((item, data), (item, data)) for item, data in ITEMS.items()},
    **{
        f"item {item} of {length} bytes": framed((item, bytes(length)))
        for item, right in ((3, 4), (4, 4), (5, 1))
        for length in (0, right - 1, right + 1, 300)
        if length != right
    },
    "item 0": framed((0, b"x")),
    "item 255": framed((255, b"")),
    "unknown command": b"\x03" + bytes(40),
    "HTTP": b"POST /3/device/00 HTTP/1.1\r\n\r\n",
    "item over the end": b"\x02" + struct.pack(">I", 5) + b"\x01\x00\x20\x00\x00",
    "item cut short": b"\x02" + struct.pack(">I", 2) + b"\x01\x00",
    "unknown item": framed((6, b"x")),
    "an item twice": framed((2, PAYLOAD), (2, PAYLOAD)),
    "identifier of three bytes": framed((3, b"abc")),
    "frame of 4 GB": b"\x02\xff\xff\xff\xff",
}


async def what_cannot_be_parsed_closes_without_a_word(stage: Stage) -> None:
    door = await stage.apns()
    token = token_of(door)
    for number, (name, junk) in enumerate(UNPARSEABLE.items()):
        wire = await provider(stage, door)
        await wire.send(enhanced(number, token) + junk + enhanced(99, token))
        assert await wire.rest() == (b"", "eof"), name
    assert accepted(stage) == list(range(len(UNPARSEABLE)))


async def what_cannot_be_parsed_got_code_128_in_the_last_years(stage: Stage) -> None:
    door = await stage.apns(modern_protocol_error=True)
    for name, junk in UNPARSEABLE.items():
        wire = await provider(stage, door)
        await wire.send(junk)
        assert await wire.rest() == (error(128, 0), "eof"), name


CHECKS: list[Callable[[Stage], Awaitable[Any]]] = [
    the_documented_bytes_of_every_command_are_accepted,
    success_is_silence,
    frames_may_be_cut_anywhere,
    one_write_may_hold_many_frames_and_a_part_of_the_next,
    the_items_of_a_frame_come_in_any_order_and_three_may_be_absent,
    a_payload_may_be_as_long_as_the_limit_and_not_longer,
    since_2014_a_payload_may_have_2048_bytes,
    an_uninstalled_app_is_no_error,
    every_fault_of_a_notification_has_its_code,
    a_certificate_without_an_app_has_no_topic,
    tokens_are_looked_at_before_payloads_and_both_before_they_are_looked_up,
    identifiers_are_echoed_and_never_interpreted,
    command_0_gets_no_error_packet,
    what_cannot_be_parsed_closes_without_a_word,
    what_cannot_be_parsed_got_code_128_in_the_last_years,
]
