"""What a sender can ask its kernel about the bytes that it has written."""

import socket
import struct
from typing import Any

from sim.net.faults import Partition
from sim.net.links import Link
from sim.net.tcp_info import TCP_INFO
from sim.world import World
from tests.sim.net.exchange import Exchange
from tests.sim.net.test_network import connect, listen

LATENCY = 0.05


def progress(told: Any) -> tuple[int, int]:
    """(bytes sent, bytes acknowledged without SYN), read where Linux has them."""
    info = told.transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, TCP_INFO, 216)
    (acknowledged,) = struct.unpack_from("=Q", info, 120)
    (sent,) = struct.unpack_from("=Q", info, 200)
    return sent, acknowledged - 1


def test_bytes_are_acknowledged_when_they_have_arrived_whether_they_are_read_or_not() -> None:
    with World(seed=1) as world:
        site = world.host("site", link=Link(LATENCY / 2))
        accepted = listen(world, site)
        told = connect(world, world.host("phone", link=Link(LATENCY / 2)))
        world.run_until(world.env.now + 1)
        accepted[0].transport.pause_reading()
        told.transport.write(b"hello")
        assert progress(told) == (5, 0)
        world.run_until(world.env.now + 2 * LATENCY)
        assert accepted[0].received == b""
        assert progress(told) == (5, 5)


def test_nothing_is_acknowledged_while_the_peer_is_off_the_network() -> None:
    with World(seed=1) as world:
        site = world.host("site", link=Link(LATENCY / 2))
        listen(world, site)
        told = connect(world, world.host("phone", link=Link(LATENCY / 2)))
        told.transport.write(b"before")
        world.run_until(world.env.now + 1)
        site.disconnect()
        told.transport.write(b"after")
        world.run_until(world.env.now + 10)
        assert progress(told) == (11, 6)
        site.reconnect()
        world.run_until(world.env.now + 30)
        assert progress(told) == (11, 11)


def test_what_arrived_counts_only_when_its_acknowledgement_can_come_back() -> None:
    with World(seed=1) as world:
        exchange = Exchange(world)
        exchange.dial()
        with world.faults.during(Partition(between=("client", "server"), direction="upstream")):
            exchange.server.transport.write(b"heard")
            exchange.wait(1)
            assert exchange.client.received == b"heard"
            sent, acknowledged = progress(exchange.server)
            assert acknowledged < sent == 5
        exchange.wait(10)
        assert progress(exchange.server) == (5, 5)
