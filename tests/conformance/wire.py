"""A client that knows nothing of the protocols: a connection of bytes, and HTTP as text.

The checks write their requests out and read the answers apart with this, not with the product's
codecs, which might be wrong in the same way at both ends.
"""

import asyncio
import contextlib
import json
from dataclasses import dataclass
from typing import Any, Literal

Ending = Literal["eof", "reset"]


class Wire:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, data: bytes) -> None:
        """Write. A connection that ended meanwhile is no error: the reading side tells."""
        self._writer.write(data)
        with contextlib.suppress(ConnectionError):
            await self._writer.drain()

    async def send_bytewise(self, data: bytes) -> None:
        """Write every byte by itself, with a turn of the loop in between."""
        for index in range(len(data)):
            await self.send(data[index : index + 1])
            await asyncio.sleep(0)

    async def read(self, count: int) -> bytes:
        """Exactly so many bytes."""
        return await self._reader.readexactly(count)

    async def rest(self) -> tuple[bytes, Ending]:
        """Everything up to the end of the connection, and how it ended."""
        received = b""
        try:
            while data := await self._reader.read(65_536):
                received += data
        except ConnectionError:
            return received, "reset"
        return received, "eof"

    def finish(self) -> None:
        """Say that nothing more comes."""
        with contextlib.suppress(OSError):
            self._writer.write_eof()

    def close(self) -> None:
        self._writer.transport.abort()

    # -- HTTP

    async def ask(self, request: bytes) -> "Answer":
        """Send a request and read its answer; the connection may be used again."""
        await self.send(request)
        return await self.answer()

    async def answer(self) -> "Answer":
        """Read one answer with a Content-Length."""
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        status_line, *lines = head.removesuffix("\r\n\r\n").split("\r\n")
        version, status, _ = status_line.split(" ", 2)
        assert version == "HTTP/1.1"
        headers = {}
        for line in lines:
            name, colon, value = line.partition(": ")
            assert colon, line
            headers[name] = value
        length = int(headers.get("Content-Length", "0"))
        return Answer(int(status), headers, await self._reader.readexactly(length))


@dataclass(frozen=True)
class Answer:
    """An HTTP answer as it came. Header names as the server wrote them."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def request(
    method: str, target: str, headers: dict[str, str] | None = None, body: bytes | str = b""
) -> bytes:
    """An HTTP/1.1 request in bytes, with a Content-Length if there is a body."""
    body = body.encode() if isinstance(body, str) else body
    fields = {"Host": "server.test", **(headers or {})}
    if body and "Transfer-Encoding" not in fields:
        fields["Content-Length"] = str(len(body))
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body
