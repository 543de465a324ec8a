"""The connections of server processes pass a proxy: delayed, reset, and met with silence."""

import asyncio
import select
import socket
from collections.abc import Generator
from typing import Any

import pytest
import simpy

from sim.kernel.bridge import as_event
from sim.live.hosts import LiveHost
from sim.live.world import LiveWorld
from sim.net.faults import Down, Latency, Partition

Story = Generator[simpy.Event, Any, Any]

pytestmark = pytest.mark.live


@pytest.fixture
def gateway(world: LiveWorld) -> LiveHost:
    return world.host("gateway")


def dial(world: LiveWorld, address: tuple[str, int]) -> simpy.Event:
    """Connect as another process would: an ordinary connection that knows nothing of hosts."""
    return as_event(world.env, world.loop.create_task(asyncio.open_connection(*address)))


def test_bytes_pass_and_the_end_does_too(world: LiveWorld, gateway: LiveHost, service: Any) -> None:
    def main() -> Story:
        reader, writer = yield dial(world, world.network.route(gateway, "service", 80))
        writer.write(b"hello")
        heard = yield as_event(world.env, world.loop.create_task(reader.readexactly(5)))
        writer.write_eof()
        rest = yield as_event(world.env, world.loop.create_task(reader.read()))
        writer.close()
        return heard, rest

    assert world.run(main()) == (b"HELLO", b"")


def test_a_route_is_one_address_for_all_who_ask(
    world: LiveWorld, gateway: LiveHost, service: Any
) -> None:
    world.network.alias("other.name", service.host)
    first = world.network.route(gateway, "service", 80)
    assert world.network.route(gateway, "other.name", 80) == first
    assert world.network.route(gateway, "service", 81) != first


def test_the_service_and_the_client_give_the_connection_the_same_name(
    world: LiveWorld, gateway: LiveHost, service: Any
) -> None:
    events = world.trace.keep()

    def main() -> Story:
        reader, writer = yield dial(world, world.network.route(gateway, "service", 80))
        writer.write(b"x")
        yield as_event(world.env, world.loop.create_task(reader.readexactly(1)))
        seen = service.connections[0].transport.get_extra_info("peername")
        world.trace.emit("vendor.connected", "service", peer=f"{seen[0]}:{seen[1]}")
        known = writer.get_extra_info("sockname")
        writer.close()
        return f"{known[0]}:{known[1]}"

    known = world.run(main())
    [connected] = [event for event in events if event["kind"] == "vendor.connected"]
    assert connected["peer"] == known


def test_a_port_where_nobody_listens_resets(
    world: LiveWorld, gateway: LiveHost, service: Any
) -> None:
    def main() -> Story:
        reader, writer = yield dial(world, world.network.route(gateway, "service", 81))
        reading = world.loop.create_task(reader.read())
        with pytest.raises(ConnectionResetError):
            yield as_event(world.env, reading)
        writer.close()

    world.run(main())


def test_faults_of_the_link_meet_the_process(
    world: LiveWorld, gateway: LiveHost, service: Any
) -> None:
    between: tuple[str | None, str | None] = ("gateway", "service")

    def main() -> Story:
        reader, writer = yield dial(world, world.network.route(gateway, "service", 80))
        with world.faults.during(Latency(between=between, latency=0.05)):
            start = world.env.now
            writer.write(b"x")
            yield as_event(world.env, world.loop.create_task(reader.readexactly(1)))
            assert world.env.now - start >= 0.1
        world.faults.add(Down(between=between))
        with pytest.raises(ConnectionResetError):
            yield as_event(world.env, world.loop.create_task(reader.read()))
        writer.close()

    world.run(main())


def test_nobody_answers_for_a_host_without_power_until_it_boots(
    world: LiveWorld, gateway: LiveHost, service: Any
) -> None:
    address = world.network.route(gateway, "service", 80)
    service.host.crash()
    assert service.host.state == "off"
    with socket.socket() as client:
        client.setblocking(False)
        client.connect_ex(address)
        world.run(world.env.timeout(0.2))
        assert select.select([], [client], [], 0)[1] == []
        service.host.boot()
        connected = world.loop.create_future()
        world.loop.add_writer(client, lambda: connected.done() or connected.set_result(None))
        world.run(as_event(world.env, connected))
        world.loop.remove_writer(client)
        client.setblocking(True)
        client.close()


def test_a_dial_into_a_partition_reaches_the_other_end_when_it_heals(
    world: LiveWorld, gateway: LiveHost, service: Any
) -> None:
    between: tuple[str | None, str | None] = ("gateway", "service")

    def main() -> Story:
        with world.faults.during(Partition(between=between, direction="downstream")):
            reader, writer = yield dial(world, world.network.route(gateway, "service", 80))
            writer.write(b"hello")
            yield world.env.timeout(0.3)
            assert service.connections == []
        heard = yield as_event(world.env, world.loop.create_task(reader.readexactly(5)))
        writer.close()
        return heard

    assert world.run(main()) == b"HELLO"


def test_of_a_dial_that_was_given_up_the_other_end_never_hears(
    world: LiveWorld, gateway: LiveHost, service: Any
) -> None:
    between: tuple[str | None, str | None] = ("gateway", "service")

    def main() -> Story:
        with world.faults.during(Partition(between=between)):
            _, writer = yield dial(world, world.network.route(gateway, "service", 80))
            writer.write(b"hello")
            yield world.env.timeout(0.1)
            writer.close()
            yield world.env.timeout(0.1)
        yield world.env.timeout(1.2)  # the next SYN would have been sent

    world.run(main())
    assert service.connections == []
