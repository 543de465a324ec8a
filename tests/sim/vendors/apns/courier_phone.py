"""A phone on the courier connection in plain bytes, for tests of the service's side."""

import asyncio
import struct
from typing import Any

from sim.vendors.apns.registry import topic_hash

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


def accepted(stand: Any) -> list[int]:
    """The identifiers of the notifications that the service took."""
    return [event["identifier"] for event in stand.named("vendor.accepted")]


class Phone:
    """A phone on the courier connection, in plain bytes. `push_token` is that of its app, if it has
    one, to which `provider` sends."""

    def __init__(self, stand: Any, token: bytes, push_token: bytes = b"") -> None:
        self.stand = stand
        self.token = token
        self.push_token = push_token
        self.peer: Any = None
        self.provider: Any = None

    @classmethod
    def with_app(cls, stand: Any, service: Any) -> "Phone":
        """A phone that the service knows, with the app on it."""
        token = service.add_device()
        return cls(stand, token, service.issue(token, APP))

    async def push(self, *payloads: bytes, expiry: int = FAR) -> None:
        """Let the provider send these to the app, in one write."""
        if self.provider is None:
            self.provider = await self.stand.provider()
        frames = [frame(n, self.push_token, each, expiry) for n, each in enumerate(payloads, 1)]
        self.provider.transport.write(b"".join(frames))

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
