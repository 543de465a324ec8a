"""Phones that mean harm: what they say at both push services' device ports.

Each is a stream of bytes, most of them close to what the protocols know: good messages with a field
that is missing, comes twice, or has another type, size or value. Whatever is said, the service
raises nothing, says nothing in any log, and takes the next phone's login.
"""

import asyncio
import dataclasses
import struct
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from tests.conformance.stage import BUNDLE, Door, Stage
from tests.conformance.wire import Wire

Stream = bytes

BOUNDARIES = (
    0, 1, 2, 127, 128, 255, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**63,
    2**64 - 1, 2**70,
)  # fmt: skip
TEXTS = (
    b"", b"x", b"\xff", b"\xc3", b"\xed\xa0\x80", b"\0", b"-1", b"1e9", b"9" * 400,
    b"\xd9\xa3", b"x" * 5000, b"hbping", b"IdleNotification",
)  # fmt: skip


# -- MCS


def varint(value: int) -> bytes:
    out = b""
    while value >= 0x80:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def _sized(data: bytes) -> bytes:
    return varint(len(data)) + data


def _mcs_field(number: int, wire_type: int, value: bytes) -> bytes:
    return varint(number << 3 | wire_type) + value


_NUMBERS = st.integers(1, 24)
_MCS_FIELDS = st.one_of(
    st.builds(_mcs_field, _NUMBERS, st.just(0), st.sampled_from(BOUNDARIES).map(varint)),
    st.builds(_mcs_field, _NUMBERS, st.just(2), st.sampled_from(TEXTS).map(_sized)),
    st.builds(
        _mcs_field,
        st.one_of(st.integers(0, 30), st.sampled_from([2**28, 2**29 - 1, 2**32])),
        st.integers(0, 7),
        st.binary(max_size=12),
    ),
)
_MCS_FRAMES = st.builds(
    lambda tag, fields, missing, extra: (
        bytes([tag]) + varint(max(0, sum(map(len, fields)) + extra)) + b"".join(fields)[missing:]
    ),
    st.one_of(st.sampled_from([0, 1, 2, 4, 7, 8]), st.integers(0, 255)),
    st.lists(_MCS_FIELDS, max_size=8),
    st.sampled_from([0, 0, 0, 1]),
    st.sampled_from([0, 0, 0, -1, 1, 2**16, 2**32, 2**63]),
)


def login(user: str, token: str, *fields: bytes) -> bytes:
    """The first bytes of a phone: version and LoginRequest."""
    texts = ((1, "id"), (2, "mcs.android.com"), (3, user), (4, user), (5, token))
    body = b"".join(_mcs_field(n, 2, _sized(value.encode())) for n, value in texts)
    return b"\x29\x02" + _sized(body + b"".join(fields))


MCS_STREAMS = st.builds(
    lambda version, frames: version + b"".join(frames),
    st.sampled_from([b"\x29", b"\x26", b"", b"\0", b"\xff"]),
    st.lists(_MCS_FRAMES, max_size=4),
)
"""Before a login, or in the place of one."""
MCS_SENTENCES = st.lists(_MCS_FRAMES, max_size=4).map(b"".join)
"""After a login."""
MCS_LOGINS = st.lists(_MCS_FIELDS, min_size=1, max_size=4).map(tuple)
"""Fields on top of those of a good login."""


# -- the courier

_COURIER_FIELDS = st.tuples(
    st.one_of(st.integers(1, 6), st.integers(1, 8), st.integers(0, 255)),
    st.one_of(
        st.sampled_from(TEXTS),
        st.sampled_from([bytes(20), bytes(31), bytes(32), bytes(33), b"\0\0\0\1", b"\xff" * 4]),
        st.binary(max_size=40),
    ),
)


def courier_message(kind: int, fields: Sequence[tuple[int, bytes]], extra: int = 0) -> bytes:
    body = b"".join(struct.pack(">BH", number, len(value)) + value for number, value in fields)
    return struct.pack(">BI", kind, max(0, min(len(body) + extra, 2**32 - 1))) + body


_COURIER_MESSAGES = st.builds(
    courier_message,
    st.one_of(*[st.sampled_from([7, 9, 11, 12, 17])] * 3, st.integers(0, 255)),
    st.lists(_COURIER_FIELDS, max_size=6),
    st.sampled_from([0, 0, 0, -1, 1, 2**16, 2**32]),
)
COURIER_STREAMS = st.lists(_COURIER_MESSAGES, max_size=4).map(b"".join)


# -- the checks


async def phones_cannot_harm_mtalk(
    stage: Stage,
    streams: Sequence[Stream],
    sentences: Sequence[bytes],
    logins: Sequence[tuple[bytes, ...]],
) -> None:
    gcm = await stage.gcm()
    door = dataclasses.replace(gcm, port=gcm.service.ports[1])
    for stream in streams:
        await _say(await stage.dial(door), stream)
    for sentence in sentences:
        await _say(await stage.dial(door), _good_login(gcm) + sentence)
    for fields in logins:
        await _say(await stage.dial(door), _good_login(gcm, *fields))
    wire = await stage.dial(door)
    await wire.send(_good_login(gcm))
    assert await wire.read(2) == b"\x29\x03", "the next phone is welcome"
    wire.close()


async def phones_cannot_harm_the_courier(
    stage: Stage, streams: Sequence[Stream], sentences: Sequence[bytes]
) -> None:
    apns = await stage.apns()
    door = dataclasses.replace(apns, port=apns.service.ports[1])
    for stream in streams:
        await _say(await stage.dial(door), stream)
    for sentence in sentences:
        token = apns.service.add_device()
        apns.service.issue(token, BUNDLE)
        await _say(await stage.dial(door), courier_message(7, [(1, token)]) + sentence)
    wire = await stage.dial(door)
    await wire.send(courier_message(7, [(1, apns.service.add_device())]))
    assert await wire.read(1) == b"\x08", "the next phone is welcome"
    wire.close()


def _good_login(door: Door, *fields: bytes) -> bytes:
    android_id, secret = door.service.add_device()
    return login(str(android_id), str(secret), *fields)


async def _say(wire: Wire, stream: bytes) -> None:
    """Say it all, and wait until the service has heard it and hung up."""
    await wire.send(stream)
    wire.finish()
    await wire.rest()
    wire.close()


class Listening:
    """An exception handler of a loop that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    def __call__(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self.told.append(context)
