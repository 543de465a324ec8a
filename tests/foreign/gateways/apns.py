"""Connections to Apple's binary gateway as AirNotifier held them: enhanced notifications with
identifier 0, a queue in memory, and no second attempt.

Apple answers nothing to what it accepts. After a notification that it rejects it sends six bytes,
discards what comes behind it on this connection, and closes. Here the six bytes are logged, and a
new connection is opened; what was written behind the bad one is gone.
"""

import asyncio
import json
import random
import ssl
import struct
import time
from collections import deque
from typing import Any

from tornado_style import log, log_traceback

RETRY = 0.05
"""Seconds between attempts. AirNotifier has no pause, which keeps a core busy."""

EXPIRES = 86_400
LIMIT = 256
"""Bytes of a payload, by Apple's rule of 2013; counted here in characters of the alert, as then."""

ERRORS = {
    1: "Processing error",
    2: "Missing device token",
    3: "Missing topic",
    4: "Missing payload",
    5: "Invalid token size",
    6: "Invalid topic size",
    7: "Invalid payload size",
    8: "Invalid token",
    255: "None (unknown)",
}
"""Without 10, shutdown, which it did not know: a KeyError."""


class Connection(asyncio.Protocol):
    """One connection with its queue; opened again whenever it is lost."""

    def __init__(self, name: str, address: tuple[str, int], tls: ssl.SSLContext) -> None:
        self._name = name
        self._address = address
        self._tls = tls
        self._transport: asyncio.Transport | None = None
        self._queue: deque[bytes] = deque()
        self._lost = asyncio.Event()

    async def keep(self) -> None:
        """Connect, for ever."""
        host, port = self._address
        loop = asyncio.get_running_loop()
        while True:
            self._lost.clear()
            try:
                await loop.create_connection(lambda: self, host, port, ssl=self._tls)
            except OSError as error:
                log("W", "iostream:708", f"Connect error: {error}")
                log("W", "apns:165", f"{self._name} is offline {error.errno or ''}".rstrip())
            else:
                await self._lost.wait()
            await asyncio.sleep(RETRY)

    def send(self, frame: bytes) -> None:
        """Into the queue, and out of it while there is a connection."""
        self._queue.append(frame)
        self._drain()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        log("I", "apns:222", f"APNs connection: {self._name} is online")
        self._drain()

    def data_received(self, data: bytes) -> None:
        try:
            command, status, identifier = struct.unpack("!BBI", data)
            log("E", "apns:201", f"{ERRORS[status]}, ID: {identifier}, command {command}")
        except (struct.error, KeyError):
            log_traceback("ioloop:663", "Exception in callback")

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        log("W", "apns:165", f"{self._name} is offline {exc or 1}")
        self._lost.set()

    def _drain(self) -> None:
        while self._queue and self._transport is not None and not self._transport.is_closing():
            self._transport.write(self._queue.popleft())


class Pool:
    """The connections of one application; a notification takes any of them."""

    def __init__(self, app: str, count: int, address: tuple[str, int], tls: ssl.SSLContext) -> None:
        self._connections = [Connection(f"{app}[{n}]", address, tls) for n in range(count)]
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self, _: object) -> None:
        self._tasks = [asyncio.create_task(each.keep()) for each in self._connections]

    async def stop(self, _: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def any(self) -> Connection:
        return random.choice(self._connections)


def notification(token: str, payload: bytes) -> bytes:
    """Command 1 with identifier 0. Raises ValueError for a token that is not hexadecimal."""
    expiry = int(time.time()) + EXPIRES
    head = struct.pack("!BIIH32sH", 1, 0, expiry, 32, bytes.fromhex(token), len(payload))
    return head + payload


def payload(
    alert: str, sound: str | None, badge: str | None, custom: dict[str, Any], ellipsis: str
) -> bytes:
    """JSON; the alert is cut so that a payload without custom parameters fits. ValueError for a
    badge that is no number.
    """
    aps: dict[str, Any] = {}
    room = LIMIT - len('{"aps":{"alert":""}}')
    if sound is not None:
        aps["sound"] = sound
        room -= len(',"sound":""') + len(sound)
    if badge is not None:
        aps["badge"] = int(badge)
        room -= len(',"badge":') + 2 + len(badge)
    if len(alert) > room:
        alert = alert[: room - len(ellipsis)] + ellipsis
    aps["alert"] = alert
    return json.dumps({"aps": aps, **custom}, separators=(",", ":")).encode()
