"""A phone on the MTalk connection in plain bytes, for tests of the service's side."""

import asyncio
import json
import struct
from typing import Any

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


def iq(extension: int, data: bytes = b"") -> bytes:
    """The body of an IqStanza (SET) with an extension."""
    return number(2, 1) + text(3, "") + text(7, number(1, extension) + text(2, data))


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
