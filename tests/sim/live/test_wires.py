"""Connections over real sockets behave as the scenario's network says: in order, late, or not."""

import asyncio
import socket
from collections.abc import Callable, Generator
from typing import Any

import pytest
import simpy

from sim.live.hosts import LiveHost
from sim.live.world import LiveWorld
from sim.net.faults import (
    Partition,
)
from sim.net.links import Link

Story = Generator[simpy.Event, Any, None]
BETWEEN: tuple[str | None, str | None] = ("phone", "service")

pytestmark = pytest.mark.live


def test_bytes_go_there_and_back_in_order(talk: Callable[..., Any]) -> None:
    def story(client: Any) -> Story:
        for word in (b"one ", b"two ", b"three"):
            client.transport.write(word)
        yield from client.until(lambda: client.heard == b"ONE TWO THREE")

    talk(story)


def test_much_data_arrives_whole_though_the_reader_pauses(
    talk: Callable[..., Any], world: LiveWorld
) -> None:
    data = bytes(range(97, 123)) * 100_000

    def story(client: Any) -> Story:
        client.transport.pause_reading()
        client.transport.write(data)
        yield world.env.timeout(0.05)
        assert client.heard == b""
        client.transport.resume_reading()
        yield from client.until(lambda: len(client.heard) == len(data))

    talk(story)


def test_a_port_without_listener_refuses(world: LiveWorld, phone: LiveHost, service: Any) -> None:
    def main() -> Story:
        with pytest.raises(ConnectionRefusedError):
            yield phone.connect("service", 81, lambda: pytest.fail("connected"))

    world.run(main())


def test_an_unknown_name_is_not_looked_up_in_the_real_world(
    world: LiveWorld, phone: LiveHost
) -> None:
    def main() -> Story:
        with pytest.raises(socket.gaierror):
            yield phone.connect("localhost", 80, lambda: pytest.fail("connected"))

    world.run(main())


def test_close_is_an_end_and_abort_a_reset_at_the_other_side(
    talk: Callable[..., Any], service: Any
) -> None:
    def closing(client: Any) -> Story:
        client.transport.close()
        yield from client.until(lambda: service.lost == [None])

    def aborting(client: Any) -> Story:
        client.transport.abort()
        yield from client.until(lambda: len(service.lost) == 2)
        assert isinstance(service.lost[1], ConnectionResetError)

    talk(closing)
    talk(aborting)


def test_the_far_end_closes_and_the_near_one_learns_it(
    talk: Callable[..., Any], service: Any
) -> None:
    def story(client: Any) -> Story:
        service.connections[0].transport.close()
        yield from client.until(lambda: client.lost == [None])
        assert client.ended

    talk(story)


def test_an_absent_host_hears_nothing_and_gets_everything_when_it_is_back(
    talk: Callable[..., Any], world: LiveWorld, phone: LiveHost, service: Any
) -> None:
    def story(client: Any) -> Story:
        phone.disconnect()
        client.transport.write(b"hello")
        yield world.env.timeout(0.3)
        assert client.heard == b""
        assert service.connections[0].heard == b""
        phone.reconnect()
        yield from client.until(lambda: client.heard == b"HELLO")

    talk(story)


def test_nobody_is_told_when_an_absent_phone_drops_its_connection(
    talk: Callable[..., Any], world: LiveWorld, phone: LiveHost, service: Any
) -> None:
    def story(client: Any) -> Story:
        phone.disconnect()
        client.transport.abort()
        yield from client.until(lambda: client.lost == [None])
        yield world.env.timeout(0.3)
        assert service.lost == []
        phone.reconnect()
        service.connections[0].transport.write(b"are you there")
        yield from client.until(lambda: len(service.lost) == 1)
        assert isinstance(service.lost[0], ConnectionResetError)

    talk(story)


def test_a_dial_without_network_is_repeated_until_there_is_one(
    world: LiveWorld, phone: LiveHost, service: Any
) -> None:
    phone.disconnect()
    world.env.call_later(0.5, phone.reconnect)

    def main() -> Generator[simpy.Event, Any, Any]:
        return (yield phone.connect("service", 80, asyncio.Protocol))

    transport, _ = world.run(main())
    assert phone.online
    assert not transport.is_closing()


def test_links_take_their_time(world: LiveWorld, service: Any) -> None:
    far = world.host("far", link=Link(latency=0.05))
    seen: list[float] = []

    def main() -> Story:
        start = world.env.now
        yield far.connect("service", 80, asyncio.Protocol)
        seen.append(world.env.now - start)

    world.run(main())
    assert seen[0] >= 0.1  # a round trip


def test_a_host_that_moves_leaves_its_connections_dead(
    talk: Callable[..., Any], world: LiveWorld, phone: LiveHost, service: Any
) -> None:
    def story(client: Any) -> Story:
        phone.move(phone.link)
        client.transport.write(b"lost")
        yield world.env.timeout(0.3)
        assert service.connections[0].heard == b""
        assert client.lost == []
        _, other = yield phone.connect("service", 80, lambda: type(client)(world))
        other.transport.write(b"new")
        yield from other.until(lambda: other.heard == b"NEW")

    talk(story)


def test_the_trace_tells_of_connections_as_in_a_simulated_world(
    talk: Callable[..., Any], world: LiveWorld, service: Any
) -> None:
    events = world.trace.keep()

    def story(client: Any) -> Story:
        client.transport.close()
        yield from client.until(lambda: len(service.lost) == 1)

    talk(story)
    assert [(e["kind"], e["host"]) for e in events] == [
        ("connection.opened", "phone"),
        ("connection.closed", "phone"),
        ("connection.closed", "service"),
    ]
    assert (events[0]["to"], events[1]["how"], events[2]["how"]) == ("service", "fin", "fin")
    assert world.network.wires == {}


# -- partitions; what every fault does in both worlds is in tests/conformance/faults.py


def test_a_partition_is_silence_until_it_heals(
    talk: Callable[..., Any], world: LiveWorld, service: Any
) -> None:
    def story(client: Any) -> Story:
        fault = Partition(between=BETWEEN)
        with world.faults.during(fault):
            client.transport.write(b"x")
            yield world.env.timeout(0.3)
            assert service.connections[0].heard == b""
            assert client.lost == []
        yield from client.until(lambda: client.heard == b"X")
        assert fault.fired

    talk(story)


def test_with_the_way_back_cut_bytes_arrive_once_and_their_sender_does_not_know(
    talk: Callable[..., Any], world: LiveWorld, service: Any
) -> None:
    def story(client: Any) -> Story:
        fault = Partition(between=BETWEEN, direction="downstream")
        with world.faults.during(fault):
            client.transport.write(b"one ")
            yield world.env.timeout(0.1)
            client.transport.write(b"two")
            yield world.env.timeout(0.6)  # sent again twice
            assert service.connections[0].heard == b"one "
            assert client.heard == b""
        yield from client.until(lambda: client.heard == b"ONE TWO")
        assert service.connections[0].heard == b"one two"

    talk(story)


def test_with_the_way_back_cut_what_was_sent_before_the_end_arrives_with_it(
    talk: Callable[..., Any], world: LiveWorld, service: Any
) -> None:
    def story(client: Any) -> Story:
        with world.faults.during(Partition(between=BETWEEN, direction="downstream")):
            client.transport.write(b"one ")
            yield world.env.timeout(0.1)
            client.transport.write(b"two")
            client.transport.close()
            yield world.env.timeout(0.3)
        while service.connections[0].heard != b"one two":
            yield world.env.timeout(0.05)

    talk(story)


def test_with_the_way_there_cut_nothing_arrives_and_the_way_back_is_open(
    talk: Callable[..., Any], world: LiveWorld, service: Any
) -> None:
    def story(client: Any) -> Story:
        with world.faults.during(Partition(between=BETWEEN, direction="upstream")):
            client.transport.write(b"x")
            service.connections[0].transport.write(b"hello ")
            yield from client.until(lambda: client.heard == b"hello ")
            assert service.connections[0].heard == b""
        yield from client.until(lambda: client.heard == b"hello X")

    talk(story)


@pytest.mark.parametrize("direction", ["upstream", "downstream", "both"])
def test_a_sender_that_is_never_acknowledged_gives_up_at_the_retry_limit(
    direction: Any,
    talk: Callable[..., Any],
    world: LiveWorld,
    service: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # TCP's patience is a quarter of an hour; here as many attempts, in little time.
    monkeypatch.setattr("sim.net.retransmission.FIRST_RETRANSMISSION", 0.001)
    monkeypatch.setattr("sim.net.retransmission.MAX_RETRANSMISSION", 0.002)

    def story(client: Any) -> Story:
        world.faults.add(Partition(between=BETWEEN, direction=direction))
        client.transport.write(b"x")
        yield from client.until(lambda: bool(client.lost))
        assert isinstance(client.lost[0], TimeoutError)
        assert service.lost == []  # nobody told it
        assert service.connections[0].heard == (b"x" if direction == "downstream" else b"")

    talk(story)


def test_an_abort_gets_through_though_what_went_before_is_not_acknowledged(
    talk: Callable[..., Any], world: LiveWorld, service: Any
) -> None:
    def story(client: Any) -> Story:
        world.faults.add(Partition(between=BETWEEN, direction="downstream"))
        client.transport.write(b"x")
        service.heard = lambda _data: client.look()
        yield from client.until(lambda: service.connections[0].heard == b"x")
        client.transport.abort()
        yield from client.until(lambda: bool(service.lost))
        assert isinstance(service.lost[0], ConnectionResetError)

    talk(story)


def test_a_host_that_lost_its_power_says_nothing_and_resets_when_it_is_back(
    talk: Callable[..., Any], world: LiveWorld, service: Any
) -> None:
    def story(client: Any) -> Story:
        host = service.host
        service.connections[0].transport.write(b"never said")
        host.crash()
        yield from client.until(lambda: bool(service.lost))  # its socket is closed
        yield world.env.timeout(0.3)
        assert (client.heard, client.ended, client.lost) == (b"", False, [])
        client.transport.write(b"are you there")
        host.boot()
        yield from client.until(lambda: bool(client.lost))
        assert isinstance(client.lost[0], ConnectionResetError)
        assert not client.ended

    talk(story)
