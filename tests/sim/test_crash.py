"""Power cuts: no further line of the host's code runs, and nobody is told."""

import asyncio
import contextlib
import errno
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from sim.hosts import Host
from sim.world import World
from tests.sim.net.exchange import Exchange
from tests.sim.serving import site_of


@pytest.fixture
def world() -> Iterator[World]:
    with World(seed=5) as world:
        yield world


def wait(world: World, seconds: float) -> None:
    world.run_until(world.env.now + seconds)


class Diary:
    """What code managed to write down, in memory that no power cut takes away."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    async def through(self, waiting: Callable[[], Any]) -> None:
        """Wait for something; every way out of it leaves a line."""
        self.lines.append("begun")
        try:
            await waiting()
            self.lines.append("went on")
        except BaseException as error:
            self.lines.append(f"except {type(error).__name__}")
            raise
        finally:
            self.lines.append("finally")


@contextlib.asynccontextmanager
async def managed(diary: Diary) -> AsyncIterator[None]:
    try:
        yield
    finally:
        diary.lines.append("exit")


def waits(shared: asyncio.Event) -> list[Callable[[], Any]]:
    """Ways to wait: for time, for others, for oneself, for nobody."""

    async def in_a_group() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.sleep(2))
            group.create_task(asyncio.sleep(3))

    async def with_a_timeout() -> None:
        async with asyncio.timeout(2):
            await asyncio.Event().wait()

    async def in_an_executor() -> None:
        await asyncio.sleep(1)
        await asyncio.get_running_loop().run_in_executor(None, lambda: None)

    return [
        lambda: asyncio.sleep(2),
        shared.wait,
        in_a_group,
        with_a_timeout,
        in_an_executor,
        lambda: asyncio.open_connection("10.9.9.9", 80),
        lambda: asyncio.Queue().get(),
        lambda: asyncio.gather(asyncio.sleep(2), asyncio.sleep(3)),
        lambda: asyncio.shield(asyncio.sleep(2)),
    ]


@pytest.mark.parametrize("way", range(9))
def test_code_that_waits_never_runs_another_line(way: int) -> None:
    diary = Diary()
    with World(seed=5) as world:
        host = world.host("doomed")
        shared = asyncio.Event()

        async def main() -> None:
            async with managed(diary):
                await diary.through(waits(shared)[way])

        host.start(main)
        wait(world, 1)
        host.crash()
        world.loop.call_soon(shared.set)
        wait(world, 300)
        assert diary.lines == ["begun"]
        host.boot()
        wait(world, 300)
        assert diary.lines == ["begun"]


def test_a_task_that_was_about_to_begin_does_not(world: World) -> None:
    diary = Diary()
    host = world.host("doomed")

    async def main() -> None:
        diary.lines.append("begun")

    host.start(main)
    host.crash()
    wait(world, 1)
    assert diary.lines == []


def test_code_that_crashes_its_own_host_ends_where_it_waits_next(world: World) -> None:
    exchange = Exchange(world)
    diary = Diary()

    async def other() -> None:
        await asyncio.sleep(1)
        diary.lines.append("other")

    async def main() -> None:
        _, writer = await asyncio.open_connection("server", 80)
        writer.write(b"before, ")
        await asyncio.sleep(1)
        exchange.client_host.crash()
        writer.write(b"after")
        diary.lines.append("same step")
        await asyncio.sleep(0)
        diary.lines.append("next step")

    exchange.client_host.start(main)
    exchange.client_host.start(other)
    wait(world, 10)
    assert diary.lines == ["other", "same step"] or diary.lines == ["same step"]
    assert exchange.server.received == b"before, "


def test_code_of_the_same_moment_on_other_hosts_runs(world: World) -> None:
    diary = Diary()
    hosts = [world.host(name) for name in ("first", "doomed", "last")]

    def step(host: Host) -> Callable[[], Any]:
        async def main() -> None:
            await asyncio.sleep(1)
            diary.lines.append(host.name)
            if host is hosts[0]:
                hosts[1].crash()

        return main

    for host in hosts:
        host.start(step(host))
    wait(world, 5)
    assert diary.lines == ["first", "last"]


def test_an_aiohttp_handler_in_flight_stops_where_it_is(world: World) -> None:
    diary = Diary()

    async def handler(request: web.Request) -> web.Response:
        await diary.through(lambda: asyncio.sleep(5))
        return web.Response()

    site = site_of(world, web.get("/", handler))
    outcome: list[str] = []

    async def ask() -> None:
        timeout = aiohttp.ClientTimeout(total=60)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            try:
                await session.get("http://site/")
            except Exception as error:
                outcome.append(type(error).__name__)

    world.operator.start(ask)
    wait(world, 2)
    assert diary.lines == ["begun"]
    site.crash()
    wait(world, 50)
    assert outcome == []  # nobody told it
    wait(world, 20)
    assert outcome == ["TimeoutError"]
    assert diary.lines == ["begun"]


def test_peers_hear_nothing_until_they_speak_to_the_rebooted_host(world: World) -> None:
    exchange = Exchange(world)
    exchange.dial()
    exchange.server_host.crash()
    exchange.wait(10)
    exchange.server_host.boot()
    exchange.wait(3_000)
    assert exchange.client.lost_at is None
    exchange.client.transport.write(b"hello?")
    exchange.wait(1)
    assert exchange.client.errno == errno.ECONNRESET


def test_peers_that_speak_to_a_dead_host_wait_for_a_timeout(world: World) -> None:
    exchange = Exchange(world)
    exchange.dial()
    exchange.server_host.crash()
    exchange.client.transport.write(b"hello?")
    exchange.wait(924)
    assert exchange.client.lost_at is None
    exchange.wait(2)
    assert exchange.client.errno == errno.ETIMEDOUT


def test_what_is_retransmitted_to_a_rebooted_host_is_answered_with_a_reset(world: World) -> None:
    exchange = Exchange(world)
    exchange.dial()
    exchange.server_host.crash()
    exchange.client.transport.write(b"hello?")
    exchange.wait(5)
    exchange.server_host.boot()
    exchange.wait(10)
    assert exchange.client.errno == errno.ECONNRESET


def test_what_had_left_the_host_arrives(world: World) -> None:
    exchange = Exchange(world)
    exchange.dial()
    exchange.client.transport.write(b"my last words")
    exchange.client_host.crash()
    exchange.wait(1)
    assert exchange.server.received == b"my last words"


def test_what_a_closed_socket_had_sent_arrives_as_well(world: World) -> None:
    exchange = Exchange(world)
    exchange.dial()
    exchange.client.transport.write(b"my last words")
    exchange.client.transport.close()
    exchange.client_host.crash()
    exchange.wait(1)
    assert exchange.server.received == b"my last words"
    assert exchange.server.error is None
    assert exchange.server.lost_at is not None


def test_a_closed_socket_of_an_earlier_life_sends_nothing_again(world: World) -> None:
    exchange = Exchange(world)
    exchange.dial()
    exchange.server_host.disconnect()
    exchange.client.transport.write(b"my last words")
    exchange.client.transport.close()
    exchange.wait(1)
    exchange.client_host.crash()
    exchange.client_host.boot()
    exchange.server_host.reconnect()
    exchange.wait(1_000)
    assert exchange.server.arrivals == []
    assert exchange.server.lost_at is None


def test_a_lost_segment_of_a_dead_host_leaves_no_gap(world: World) -> None:
    exchange = Exchange(world)
    exchange.dial()
    exchange.client.transport.write(b"lost")
    exchange.server_host.disconnect()
    exchange.wait(0.04)
    exchange.client.transport.write(b"in time")
    exchange.wait(0.02)
    exchange.client_host.crash()
    exchange.server_host.reconnect()
    exchange.wait(100)
    assert exchange.server.received == b""


def test_an_end_of_file_for_a_rebooted_host_is_answered_with_a_reset(world: World) -> None:
    exchange = Exchange(world, keep_open=True)
    exchange.dial()
    exchange.server_host.crash()
    exchange.server_host.boot()
    exchange.client.transport.write_eof()
    exchange.wait(1)
    assert exchange.client.errno == errno.ECONNRESET


def test_a_dial_dies_with_its_host(world: World) -> None:
    exchange = Exchange(world)

    async def main() -> None:
        await asyncio.open_connection("server", 80)

    exchange.client_host.start(main)
    exchange.wait(0.01)
    exchange.client_host.crash()
    exchange.client_host.boot()
    exchange.wait(200)
    assert not hasattr(exchange, "server")
    assert exchange.server_host.connections == {}


def test_a_dial_to_a_dead_host_times_out_and_to_a_rebooted_one_is_refused(world: World) -> None:
    exchange = Exchange(world)
    exchange.server_host.crash()
    exchange.dial(wait=128)
    assert exchange.dialled.value.errno == errno.ETIMEDOUT
    exchange.server_host.boot()
    exchange.dial()
    assert exchange.dialled.value.errno == errno.ECONNREFUSED
    exchange.listen()
    exchange.dial()
    assert exchange.dialled.ok


def test_what_a_host_is_not_is_refused(world: World) -> None:
    host = world.host("host")
    with pytest.raises(ValueError, match="is running, not off"):
        host.boot()
    with pytest.raises(ValueError, match="is running, not paused"):
        host.resume()
    host.pause()
    with pytest.raises(ValueError, match="is paused, not running"):
        host.pause()
    host.crash()
    for act in (host.crash, host.pause, host.resume, host.reconnect):
        with pytest.raises(ValueError, match="is off"):
            act()
    coroutines: list[Any] = []
    with pytest.raises(ValueError, match="is off"):
        host.start(lambda: coroutines.append(None))  # type: ignore[arg-type,return-value]
    assert coroutines == []


def test_the_trace_tells_of_power_and_pauses(world: World) -> None:
    host = world.host("host")
    events = world.trace.keep()
    host.pause()
    host.resume()
    host.crash()
    host.boot()
    assert [event["kind"] for event in events] == [
        "host.paused",
        "host.resumed",
        "host.crashed",
        "host.booted",
    ]


def test_a_second_life_is_like_the_first(world: World) -> None:
    served: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        served.append(request.path)
        return web.Response(text="served")

    site = site_of(world, web.get("/{name}", handler))

    async def ask(name: str) -> str:
        async with aiohttp.ClientSession() as session, session.get(f"http://site/{name}") as answer:
            return await answer.text()

    assert world.run(lambda: ask("one")) == "served"
    site.crash()
    wait(world, 10)
    site.boot()

    async def again() -> None:
        application = web.Application()
        application.add_routes([web.get("/{name}", handler)])
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, port=80).start()

    site.start(again)
    wait(world, 1)
    assert world.run(lambda: ask("two")) == "served"
    assert served == ["/one", "/two"]
