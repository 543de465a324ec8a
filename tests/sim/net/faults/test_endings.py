"""Faults that end connections: whom they end, and how each end learns of it."""

import errno
from collections.abc import Iterator

import pytest

from sim.net.faults import Down, LimitData, ResetPeer, Timeout
from sim.net.rules import Drop, Kind, Packet, Verdict
from sim.world import World
from tests.sim.net.exchange import LATENCY, Exchange, Told

BETWEEN = ("client", "server")


@pytest.fixture
def world() -> Iterator[World]:
    with World(seed=5) as world:
        yield world


def test_down_resets_what_is_connected_and_refuses_what_comes(world: World) -> None:
    exchange = Exchange(world)
    exchange.dial()
    fault = Down(between=BETWEEN)
    with world.faults.during(fault):
        exchange.wait(1)
        assert exchange.client.errno == exchange.server.errno == errno.ECONNRESET
        assert exchange.client_host.connections == exchange.server_host.connections == {}
        exchange.dial()
        assert exchange.dialled.value.errno == errno.ECONNREFUSED
        assert fault.fired == 2
    exchange.dial()
    assert exchange.dialled.ok


def test_reset_peer_resets_connections_old_and_new_after_its_timeout(world: World) -> None:
    exchange = Exchange(world)
    exchange.dial()
    old = exchange.client
    start = world.env.now
    world.faults.add(ResetPeer(between=BETWEEN, timeout=5.0))
    exchange.wait(2)
    exchange.dial(wait=2)
    assert old.lost_at is None
    exchange.wait(10)
    assert old.lost_at == pytest.approx(start + 5 + LATENCY)
    assert exchange.client.lost_at == pytest.approx(start + 2 + 2 * LATENCY + 5 + LATENCY)
    assert exchange.client.errno == exchange.server.errno == errno.ECONNRESET


def test_reset_peer_at_once_ends_a_connection_before_anybody_accepts_it(world: World) -> None:
    exchange = Exchange(world)
    fault = ResetPeer(between=BETWEEN)
    world.faults.add(fault)
    exchange.dial()
    assert exchange.client.errno == errno.ECONNRESET
    assert fault.fired == 1
    assert exchange.client_host.connections == exchange.server_host.connections == {}


class LosesTheFirst:
    """A rule that drops one packet of a kind."""

    def __init__(self, kind: Kind) -> None:
        self.kind: Kind | None = kind

    def judge(self, packet: Packet) -> Verdict | None:
        if packet.kind is not self.kind:
            return None
        self.kind = None
        return Drop()


def test_nobody_accepts_a_connection_that_was_reset_meanwhile(world: World) -> None:
    exchange = Exchange(world)
    world.faults.add(ResetPeer(between=BETWEEN, timeout=0.3))
    world.network.rules.add(LosesTheFirst(Kind.ACK))
    exchange.client_host.connect("server", 80, lambda: Told(world)).defused = True
    exchange.wait(10)
    assert not hasattr(exchange, "server")
    assert exchange.client_host.connections == exchange.server_host.connections == {}


def test_a_connection_is_accepted_when_the_handshake_is_complete_at_last(world: World) -> None:
    exchange = Exchange(world)
    world.network.rules.add(LosesTheFirst(Kind.ACK))
    start = world.env.now
    exchange.dial(wait=0.5)
    assert exchange.dialled.ok
    assert not hasattr(exchange, "server")
    exchange.wait(1)
    assert exchange.server.transport is not None
    assert world.env.now - start < 2


def test_timeout_swallows_bytes_and_then_resets(world: World) -> None:
    exchange = Exchange(world)
    exchange.dial()
    world.faults.add(Timeout(between=BETWEEN, timeout=5.0))
    exchange.client.transport.write(b"swallowed")
    exchange.wait(4.9)
    assert exchange.client.lost_at is exchange.server.lost_at is None
    exchange.wait(1)
    assert exchange.client.errno == exchange.server.errno == errno.ECONNRESET
    assert exchange.server.arrivals == []


def test_a_timeout_of_zero_waits_until_it_is_removed(world: World) -> None:
    exchange = Exchange(world)
    exchange.dial()
    with world.faults.during(Timeout(between=BETWEEN, direction="upstream")):
        exchange.client.transport.write(b"later")
        exchange.server.transport.write(b"now")
        exchange.wait(60)
        assert exchange.server.received == b""
        assert exchange.client.received == b"now"
    exchange.wait(60)
    assert exchange.server.received == b"later"


def test_a_fault_that_was_removed_resets_nobody(world: World) -> None:
    exchange = Exchange(world)
    exchange.dial()
    world.faults.add(ResetPeer(between=BETWEEN, timeout=5.0)).remove()
    exchange.wait(10)
    assert exchange.client.lost_at is None


def test_limit_data_delivers_so_many_bytes_and_closes_both_ends(world: World) -> None:
    exchange = Exchange(world, keep_open=True)
    exchange.dial()
    fault = LimitData(between=BETWEEN, direction="downstream", bytes=10)
    world.faults.add(fault)
    exchange.server.transport.write(b"0123456")
    exchange.wait(1)
    assert exchange.client.ended_at is None
    exchange.server.transport.write(b"789 and this is too much")
    exchange.wait(1)
    assert exchange.client.received == b"0123456789"
    assert exchange.client.ended_at is not None
    assert exchange.server.ended_at is not None
    assert fault.fired == 1
    for _ in range(2):  # the answer to the first is noticed at the second
        exchange.client.transport.write(b"anybody?")
        exchange.server.transport.write(b"anybody?")
        exchange.wait(1)
    assert exchange.client.errno == exchange.server.errno == errno.EPIPE


def test_limit_data_counts_each_connection_by_itself(world: World) -> None:
    exchange = Exchange(world)
    world.faults.add(LimitData(between=BETWEEN, bytes=10))
    for _ in range(3):
        exchange.dial()
        exchange.client.transport.write(b"123456789")
        exchange.wait(1)
        assert exchange.server.received == b"123456789"
        assert exchange.client.lost_at is None
