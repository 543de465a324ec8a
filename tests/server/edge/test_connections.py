"""How long a peer may take, and how many connections it may have, in virtual time."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import ip_network
from typing import Any

import pytest
from aiohttp import web

from server.edge.edge import Edge
from server.edge.runner import Runner
from server.logs import EventLog
from server.settings import HttpLimits
from sim.world import World

GET = b"GET / HTTP/1.1\r\nHost: server\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: server\r\nContent-Length: %d\r\n\r\n"
LARGE = 3_000_000
"""Bytes of an answer that no network swallows at once."""


@dataclass
class Bench:
    """A server on one host, peers on others."""

    world: World
    limits: HttpLimits
    room: int | None = None
    proxies: tuple[str, ...] = ()
    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    release: asyncio.Event = field(default_factory=asyncio.Event)
    handled: int = 0

    async def serve(self) -> None:
        app = web.Application(client_max_size=1_000_000)
        app.router.add_get("/", self._small)
        app.router.add_get("/large", self._large)
        app.router.add_get("/slow", self._slow)
        app.router.add_post("/", self._read)
        Edge(
            server="ours",
            refuse=lambda status: web.Response(status=status, text=f"no: {status}"),
            limits=self.limits,
            trusted_proxies=tuple(map(ip_network, self.proxies)),
            log=EventLog("edge"),
            descriptors=0,
        ).install(app)
        self.runner = Runner(app, room=self.room)
        await self.runner.setup()
        await web.TCPSite(self.runner, "0.0.0.0", 80).start()

    async def _small(self, _: web.Request) -> web.Response:
        self.handled += 1
        return web.Response(text="hello")

    async def _large(self, _: web.Request) -> web.Response:
        return web.Response(body=bytes(LARGE))

    async def _slow(self, _: web.Request) -> web.Response:
        await self.release.wait()
        return web.Response(text="at last")

    async def _read(self, request: web.Request) -> web.Response:
        return web.Response(text=str(len(await request.read())))

    def run(self, story: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        async def main() -> Any:
            await self.world.host("server").start(self.serve)
            return await story()

        return self.world.run(main)

    async def on(self, host: str, story: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        if host not in self.world.hosts:
            self.world.host(host)
        return await self.world.hosts[host].start(story)

    async def stop(self) -> float:
        """Stop the server. Returns the seconds that it took."""
        begun = now()
        await self.on("server", self.runner.cleanup)
        return now() - begun

    def logged(self, name: str) -> list[dict[str, Any]]:
        return [fields for event, fields in self.events if event == name]


@contextmanager
def bench(room: int | None = None, proxies: tuple[str, ...] = (), **limits: Any) -> Iterator[Bench]:
    events: list[tuple[str, dict[str, Any]]] = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            events.append((record.__dict__["event"], record.__dict__["fields"]))

    logger, handler = logging.getLogger("edge"), Collector()
    logger.addHandler(handler)
    try:
        with World(seed=1) as world:
            yield Bench(world, HttpLimits(**limits), room, proxies, events)
    finally:
        logger.removeHandler(handler)


def now() -> float:
    return asyncio.get_running_loop().time()


async def open_connection() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("server", 80)


async def until_closed(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read()
    except ConnectionError:
        return b""


@pytest.mark.parametrize("sent", [b"", b"GET", GET[:-2], GET[:-1]])
def test_a_head_that_does_not_end_ends_the_connection(sent: bytes) -> None:
    with bench(head_timeout=7) as it:

        async def story() -> None:
            reader, writer = await open_connection()
            begun = now()
            writer.write(sent)
            assert await until_closed(reader) == b""
            assert 7 <= now() - begun < 8
            writer.close()

        it.run(story)


def test_a_head_that_trickles_has_no_more_time_than_one_that_stops() -> None:
    with bench(head_timeout=7) as it:

        async def story() -> None:
            reader, writer = await open_connection()
            begun = now()
            while not reader.at_eof() and now() - begun < 20:
                writer.write(b"GET / HTTP/1.1\r\nX: " if now() == begun else b"x")
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(1):
                        await reader.read()
            assert 7 <= now() - begun < 8
            writer.close()

        it.run(story)


def test_the_next_head_has_its_own_time_and_the_wait_before_it_another() -> None:
    with bench(head_timeout=7, idle_timeout=50) as it:

        async def story() -> None:
            reader, writer = await open_connection()
            for _ in range(3):
                writer.write(GET)
                assert (await reader.readuntil(b"hello")).startswith(b"HTTP/1.1 200")
                await asyncio.sleep(30)
            writer.write(b"G")
            begun = now()
            await until_closed(reader)
            assert 7 <= now() - begun < 8
            writer.close()
            reader, writer = await open_connection()
            writer.write(GET)
            await reader.readuntil(b"hello")
            begun = now()
            await until_closed(reader)
            assert 50 <= now() - begun < 51
            writer.close()

        it.run(story)


def test_a_body_that_stops_is_answered_with_408() -> None:
    with bench(body_timeout=9) as it:

        async def story() -> None:
            reader, writer = await open_connection()
            begun = now()
            writer.write(POST % 100 + b"x" * 50)
            answer = await until_closed(reader)
            assert answer.startswith(b"HTTP/1.1 408 ")
            assert answer.endswith(b"no: 408")
            assert 9 <= now() - begun < 10
            writer.close()

        it.run(story)


@pytest.mark.parametrize(("pace", "served"), [(400, True), (50, False)])
def test_a_body_may_be_slow_but_not_slower_than_the_least_pace(pace: int, served: bool) -> None:
    with bench(body_timeout=10, min_rate=100) as it:

        async def story() -> None:
            reader, writer = await open_connection()
            answer = asyncio.ensure_future(until_closed(reader))
            writer.write(POST.replace(b"Host", b"Connection: close\r\nHost") % 20_000)
            for _ in range(20_000 // pace):
                if answer.done():
                    break
                writer.write(b"x" * pace)
                await asyncio.sleep(1)
            assert (await answer).startswith(b"HTTP/1.1 200" if served else b"HTTP/1.1 408")
            writer.close()

        it.run(story)


def test_a_peer_that_does_not_read_its_answer_loses_the_connection() -> None:
    with bench(send_timeout=11, min_rate=1_000_000) as it:

        async def story() -> None:
            _, writer = await open_connection()
            writer.write(GET.replace(b" / ", b" /large "))
            writer.transport.pause_reading()
            begun = now()
            while it.runner.server is not None and len(it.runner.server.connections) == 1:
                assert now() - begun < 60
                await asyncio.sleep(1)
            assert now() - begun < 20
            writer.close()

        it.run(story)


def test_a_peer_that_reads_slowly_but_steadily_gets_all_of_its_answer() -> None:
    with bench(send_timeout=1, min_rate=10_000) as it:

        async def story() -> None:
            reader, writer = await open_connection()
            writer.write(GET.replace(b" / ", b" /large "))
            received = 0
            while received < LARGE:
                received += len(await reader.read(100_000))
                await asyncio.sleep(2)
            writer.close()

        it.run(story)


def test_an_address_has_a_number_of_connections_and_others_have_theirs() -> None:
    with bench(connections_per_address=3) as it:

        async def ask() -> bytes:
            reader, writer = await open_connection()
            writer.write(GET)
            answer = await until_closed_or_answered(reader)
            writer.close()
            return answer

        async def story() -> None:
            held = []

            async def hold() -> None:
                held.extend([await open_connection() for _ in range(3)])

            await it.on("crowd", hold)
            assert await it.on("crowd", ask) == b""
            assert await it.on("other", ask) != b""
            held[0][1].close()
            await asyncio.sleep(1)
            assert await it.on("crowd", ask) != b""
            for _, writer in held:
                writer.close()

        it.run(story)
        assert [line["reason"] for line in it.logged("peer.refused")] == ["address"]


async def until_closed_or_answered(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(b"hello")
    except (asyncio.IncompleteReadError, ConnectionError):
        return b""


def test_a_trusted_proxy_is_not_counted_as_one_peer() -> None:
    with bench(connections_per_address=3, proxies=("0.0.0.0/0",)) as it:

        async def story() -> None:
            held = [await open_connection() for _ in range(10)]
            for reader, writer in held:
                writer.write(GET)
                assert await until_closed_or_answered(reader) != b""
            for _, writer in held:
                writer.close()

        it.run(story)
        assert it.logged("peer.refused") == []


def test_who_has_waited_longest_makes_room_and_who_is_served_stays() -> None:
    with bench(room=3) as it:

        async def story() -> None:
            served = await open_connection()
            served[1].write(GET.replace(b" / ", b" /slow "))
            first, second = await open_connection(), await open_connection()
            third = await open_connection()
            third[1].write(GET)
            assert await until_closed_or_answered(third[0]) != b""
            assert await until_closed(first[0]) == b""
            fourth = await open_connection()
            assert await until_closed(second[0]) == b""
            it.release.set()
            assert b"200 OK" in await served[0].readuntil(b"at last")
            for _, writer in (served, first, second, third, fourth):
                writer.close()

        it.run(story)
        [line] = it.logged("peer.refused")  # one line a minute
        assert line["reason"] == "room_made"


def test_with_all_connections_being_served_a_new_one_is_turned_away() -> None:
    with bench(room=2) as it:

        async def story() -> None:
            served = [await open_connection() for _ in range(2)]
            for _, writer in served:
                writer.write(GET.replace(b" / ", b" /slow "))
            await asyncio.sleep(1)
            late, late_writer = await open_connection()
            assert await until_closed(late) == b""
            it.release.set()
            for reader, _ in served:
                await reader.readuntil(b"at last")
            for writer in (late_writer, *(writer for _, writer in served)):
                writer.close()

        it.run(story)
        assert [line["reason"] for line in it.logged("peer.refused")] == ["room"]


SAID_BEFORE_THE_STOP = {
    "nothing": b"",
    "half a head": b"GET / HT",
    "half a body": POST % 100 + b"x",
    "a whole request": GET,
    "a request whose answer it does not read": GET.replace(b" / ", b" /large "),
    "a request that is never done": GET.replace(b" / ", b" /slow "),
    "a pipeline": GET * 50,
}


@pytest.mark.parametrize("said", SAID_BEFORE_THE_STOP)
def test_a_stop_takes_seconds_whatever_a_peer_does(said: str) -> None:
    with bench(stop_timeout=8) as it:

        async def story() -> float:
            _, writer = await open_connection()
            writer.transport.pause_reading()
            writer.write(SAID_BEFORE_THE_STOP[said])
            await asyncio.sleep(1)
            took = await it.stop()
            writer.close()
            return float(took)

        took = it.run(story)
        assert took <= 9
        if said in ("nothing", "half a head", "half a body"):
            assert took < 0.1


def test_a_request_in_progress_is_answered_before_the_server_stops() -> None:
    with bench() as it:

        async def story() -> None:
            reader, writer = await open_connection()
            writer.write(GET.replace(b" / ", b" /slow "))
            await asyncio.sleep(1)
            asyncio.get_running_loop().call_later(2, it.release.set)
            assert 2 <= await it.stop() < 3
            assert b"at last" in await until_closed(reader)
            writer.close()

        it.run(story)
