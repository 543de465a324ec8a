"""SO_KEEPALIVE and TCP_USER_TIMEOUT: who notices that nobody is there, and when."""

import errno
import socket
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.net.faults import Latency, Partition
from sim.net.rules import Kind
from sim.net.socket_timeouts import (
    TCP_KEEPCNT,
    TCP_KEEPIDLE,
    TCP_KEEPINTVL,
    TCP_USER_TIMEOUT,
    SocketTimeouts,
    timeouts_of,
)
from sim.net.taps import TappedSegment
from sim.world import World
from tests.sim.net.exchange import LATENCY, Exchange, Told

TCP = socket.IPPROTO_TCP


@pytest.fixture
def world() -> Iterator[World]:
    with World(seed=5) as world:
        yield world


def keep_alive(exchange: Exchange, end: Told, *, idle: int, interval: int, count: int) -> None:
    its_socket = exchange.socket(end)
    its_socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (
        (TCP_KEEPIDLE, idle),
        (TCP_KEEPINTVL, interval),
        (TCP_KEEPCNT, count),
    ):
        its_socket.setsockopt(TCP, option, value)


@given(
    st.dictionaries(
        st.sampled_from([TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT, TCP_USER_TIMEOUT]),
        st.integers(1, 100_000),
    ),
    st.booleans(),
)
def test_options_are_read_as_the_kernel_reads_them(values: dict[int, int], on: bool) -> None:
    options = (
        (socket.SOL_SOCKET, socket.SO_KEEPALIVE, int(on)),
        *((int(TCP), option, value) for option, value in values.items()),
    )
    timeouts = timeouts_of(options)
    assert timeouts.keepalive is on
    assert timeouts.idle == values.get(TCP_KEEPIDLE, 7_200)
    assert timeouts.interval == values.get(TCP_KEEPINTVL, 75)
    assert timeouts.count == values.get(TCP_KEEPCNT, 9)
    limit = values.get(TCP_USER_TIMEOUT)
    assert timeouts.user_timeout == (None if limit is None else limit / 1_000)


def test_without_options_there_is_no_keepalive() -> None:
    assert timeouts_of(()) == SocketTimeouts()
    assert not SocketTimeouts().keepalive


def test_nobody_notices_a_silent_peer_without_keepalive(world: World) -> None:
    exchange = Exchange(world)
    exchange.dial()
    exchange.server_host.disconnect()
    exchange.wait(100_000)
    assert exchange.client.lost_at is None


def test_keepalive_notices_after_idle_time_and_all_probes(world: World) -> None:
    exchange = Exchange(world)
    exchange.dial()
    keep_alive(exchange, exchange.client, idle=60, interval=10, count=3)
    exchange.client.transport.write(b"last sound")
    heard = world.env.now + LATENCY
    exchange.wait(5)
    exchange.server_host.disconnect()
    exchange.wait(200)
    assert exchange.client.errno == errno.ETIMEDOUT
    assert exchange.client.lost_at == pytest.approx(heard + 60 + 3 * 10)


def test_linux_defaults_take_two_hours_and_eleven_minutes(world: World) -> None:
    exchange = Exchange(world)
    exchange.dial()
    exchange.socket(exchange.client).setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    established = world.env.now - 1 + 3 * LATENCY
    exchange.server_host.crash()
    exchange.wait(10_000)
    assert exchange.client.lost_at == pytest.approx(established + 7_200 + 9 * 75)


def test_keepalive_that_is_asked_for_while_the_peer_is_away_works_as_well(world: World) -> None:
    exchange = Exchange(world)
    exchange.dial()
    exchange.server_host.disconnect()
    keep_alive(exchange, exchange.client, idle=60, interval=10, count=3)
    exchange.wait(100)
    assert exchange.client.errno == errno.ETIMEDOUT


def test_a_probe_finds_out_that_the_peer_was_rebooted(world: World) -> None:
    exchange = Exchange(world)
    exchange.dial()
    keep_alive(exchange, exchange.client, idle=60, interval=10, count=3)
    exchange.server_host.crash()
    exchange.server_host.boot()
    exchange.wait(70)
    assert exchange.client.errno == errno.ECONNRESET


def test_a_peer_that_comes_back_in_time_keeps_its_connection(world: World) -> None:
    exchange = Exchange(world)
    exchange.dial()
    keep_alive(exchange, exchange.client, idle=60, interval=10, count=3)
    exchange.server_host.disconnect()
    exchange.wait(75)  # two probes are lost
    exchange.server_host.reconnect()
    exchange.wait(1_000)
    exchange.client.transport.write(b"still here")
    exchange.wait(1)
    assert exchange.server.received == b"still here"


def test_there_are_no_probes_while_bytes_wait_for_acknowledgement(world: World) -> None:
    exchange = Exchange(world)
    exchange.dial()
    keep_alive(exchange, exchange.client, idle=1, interval=1, count=2)
    exchange.server_host.disconnect()
    start = world.env.now
    exchange.client.transport.write(b"anybody?")
    exchange.wait(2_000)
    assert exchange.client.errno == errno.ETIMEDOUT
    assert exchange.client.lost_at == pytest.approx(start + LATENCY + 924.6)


@pytest.mark.parametrize("direction", ["upstream", "downstream"])
def test_a_one_way_partition_is_noticed(world: World, direction: object) -> None:
    exchange = Exchange(world)
    exchange.dial()
    keep_alive(exchange, exchange.client, idle=60, interval=10, count=3)
    world.faults.add(
        Partition(between=("client", "server"), direction=direction)  # type: ignore[arg-type]
    )
    exchange.wait(100)
    assert exchange.client.errno == errno.ETIMEDOUT


def test_probes_are_answered_while_all_is_well(world: World) -> None:
    exchange = Exchange(world)
    told: list[TappedSegment] = []
    exchange.dial()
    keep_alive(exchange, exchange.client, idle=60, interval=10, count=3)
    world.network.taps.add(told.append)
    world.faults.add(Latency(between=("client", "server"), latency=1.0))
    exchange.wait(1_000)
    assert exchange.client.lost_at is None
    assert {segment.kind for segment in told} == {Kind.PROBE, Kind.PROBE_ACK}
    assert 12 <= len(told) / 2 <= 17


def test_keepalive_costs_nothing_while_nothing_can_be_wrong(world: World) -> None:
    exchange = Exchange(world)
    exchange.dial()
    before = len(world.env._queue)
    keep_alive(exchange, exchange.client, idle=60, interval=10, count=3)
    assert len(world.env._queue) == before


def test_a_user_timeout_ends_the_wait_for_acknowledgement(world: World) -> None:
    exchange = Exchange(world)
    exchange.dial()
    exchange.socket(exchange.client).setsockopt(TCP, TCP_USER_TIMEOUT, 30_000)
    exchange.server_host.disconnect()
    start = world.env.now
    exchange.client.transport.write(b"anybody?")
    exchange.wait(100)
    assert exchange.client.errno == errno.ETIMEDOUT
    assert exchange.client.lost_at == pytest.approx(start + LATENCY + 30)


def test_a_user_timeout_overrides_the_number_of_probes(world: World) -> None:
    exchange = Exchange(world)
    exchange.dial()
    keep_alive(exchange, exchange.client, idle=10, interval=10, count=100)
    exchange.socket(exchange.client).setsockopt(TCP, TCP_USER_TIMEOUT, 45_000)
    exchange.server_host.disconnect()
    exchange.wait(100)
    assert exchange.client.errno == errno.ETIMEDOUT
