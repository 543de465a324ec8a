"""aiohttp clients and servers: how connections are used again, broken, timed out and filled.

Each program returns statuses, classes of exceptions, bytes and the number of connections.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp import web

from tests.conformance.both_loops import Main, Place

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
LARGE = 3_000_000


@dataclass
class Site:
    """A server, a client's session, and the ends of connections that the server has seen."""

    session: aiohttp.ClientSession
    url: str
    connections: set[Any]


@contextlib.asynccontextmanager
async def _site(place: Place, handler: Handler, **options: Any) -> AsyncIterator[Site]:
    connections: set[Any] = set()

    async def counted(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        connections.add(request.transport.get_extra_info("peername"))
        return await handler(request)

    async def serve() -> tuple[web.AppRunner, int]:
        app = web.Application(client_max_size=2 * LARGE)
        app.router.add_route("*", "/", counted)
        runner = web.AppRunner(app, **options)
        await runner.setup()
        await web.TCPSite(runner, place.address, 0).start()
        return runner, runner.addresses[0][1]

    runner, port = await place.on_server(serve)
    async with aiohttp.ClientSession() as session:
        yield Site(session, f"http://{place.address}:{port}/", connections)
    await place.on_server(runner.cleanup)


async def _asked(site: Site, **options: Any) -> object:
    """Status and length of the answer, or the class of the error."""
    method = "POST" if "data" in options else "GET"
    try:
        async with site.session.request(method, site.url, **options) as answer:
            return answer.status, len(await answer.read())
    except (aiohttp.ClientError, TimeoutError) as error:
        return type(error).__name__


async def connections_are_used_again(place: Place) -> object:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(body=await request.read())

    async with _site(place, handler) as site:
        seen = [await _asked(site, data=b"x" * n) for n in (1, 1000, 900_000)]
        seen.append(await _asked(site, headers={"Connection": "close"}))
        seen.append(await _asked(site))
        return seen, len(site.connections)


async def requests_at_once_have_connections_of_their_own(place: Place) -> object:
    async def handler(request: web.Request) -> web.Response:
        await asyncio.sleep(0.05)
        return web.Response(text="done")

    async with _site(place, handler) as site:
        seen = await asyncio.gather(*(_asked(site) for _ in range(5)))
        seen += await asyncio.gather(*(_asked(site) for _ in range(5)))
        return seen, len(site.connections)


async def the_server_closes_an_idle_connection(place: Place) -> object:
    async def handler(request: web.Request) -> web.Response:
        return web.Response()

    async with _site(place, handler, keepalive_timeout=0.05) as site:
        seen = [await _asked(site)]
        await asyncio.sleep(1.2)
        seen.append(await _asked(site))
        return seen, len(site.connections)


async def the_client_gives_up(place: Place) -> object:
    cancelled: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            cancelled.append("cancelled")
            raise
        return web.Response()

    async with _site(place, handler, handler_cancellation=True) as site:
        limit = aiohttp.ClientTimeout(total=0.1)
        seen = [await _asked(site, timeout=limit)]
        limit = aiohttp.ClientTimeout(sock_read=0.1)
        seen.append(await _asked(site, timeout=limit))
        await asyncio.sleep(0.1)
        return seen, cancelled, len(site.connections)


async def a_request_is_cancelled_while_its_body_is_sent(place: Place) -> object:
    ends: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        try:
            await request.read()
        except Exception as error:
            ends.append(type(error).__name__)
            raise
        return web.Response()

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 1000
            await asyncio.sleep(0.01)

    async with _site(place, handler) as site:
        task = asyncio.create_task(_asked(site, data=endless()))
        await asyncio.sleep(0.1)
        task.cancel()
        await asyncio.wait([task])
        await asyncio.sleep(0.1)
        return task.cancelled(), await _asked(site, data=b"x"), len(ends), len(site.connections)


async def bodies_in_chunks_both_ways(place: Place) -> object:
    async def handler(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        answer.enable_chunked_encoding()
        await answer.prepare(request)
        async for chunk in request.content.iter_chunked(50_000):
            await answer.write(chunk)
        await answer.write_eof()
        return answer

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(30):
            yield b"x" * 100_000

    async with _site(place, handler) as site:
        return [await _asked(site, data=pieces()), await _asked(site, data=b"x")], len(
            site.connections
        )


async def the_server_is_asked_whether_to_go_on(place: Place) -> object:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(body=await request.read())

    async with _site(place, handler) as site:
        seen = [await _asked(site, data=b"x" * 100_000, expect100=True) for _ in range(2)]
        seen.append(await _asked(site, data=b"x", headers={"Expect": "something else"}))
        return seen, len(site.connections)


async def a_slow_reader_holds_the_server_back(place: Place) -> object:
    async def handler(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        for _ in range(30):
            await answer.write(bytes(LARGE // 30))
        return answer

    async with _site(place, handler) as site, site.session.get(site.url) as answer:
        await asyncio.sleep(0.1)
        total = 0
        async for chunk in answer.content.iter_any():
            total += len(chunk)
            await asyncio.sleep(0)
        return answer.status, total


async def the_server_fails_within_an_answer(place: Place) -> object:
    async def handler(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        if "length" in request.query:
            answer.content_length = 1000
        await answer.prepare(request)
        await answer.write(b"a beginning")
        raise LookupError

    async with _site(place, handler) as site:
        plain = site.url
        site.url = plain + "?length"
        seen = [await _asked(site)]
        site.url = plain
        seen.append(await _asked(site))
        return seen, len(site.connections)


async def the_connection_is_dropped(place: Place) -> object:
    async def handler(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        if request.query["when"] == "after":
            answer.content_length = 1000
            await answer.prepare(request)
            await answer.write(b"a beginning")
        assert request.transport is not None
        if request.query["how"] == "abort":
            request.transport.abort()
        else:
            request.transport.close()
        return answer

    async with _site(place, handler) as site:
        plain, seen = site.url, []
        for when in ("before", "after"):
            for how in ("close", "abort"):
                site.url = f"{plain}?when={when}&how={how}"
                seen.append(await _asked(site))
                seen.append(await _asked(site, data=b"x" * 100))
        return seen


async def nobody_listens_any_more(place: Place) -> object:
    async def handler(request: web.Request) -> web.Response:
        return web.Response()

    async with _site(place, handler) as site:
        pass
    async with aiohttp.ClientSession() as session:
        return await _asked(Site(session, site.url, set()))


PROGRAMS: tuple[Main, ...] = (
    connections_are_used_again,
    requests_at_once_have_connections_of_their_own,
    the_server_closes_an_idle_connection,
    the_client_gives_up,
    a_request_is_cancelled_while_its_body_is_sent,
    bodies_in_chunks_both_ways,
    the_server_is_asked_whether_to_go_on,
    a_slow_reader_holds_the_server_back,
    the_server_fails_within_an_answer,
    the_connection_is_dropped,
    nobody_listens_any_more,
)
