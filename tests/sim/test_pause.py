"""A host whose processes are stopped, and a host whose clock is wrong."""

import asyncio
import time
from collections.abc import Iterator

import pytest

from sim.net.faults import Latency
from sim.world import World
from tests.sim.net.exchange import LATENCY, Exchange, Told


@pytest.fixture
def world() -> Iterator[World]:
    with World(seed=5) as world:
        yield world


def wait(world: World, seconds: float) -> None:
    world.run_until(world.env.now + seconds)


def test_timers_that_came_due_run_when_it_goes_on_in_their_order(world: World) -> None:
    host = world.host("host")
    ran: list[tuple[str, float]] = []
    start = world.env.now

    async def sleeper(name: str, seconds: float) -> None:
        await asyncio.sleep(seconds)
        ran.append((name, round(world.env.now - start, 6)))

    for name, seconds in (("late", 20.0), ("second", 4.0), ("first", 3.0), ("early", 1.0)):
        host.start(lambda name=name, seconds=seconds: sleeper(name, seconds))
    wait(world, 2)
    host.pause()
    wait(world, 8)
    assert ran == [("early", 1.0)]
    host.resume()
    wait(world, 20)
    assert ran == [("early", 1.0), ("first", 10.0), ("second", 10.0), ("late", 20.0)]


def test_its_kernel_acknowledges_and_buffers_what_its_code_reads_later(world: World) -> None:
    exchange = Exchange(world)
    exchange.dial()
    exchange.server_host.pause()
    exchange.client.transport.write(b"one ")
    exchange.wait(1)
    exchange.client.transport.write(b"two")
    exchange.client.transport.write_eof()
    exchange.wait(2_000)
    assert exchange.server.arrivals == []
    assert exchange.server.ended_at is None
    assert exchange.client.lost_at is None
    resumed_at = world.env.now
    exchange.server_host.resume()
    exchange.wait(0.001)
    assert exchange.server.received == b"one two"
    assert exchange.server.ended_at == resumed_at


def test_a_full_window_pauses_the_writer_until_it_goes_on(world: World) -> None:
    exchange = Exchange(world)
    exchange.dial()
    exchange.server_host.pause()
    data = bytes(1_000_000)
    exchange.client.transport.write(data)
    exchange.wait(100)
    assert exchange.client.transport.get_write_buffer_size() > 0
    exchange.server_host.resume()
    exchange.wait(100)
    assert exchange.server.received == data


def test_a_writer_that_is_paused_itself_hears_later_that_it_may_go_on(world: World) -> None:
    resumed: list[float] = []

    class Writer(Told):
        def pause_writing(self) -> None:
            pass

        def resume_writing(self) -> None:
            resumed.append(self.world.env.now)

    exchange = Exchange(world)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_connection(lambda: Writer(world), "server", 80)
        await asyncio.sleep(1)
        exchange.server.transport.pause_reading()
        transport.write(bytes(500_000))
        await asyncio.sleep(1_000)

    exchange.client_host.start(main)
    exchange.wait(3)
    exchange.client_host.pause()
    exchange.server.transport.resume_reading()
    exchange.wait(10)
    assert resumed == []
    exchange.client_host.resume()
    exchange.wait(0)
    assert resumed == [world.env.now]


def test_a_pause_does_not_wake_who_had_stopped_reading(world: World) -> None:
    exchange = Exchange(world)
    exchange.dial()
    exchange.server.transport.pause_reading()
    exchange.server_host.pause()
    exchange.client.transport.write(b"later")
    exchange.wait(1)
    exchange.server_host.resume()
    exchange.wait(1)
    assert exchange.server.arrivals == []
    exchange.server.transport.resume_reading()
    exchange.wait(0)
    assert exchange.server.received == b"later"


def test_a_host_that_is_paused_when_the_world_ends_ends_with_it() -> None:
    ended: list[str] = []

    async def main() -> None:
        try:
            await asyncio.sleep(100)
        finally:
            ended.append("cleaned up")

    with World(seed=5) as world:
        host = world.host("host")
        host.start(main)
        wait(world, 1)
        host.pause()
    assert ended == ["cleaned up"]


def test_a_paused_host_may_lose_its_power(world: World) -> None:
    exchange = Exchange(world)
    exchange.dial()
    exchange.client.transport.write(b"x")
    exchange.server_host.pause()
    exchange.wait(1)
    exchange.server_host.crash()
    exchange.server_host.boot()
    exchange.wait(1)
    assert exchange.server.arrivals == []


def test_other_links_delay_what_a_resumed_host_is_sent(world: World) -> None:
    exchange = Exchange(world)
    exchange.dial()
    world.faults.add(Latency(between=("client", "server"), latency=1.0))
    exchange.server_host.pause()
    start = world.env.now
    exchange.client.transport.write(b"x")
    exchange.wait(0.5)
    exchange.server_host.resume()
    exchange.wait(5)
    assert exchange.server.arrivals[0][0] == pytest.approx(start + 1 + LATENCY)


def clock(world: World, name: str) -> float:
    """How far the host's calendar clock is ahead, in seconds."""

    async def read() -> float:
        assert time.monotonic() == world.env.now
        assert time.time_ns() == pytest.approx(time.time() * 1e9, abs=1e4)
        return time.time()

    shown: float = world.loop.run_until_complete(world.hosts[name].start(read))
    return round(shown - world.epoch - world.env.now, 6)


def test_a_clock_is_wrong_on_its_host_only_and_for_as_long_as_it_is(world: World) -> None:
    wrong, right = world.host("wrong"), world.host("right")
    wrong.set_clock(offset=-3600.0, drift=0.01)
    assert (clock(world, "wrong"), clock(world, "right")) == (-3600.0, 0.0)
    wait(world, 100)
    assert (clock(world, "wrong"), clock(world, "right")) == (-3599.0, 0.0)
    wrong.crash()
    wrong.boot()
    assert clock(world, "wrong") == -3599.0  # it is kept by a battery
    wrong.set_clock()
    assert clock(world, wrong.name) == clock(world, right.name) == 0.0
