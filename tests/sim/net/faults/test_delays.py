"""Faults that make a path slow: later, never out of order, never with a gap."""

from collections.abc import Iterator

import pytest

from sim.net.faults import Bandwidth, Jitter, Latency, Slicer, SlowClose
from sim.net.shaping import HEADER
from sim.world import World
from tests.sim.net.exchange import LATENCY, Exchange

BETWEEN = ("client", "server")


@pytest.fixture
def world() -> Iterator[World]:
    with World(seed=5) as world:
        yield world


def travel_times(exchange: Exchange, data: bytes = b"x") -> tuple[float, float]:
    """Seconds that bytes take from the client to the server, and back."""
    start = exchange.world.env.now
    exchange.client.transport.write(data)
    exchange.server.transport.write(data)
    exchange.wait(30)
    return exchange.server.arrivals[-1][0] - start, exchange.client.arrivals[-1][0] - start


def test_latency_comes_on_top_in_the_direction_asked_for(world: World) -> None:
    exchange = Exchange(world)
    exchange.dial()
    fault = Latency(between=BETWEEN, direction="upstream", latency=0.2)
    with world.faults.during(fault):
        assert travel_times(exchange) == pytest.approx((LATENCY + 0.2, LATENCY))
    assert travel_times(exchange) == pytest.approx((LATENCY, LATENCY))
    assert fault.fired == 1


def test_downstream_is_what_the_second_host_sends_whoever_dialled(world: World) -> None:
    exchange = Exchange(world)
    exchange.dial()
    world.faults.add(Latency(between=("server", "client"), direction="downstream", latency=0.2))
    assert travel_times(exchange) == pytest.approx((LATENCY + 0.2, LATENCY))


def test_a_handshake_is_late_as_well(world: World) -> None:
    exchange = Exchange(world)
    world.faults.add(Latency(between=BETWEEN, latency=0.2))
    exchange.dial(wait=2 * (LATENCY + 0.2) - 0.001)
    assert not exchange.dialled.triggered
    exchange.wait(0.002)
    assert exchange.dialled.triggered


def test_jitter_varies_and_keeps_the_order(world: World) -> None:
    exchange = Exchange(world)
    exchange.dial()
    fault = Jitter(between=BETWEEN, jitter=0.5)
    world.faults.add(fault)
    sent = []
    for number in range(50):
        exchange.client.transport.write(bytes([number]))
        sent.append(world.env.now)
        exchange.wait(0.05)
    exchange.wait(1)
    assert exchange.server.received == bytes(range(50))
    times = [at for at, _ in exchange.server.arrivals]
    delays = [at - start - LATENCY for at, start in zip(times, sent, strict=True)]
    assert all(-1e-9 <= delay <= 0.5 for delay in delays)
    assert len({round(delay, 6) for delay in delays}) > 10
    assert times == sorted(times)


def test_bandwidth_is_shared_by_the_connections_of_the_path(world: World) -> None:
    exchange = Exchange(world)
    exchange.dial()
    first, first_server = exchange.client, exchange.server
    exchange.dial()
    fault = Bandwidth(between=BETWEEN, rate=1000.0)
    world.faults.add(fault)
    start = world.env.now
    first.transport.write(bytes(1000 - HEADER))
    exchange.client.transport.write(bytes(1000 - HEADER))
    exchange.wait(10)
    assert first_server.arrivals[0][0] - start == pytest.approx(1 + LATENCY)
    assert exchange.server.arrivals[0][0] - start == pytest.approx(2 + LATENCY)
    assert fault.fired == 2


def test_slow_close_delays_the_end_and_not_the_bytes(world: World) -> None:
    exchange = Exchange(world, keep_open=True)
    exchange.dial()
    world.faults.add(SlowClose(between=BETWEEN, delay=3.0))
    start = world.env.now
    exchange.client.transport.write(b"last words")
    exchange.client.transport.write_eof()
    exchange.wait(10)
    assert exchange.server.arrivals == [(pytest.approx(start + LATENCY), b"last words")]
    assert exchange.server.ended_at == pytest.approx(start + LATENCY + 3)


def test_a_slicer_delivers_everything_in_slices(world: World) -> None:
    exchange = Exchange(world)
    exchange.dial()
    fault = Slicer(between=BETWEEN, average_size=100, size_variation=20, delay=0.01)
    world.faults.add(fault)
    data = bytes(range(250)) * 4
    exchange.client.transport.write(data)
    exchange.client.transport.write(b"and more")
    exchange.wait(10)
    assert exchange.server.received == data + b"and more"
    sizes = [len(piece) for _, piece in exchange.server.arrivals[:-2]]
    assert all(80 <= size <= 120 for size in sizes)
    assert len(set(sizes)) > 1
    times = [at for at, _ in exchange.server.arrivals]
    assert times[1] - times[0] == pytest.approx(0.01)
    assert fault.fired == 1


def test_faults_add_up(world: World) -> None:
    exchange = Exchange(world)
    exchange.dial()
    for seconds in (0.1, 0.2):
        world.faults.add(Latency(between=(None, "server"), direction="upstream", latency=seconds))
    assert travel_times(exchange)[0] == pytest.approx(LATENCY + 0.3)
