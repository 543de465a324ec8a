"""Loss on a stream is delay, then a timeout; never a gap."""

import errno
from collections.abc import Iterator

import pytest

from sim.net.faults import Loss, Partition
from sim.world import World
from tests.sim.net.exchange import LATENCY, Exchange

BETWEEN = ("client", "server")


@pytest.fixture
def world() -> Iterator[World]:
    with World(seed=5) as world:
        yield world


def test_what_is_lost_comes_later_and_everything_in_order(world: World) -> None:
    exchange = Exchange(world)
    exchange.dial()
    fault = Loss(between=BETWEEN, share=0.3)
    world.faults.add(fault)
    for number in range(100):
        exchange.client.transport.write(bytes([number]))
        exchange.wait(0.02)
    exchange.wait(30)
    assert exchange.server.received == bytes(range(100))
    assert fault.fired > 5


def test_a_partition_is_silent_until_the_retry_limit(world: World) -> None:
    exchange = Exchange(world)
    exchange.dial()
    world.faults.add(Partition(between=BETWEEN))
    exchange.client.transport.write(b"into the dark")
    exchange.wait(924)
    assert exchange.client.lost_at is None
    exchange.wait(2)
    assert exchange.client.errno == errno.ETIMEDOUT
    assert exchange.server.arrivals == []
    assert exchange.server.lost_at is None  # half open: it said nothing, so it learns nothing


def test_a_partition_that_heals_delivers_what_was_sent(world: World) -> None:
    exchange = Exchange(world)
    exchange.dial()
    with world.faults.during(Partition(between=BETWEEN)):
        exchange.client.transport.write(b"patience, ")
        exchange.wait(20)
        exchange.client.transport.write(b"patience")
        exchange.wait(20)
        assert exchange.server.arrivals == []
    exchange.wait(60)
    assert exchange.server.received == b"patience, patience"
    assert exchange.client.lost_at is None


def test_against_a_one_way_partition_bytes_arrive_once_but_their_sender_gives_up(
    world: World,
) -> None:
    exchange = Exchange(world)
    exchange.dial()
    world.faults.add(Partition(between=BETWEEN, direction="upstream"))
    start = world.env.now
    exchange.server.transport.write(b"heard")
    exchange.wait(1)
    exchange.server.transport.write(b", but not acknowledged")
    exchange.wait(1000)
    assert exchange.client.arrivals == [(pytest.approx(start + LATENCY), b"heard")]
    assert exchange.server.errno == errno.ETIMEDOUT
    assert exchange.client.lost_at is None


def test_a_one_way_partition_that_heals_loses_and_doubles_nothing(world: World) -> None:
    exchange = Exchange(world)
    exchange.dial()
    with world.faults.during(Partition(between=BETWEEN, direction="upstream")):
        exchange.server.transport.write(b"one ")
        exchange.client.transport.write(b"three ")
        exchange.wait(5)
        exchange.server.transport.write(b"two")
        exchange.client.transport.write(b"four")
        exchange.wait(5)
    exchange.wait(30)
    assert exchange.client.received == b"one two"
    assert exchange.server.received == b"three four"
    assert exchange.client.lost_at is exchange.server.lost_at is None


@pytest.mark.parametrize("direction", ["both", "upstream", "downstream"])
def test_a_dial_through_a_partition_times_out_after_127_seconds(
    world: World, direction: object
) -> None:
    exchange = Exchange(world)
    world.faults.add(Partition(between=BETWEEN, direction=direction))  # type: ignore[arg-type]
    start = world.env.now
    exchange.dial(wait=126.9)
    assert not exchange.dialled.triggered
    exchange.wait(0.2)
    assert not exchange.dialled.ok
    assert exchange.dialled.value.errno == errno.ETIMEDOUT
    assert world.env.now - start < 127.2


def test_a_dial_gets_through_when_the_partition_heals(world: World) -> None:
    exchange = Exchange(world)
    with world.faults.during(Partition(between=BETWEEN)):
        exchange.dial(wait=2)
    exchange.wait(1.5)  # SYN is sent again after 1 and 3 s
    assert exchange.dialled.triggered
    assert exchange.dialled.ok


def test_a_reset_that_a_partition_swallows_leaves_the_other_end_half_open(world: World) -> None:
    exchange = Exchange(world)
    exchange.dial()
    with world.faults.during(Partition(between=BETWEEN)):
        exchange.client.transport.pause_reading()
        [end] = exchange.client_host.connections.values()
        end.send_reset()
        end.forget()
        exchange.wait(1)
    exchange.wait(1000)
    assert exchange.server.lost_at is None
    exchange.server.transport.write(b"still there?")
    exchange.wait(1)
    assert exchange.server.errno == errno.ECONNRESET
