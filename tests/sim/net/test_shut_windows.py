"""A peer that does not read shuts its window: who notices when nobody is there any more."""

import errno
import socket
from collections.abc import Iterator

import pytest

from sim.net.faults import Partition
from sim.net.rules import Kind
from sim.net.socket_timeouts import TCP_USER_TIMEOUT
from sim.net.taps import TappedSegment
from sim.net.transport import RECEIVE_WINDOW
from sim.world import World
from tests.sim.net.exchange import Exchange

MUCH = bytes(2 * RECEIVE_WINDOW)

MORE_THAN_ENOUGH = 2_000
"""Seconds in which fifteen probes find out."""


@pytest.fixture
def world() -> Iterator[World]:
    with World(seed=5) as world:
        yield world


def shut(world: World) -> Exchange:
    """A connection whose client has more to send than the server's window takes."""
    exchange = Exchange(world)
    exchange.dial()
    exchange.server.transport.pause_reading()
    exchange.client.transport.write(MUCH)
    exchange.wait(1)
    assert exchange.client.transport.get_write_buffer_size() == RECEIVE_WINDOW
    return exchange


def test_a_peer_that_is_there_may_stay_silent_for_days(world: World) -> None:
    exchange = shut(world)
    exchange.wait(1_000_000)
    assert exchange.client.lost_at is None
    exchange.server.transport.resume_reading()
    exchange.wait(1)
    assert exchange.server.received == MUCH


def test_a_shut_window_costs_nothing_while_nothing_can_be_wrong(world: World) -> None:
    exchange = Exchange(world)
    exchange.dial()
    exchange.server.transport.pause_reading()
    exchange.client.transport.write(MUCH)
    exchange.wait(1)
    assert len(world.env._queue) == 0


def test_probes_find_out_that_the_path_is_silent(world: World) -> None:
    exchange = shut(world)
    exchange.server_host.disconnect()
    silent = world.env.now
    exchange.wait(MORE_THAN_ENOUGH)
    assert exchange.client.errno == errno.ETIMEDOUT
    # Fifteen probes from 1.4 s after the window was shut, in the end two minutes from each other.
    assert exchange.client.lost_at == pytest.approx(silent - 1 + 1_164.6, abs=0.1)
    assert exchange.server.lost_at is None


def test_probes_find_out_that_the_peer_has_lost_its_power(world: World) -> None:
    exchange = shut(world)
    exchange.server_host.crash()
    exchange.wait(MORE_THAN_ENOUGH)
    assert exchange.client.errno == errno.ETIMEDOUT


def test_a_probe_finds_out_that_the_peer_was_rebooted(world: World) -> None:
    exchange = shut(world)
    exchange.server_host.crash()
    exchange.server_host.boot()
    exchange.wait(130)
    assert exchange.client.errno == errno.ECONNRESET


@pytest.mark.parametrize("direction", ["upstream", "downstream"])
def test_a_partition_of_one_direction_is_found_out_too(world: World, direction: object) -> None:
    exchange = shut(world)
    world.faults.add(
        Partition(between=("client", "server"), direction=direction)  # type: ignore[arg-type]
    )
    exchange.wait(MORE_THAN_ENOUGH)
    assert exchange.client.errno == errno.ETIMEDOUT


def test_a_window_that_was_shut_during_a_partition_is_probed_as_well(world: World) -> None:
    exchange = Exchange(world)
    exchange.dial()
    exchange.server.transport.pause_reading()
    exchange.client.transport.write(MUCH[:RECEIVE_WINDOW])
    exchange.wait(1)
    world.faults.add(Partition(between=("client", "server")))
    exchange.client.transport.write(b"more")
    exchange.wait(MORE_THAN_ENOUGH)
    assert exchange.client.errno == errno.ETIMEDOUT


def test_probes_that_are_answered_keep_the_connection(world: World) -> None:
    exchange = shut(world)
    told: list[TappedSegment] = []
    partition = Partition(between=("client", "elsewhere"))
    world.host("elsewhere")
    world.network.taps.add(told.append)
    world.faults.add(partition)
    exchange.wait(10_000)
    assert exchange.client.lost_at is None
    assert {segment.kind for segment in told} == {Kind.PROBE, Kind.PROBE_ACK}
    assert 70 <= len(told) / 2 <= 95  # soon every two minutes


def test_the_news_that_the_window_is_open_does_not_cross_a_partition(world: World) -> None:
    exchange = shut(world)
    partition = world.faults.add(Partition(between=("client", "server")))
    exchange.server.transport.resume_reading()
    exchange.wait(100)
    assert exchange.server.received == MUCH[:RECEIVE_WINDOW]
    assert exchange.client.transport.get_write_buffer_size() == RECEIVE_WINDOW
    partition.remove()
    exchange.wait(130)  # the next probe asks
    assert exchange.server.received == MUCH
    assert exchange.client.lost_at is None


def test_a_user_timeout_ends_it_even_if_the_peer_is_there(world: World) -> None:
    exchange = Exchange(world)
    exchange.dial()
    exchange.socket(exchange.client).setsockopt(socket.IPPROTO_TCP, TCP_USER_TIMEOUT, 30_000)
    exchange.server.transport.pause_reading()
    exchange.client.transport.write(MUCH)
    since = world.env.now
    exchange.wait(40)
    assert exchange.client.errno == errno.ETIMEDOUT
    assert exchange.client.lost_at == since + 30


def test_a_user_timeout_that_is_set_later_counts_from_when_the_window_shut(world: World) -> None:
    exchange = shut(world)
    since = world.env.now - 1
    exchange.socket(exchange.client).setsockopt(socket.IPPROTO_TCP, TCP_USER_TIMEOUT, 30_000)
    exchange.wait(40)
    assert exchange.client.lost_at == pytest.approx(since + 30)


def test_a_window_that_opens_in_time_stops_the_user_timeout(world: World) -> None:
    exchange = Exchange(world)
    exchange.dial()
    exchange.socket(exchange.client).setsockopt(socket.IPPROTO_TCP, TCP_USER_TIMEOUT, 30_000)
    exchange.server.transport.pause_reading()
    exchange.client.transport.write(MUCH)
    exchange.wait(29)
    exchange.server.transport.resume_reading()
    exchange.wait(100)
    assert exchange.server.received == MUCH
    assert exchange.client.lost_at is None


def test_a_user_timeout_does_not_end_a_connection_whose_peer_reads_slowly(world: World) -> None:
    exchange = Exchange(world)
    exchange.dial()
    exchange.socket(exchange.client).setsockopt(socket.IPPROTO_TCP, TCP_USER_TIMEOUT, 3_000)
    exchange.server.transport.pause_reading()
    exchange.client.transport.write(bytes(40 * RECEIVE_WINDOW))
    for _ in range(20):
        exchange.wait(1)
        exchange.server.transport.resume_reading()
        exchange.wait(0.2)
        exchange.server.transport.pause_reading()
    assert exchange.client.lost_at is None
    assert len(exchange.server.received) > 10 * RECEIVE_WINDOW


def test_a_user_timeout_holds_while_what_was_sent_is_sent_again(world: World) -> None:
    exchange = Exchange(world)
    exchange.dial()
    exchange.socket(exchange.client).setsockopt(socket.IPPROTO_TCP, TCP_USER_TIMEOUT, 30_000)
    exchange.client.transport.write(MUCH)
    exchange.server_host.disconnect()
    since = world.env.now
    exchange.wait(60)
    assert exchange.client.errno == errno.ETIMEDOUT
    assert exchange.client.lost_at == pytest.approx(since + 30, abs=0.1)
