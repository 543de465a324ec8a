"""Small programs for asyncio's streams and servers: reading, draining, closing, listening.

Each returns what it saw. Both sides run in one program; `place.on_server` puts a part of it on
the host that serves.
"""

import asyncio
import errno
from collections.abc import Awaitable, Callable
from typing import Any

from tests.conformance.both_loops import Main, Place

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def _served(
    place: Place, serve: Serve
) -> tuple[Any, asyncio.StreamReader, asyncio.StreamWriter]:
    """A listener, and a connection to it."""
    server = await place.on_server(lambda: asyncio.start_server(serve, place.address, 0))
    port = server.sockets[0].getsockname()[1]
    return server, *await asyncio.open_connection(place.address, port, limit=1000)


async def _outcome(awaitable: Awaitable[Any]) -> object:
    """What it returns, or the class of what it raises."""
    try:
        return await awaitable
    except Exception as error:
        partial = getattr(error, "partial", None)
        return type(error).__name__ if partial is None else (type(error).__name__, partial)


async def ways_to_read(place: Place) -> object:
    async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"line\n" + b"four" + b"until;" + b"x" * 3000 + b"\n" + b"rest")
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server, reader, writer = await _served(place, serve)
    seen = [
        await reader.readline(),
        await reader.readexactly(4),
        await reader.readuntil(b";"),
        await _outcome(reader.readline()),
        await _outcome(reader.readuntil(b"no such thing")),
        len(await reader.read(10)),
        await _outcome(reader.readexactly(100_000)),
        await reader.read(),
        reader.at_eof(),
        await _outcome(reader.readuntil(b";")),
    ]
    if isinstance(seen[6], tuple):
        seen[6] = (seen[6][0], len(seen[6][1]))
    writer.close()
    await writer.wait_closed()
    server.close()
    return seen


async def a_writer_drains(place: Place) -> object:
    total = 3_000_000

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await place.quiet()
        writer.write(str(len(await reader.readexactly(total))).encode())
        writer.write_eof()
        await reader.read()
        writer.close()

    server, reader, writer = await _served(place, serve)
    for _ in range(30):
        writer.write(bytes(total // 30))
        await writer.drain()
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    server.close()
    return answer, writer.is_closing()


async def drain_after_the_peer_is_gone(place: Place) -> object:
    async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server, reader, writer = await _served(place, serve)
    seen: list[object] = [await reader.read()]
    for _ in range(3):
        await place.quiet()
        writer.write(b"into the void")
        seen.append(await _outcome(writer.drain()))
    await place.quiet()
    seen.append(await _outcome(writer.drain()))
    writer.close()
    seen.append(await _outcome(writer.wait_closed()))
    server.close()
    return seen


async def a_reset_while_reading(place: Place) -> object:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.pause_reading()
        writer.write(b"some")
        await place.quiet()
        writer.close()  # bytes are unread: RST

    server, reader, writer = await _served(place, serve)
    seen = [await _outcome(reader.readexactly(4))]
    writer.write(b"never read")
    seen.append(await _outcome(reader.readexactly(4)))
    writer.write(b"more")
    seen.append(await _outcome(writer.drain()))
    seen.append(await _outcome(writer.wait_closed()))
    server.close()
    return seen


async def a_handler_that_fails(place: Place) -> object:
    reported: list[object] = []
    asyncio.get_running_loop().set_exception_handler(
        lambda _, context: reported.append(type(context["exception"]).__name__)
    )

    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        writer.write(await reader.readline())
        raise LookupError

    server, reader, writer = await _served(place, serve)
    writer.write(b"question\n")
    line = await reader.readline()
    await place.quiet()
    seen = [line, reader.at_eof()]  # some releases of 3.11 leave the connection open
    for each in (writer, *writers):
        each.close()
    await place.quiet()
    server.close()
    asyncio.get_running_loop().set_exception_handler(None)
    return seen, reported


async def a_turn_passes_between_the_last_bytes_and_the_end(place: Place) -> object:
    seen: list[str] = []

    class Hears(asyncio.Protocol):
        def data_received(self, data: bytes) -> None:
            seen.append(data.decode())
            asyncio.get_running_loop().call_soon(seen.append, "soon")

        def eof_received(self) -> None:
            seen.append("eof")

        def connection_lost(self, exc: BaseException | None) -> None:
            seen.append("lost")

    class Ends(asyncio.Protocol):
        def connection_made(self, transport: Any) -> None:
            transport.write(b"data")
            transport.close()

    server, port = await place.listen(Ends)
    await place.connect(Hears, port)
    await place.quiet(lambda: list(seen))
    server.close()
    return seen


async def faults_of_a_protocol(place: Place) -> object:
    """Reported, if they are not errors of the system; none reaches the caller of a write."""
    reported: list[object] = []
    asyncio.get_running_loop().set_exception_handler(
        lambda _, context: reported.append(type(context["exception"]).__name__)
    )
    ends: list[str] = []

    class Fails(asyncio.Protocol):
        def data_received(self, data: bytes) -> None:
            raise OSError("a file, not the connection")

        def pause_writing(self) -> None:
            raise LookupError

        def resume_writing(self) -> None:
            raise KeyError

        def connection_lost(self, exc: BaseException | None) -> None:
            ends.append(type(exc).__name__)

    class Answers(asyncio.Protocol):
        def connection_made(self, transport: Any) -> None:
            self.transport, self.received = transport, 0

        def data_received(self, data: bytes) -> None:
            self.received += len(data)
            if self.received == 3_000_000:
                self.transport.write(b"!")

    server, port = await place.listen(Answers)
    transport: Any
    transport, _ = await place.connect(Fails, port)
    transport.write(bytes(3_000_000))
    await place.quiet(lambda: (len(reported), transport.get_write_buffer_size()))
    server.close()
    asyncio.get_running_loop().set_exception_handler(None)
    return reported, ends


async def a_server_listens_and_stops(place: Place) -> object:
    seen: list[object] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.read())
        writer.close()

    async def listen(port: int = 0, **options: Any) -> asyncio.Server:
        return await asyncio.start_server(serve, place.address, port, **options)

    server = await place.on_server(lambda: listen(start_serving=False))
    address, port = server.sockets[0].getsockname()
    seen.append((address == place.address, port > 0, server.is_serving(), len(server.sockets)))
    seen.append(await _outcome(asyncio.open_connection(place.address, port)))
    await server.start_serving()
    await server.start_serving()
    seen.append(server.is_serving())
    reader, writer = await asyncio.open_connection(place.address, port)
    taken = await _errno(place.on_server(lambda: listen(port)))
    seen.append(taken == errno.EADDRINUSE)
    await place.quiet()
    server.close()
    server.close()
    seen.append((server.is_serving(), server.sockets))
    seen.append(await _outcome(asyncio.open_connection(place.address, port)))
    writer.write(b"goes on")
    writer.write_eof()
    seen.append(await reader.read())
    writer.close()
    await writer.wait_closed()
    await server.wait_closed()
    seen.append(await _outcome(server.serve_forever()))
    return seen


async def _errno(awaitable: Awaitable[Any]) -> int | None:
    try:
        await awaitable
    except OSError as error:
        return error.errno
    return None


async def serving_forever_ends_with_the_server(place: Place) -> object:
    seen: list[object] = []
    for how in ("close", "cancel"):
        server, _port = await place.listen(asyncio.Protocol)
        forever = asyncio.create_task(server.serve_forever())  # type: ignore[attr-defined]
        await asyncio.sleep(0)
        seen.append(await _outcome(server.serve_forever()))  # type: ignore[attr-defined]
        await asyncio.sleep(0)
        if how == "close":
            server.close()
        else:
            forever.cancel()
        await asyncio.wait([forever], timeout=1)
        seen.append((forever.cancelled(), server.is_serving()))  # type: ignore[attr-defined]
        server.close()
    return seen


PROGRAMS: tuple[Main, ...] = (
    ways_to_read,
    a_writer_drains,
    drain_after_the_peer_is_gone,
    a_reset_while_reading,
    a_handler_that_fails,
    a_turn_passes_between_the_last_bytes_and_the_end,
    faults_of_a_protocol,
    a_server_listens_and_stops,
    serving_forever_ends_with_the_server,
)
