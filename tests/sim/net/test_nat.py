"""Hosts behind NAT, and hosts that change their address."""

import errno
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.net.links import LINKS
from sim.net.nat import NatTable
from sim.world import World
from tests.sim.net.exchange import Exchange


@pytest.fixture
def world() -> Iterator[World]:
    with World(seed=5) as world:
        yield world


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(0, 40), st.booleans()), max_size=40))
def test_the_table_knows_what_was_used_in_time_and_forgets_for_good(
    uses: list[tuple[int, int, bool]],
) -> None:
    table = NatTable(30.0)
    last: dict[int, int | None] = {}
    now = 0
    for connection, gap, opens in uses:
        now += gap
        if opens:
            table.open(connection, now)
            last[connection] = now
            continue
        used = last.get(connection)
        expected = used is not None and now - used <= 30
        assert table.use(connection, now) is expected
        last[connection] = now if expected else None


def test_a_connection_that_is_used_stays(world: World) -> None:
    exchange = Exchange(world)
    exchange.client_host.set_nat(60.0)
    exchange.dial()
    for number in range(10):
        (exchange.client if number % 2 else exchange.server).transport.write(b"x")
        exchange.wait(50)
    assert exchange.client.received == exchange.server.received == b"xxxxx"


def test_an_idle_connection_is_silent_from_outside(world: World) -> None:
    exchange = Exchange(world)
    exchange.client_host.set_nat(60.0)
    exchange.dial()
    exchange.wait(61)
    exchange.server.transport.write(b"never arrives")
    exchange.wait(1_000)
    assert exchange.client.arrivals == []
    assert exchange.client.lost_at is None
    assert exchange.server.errno == errno.ETIMEDOUT


def test_an_idle_connection_is_reset_when_the_host_speaks(world: World) -> None:
    exchange = Exchange(world)
    exchange.dial()
    exchange.client_host.set_nat(60.0)
    exchange.wait(61)
    exchange.client.transport.write(b"who is that?")
    exchange.wait(1)
    assert exchange.client.errno == errno.ECONNRESET
    assert exchange.server.arrivals == []
    assert exchange.server.lost_at is None  # half open


def test_a_new_connection_works_after_the_old_one_was_forgotten(world: World) -> None:
    exchange = Exchange(world)
    exchange.client_host.set_nat(60.0)
    exchange.dial()
    exchange.wait(61)
    exchange.dial()
    exchange.server.transport.write(b"hello again")
    exchange.wait(1)
    assert exchange.client.received == b"hello again"


def test_nobody_outside_reaches_a_host_behind_nat(world: World) -> None:
    exchange = Exchange(world)
    exchange.server_host.set_nat(60.0)
    exchange.dial(wait=130)
    assert exchange.dialled.value.errno == errno.ETIMEDOUT
    exchange.server_host.set_nat(None)
    exchange.dial()
    assert exchange.dialled.ok


def test_a_host_that_moves_leaves_its_connections_half_open(world: World) -> None:
    exchange = Exchange(world)
    exchange.dial()
    old, old_server = exchange.client, exchange.server
    before = exchange.client_host.address
    name = old.transport.get_extra_info("sockname")
    exchange.client_host.move(LINKS["cellular"])
    assert exchange.client_host.address != before
    assert old.transport.get_extra_info("sockname") == name
    assert old_server.transport.get_extra_info("peername") == name
    old.transport.write(b"from nowhere")
    old_server.transport.write(b"to nowhere")
    exchange.dial()
    assert exchange.server.transport.get_extra_info("peername")[0] == exchange.client_host.address
    exchange.client.transport.write(b"from here")
    exchange.wait(1)
    assert exchange.server.received == b"from here"
    exchange.wait(1_000)
    assert old.errno == old_server.errno == errno.ETIMEDOUT
    assert old.arrivals == old_server.arrivals == []


def test_a_dial_that_was_under_way_when_its_host_moved_times_out(world: World) -> None:
    exchange = Exchange(world)
    exchange.dial(wait=0.01)
    exchange.client_host.move(LINKS["cellular"])
    exchange.wait(128)
    assert exchange.dialled.value.errno == errno.ETIMEDOUT


def test_a_server_that_moves_is_found_by_its_name_and_not_by_its_old_address(world: World) -> None:
    exchange = Exchange(world)
    old = exchange.server_host.address
    exchange.server_host.move(LINKS["ethernet"])
    exchange.dial()
    assert exchange.dialled.ok
    event = exchange.client_host.connect(old, 80, lambda: exchange.client)
    event.defused = True
    exchange.wait(130)
    assert event.value.errno == errno.ETIMEDOUT
