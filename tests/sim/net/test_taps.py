"""What a tap is told: every segment, with numbers from which a TCP stream can be followed."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.net.faults import Loss, Partition
from sim.net.rules import Kind
from sim.net.taps import TappedSegment
from sim.world import World
from tests.sim.net.exchange import LATENCY, Exchange


def outline(segment: TappedSegment) -> tuple[Any, ...]:
    return (
        segment.kind.value,
        segment.direction,
        segment.sequence,
        segment.acknowledgement,
        segment.data,
    )


def test_a_tap_sees_a_connection_from_its_first_segment_to_its_last() -> None:
    with World(seed=1) as world:
        exchange = Exchange(world)
        told: list[TappedSegment] = []
        world.network.taps.add(told.append)
        exchange.dial()
        exchange.client.transport.write(b"question")
        exchange.client.transport.write(b"?")
        exchange.wait(1)
        exchange.server.transport.write(b"answer")
        exchange.wait(1)
        exchange.client.transport.close()
        exchange.wait(1)
        world.network.taps.remove(told.append)
        exchange.dial()
        assert [outline(segment) for segment in told] == [
            ("syn", 0, 0, 0, b""),
            ("syn-ack", 1, 0, 1, b""),
            ("ack", 0, 1, 1, b""),
            ("data", 0, 1, 1, b"question"),
            ("data", 0, 9, 1, b"?"),
            ("data", 1, 1, 10, b"answer"),
            ("fin", 0, 10, 7, b""),
            ("fin", 1, 7, 11, b""),
        ]
        syn, answer = told[0], told[1]
        client = (exchange.client_host.address, syn.source_port)
        assert (syn.source, syn.source_port) == (answer.target, answer.target_port) == client
        assert (syn.target, syn.target_port) == (exchange.server_host.address, 80)
        assert answer.sent - syn.sent == pytest.approx(LATENCY)
        assert [segment.flags for segment in told] == [2, 18, 16, 24, 24, 24, 17, 17]
        assert not any(segment.lost or segment.retransmission for segment in told)


def test_a_refused_dial_shows_syn_and_rst() -> None:
    with World(seed=1) as world:
        exchange = Exchange(world)
        told: list[TappedSegment] = []
        world.network.taps.add(told.append)
        exchange.client_host.connect("server", 81, lambda: exchange.client).defused = True
        exchange.wait(1)
        assert [(s.kind, s.source_port == 81) for s in told] == [
            (Kind.SYN, False),
            (Kind.RST, True),
        ]


def test_what_is_lost_is_told_and_told_again_when_it_is_sent_again() -> None:
    with World(seed=1) as world:
        exchange = Exchange(world)
        told: list[TappedSegment] = []
        world.network.taps.add(told.append)
        exchange.dial()
        told.clear()
        with world.faults.during(Partition(between=("client", "server"))):
            exchange.client.transport.write(b"one")
            exchange.wait(0.4)
            exchange.client.transport.write(b"two")
            exchange.wait(0.1)
        exchange.wait(5)
        assert [(s.sequence, s.data, s.lost, s.retransmission) for s in told] == [
            (1, b"one", True, False),
            (1, b"one", True, True),
            (1, b"one", False, True),
            (4, b"two", False, False),
        ]


def test_a_tap_changes_nothing() -> None:
    digests = []
    for tapped in (False, True):
        with World(seed=1) as world:
            exchange = Exchange(world)
            if tapped:
                world.network.taps.add(lambda segment: None)
            exchange.dial()
            for _ in range(3):
                exchange.client.transport.write(b"a")
                exchange.client.transport.write(b"b")
                exchange.server_host.disconnect()
                exchange.wait(1)
                exchange.server_host.reconnect()
                exchange.wait(10)
            digests.append(world.digest())
    assert digests[0] == digests[1]


@settings(max_examples=30)
@given(st.lists(st.tuples(st.booleans(), st.integers(1, 500)), max_size=30), st.integers(0, 9))
def test_the_numbers_put_together_give_the_stream_whatever_is_lost(
    writes: list[tuple[bool, int]], seed: int
) -> None:
    with World(seed=seed) as world:
        exchange = Exchange(world)
        told: list[TappedSegment] = []
        world.network.taps.add(told.append)
        exchange.dial()
        world.faults.add(Loss(between=("client", "server"), share=0.3))
        for number, (upstream, size) in enumerate(writes):
            end = exchange.client if upstream else exchange.server
            end.transport.write(bytes([number]) * size)
            exchange.wait(0.03)
        exchange.wait(300)
        for direction, received in ((0, exchange.server.received), (1, exchange.client.received)):
            stream: dict[int, int] = {}
            for segment in told:
                if segment.direction == direction and segment.kind is Kind.DATA:
                    assert not segment.retransmission or segment.sequence in stream
                    numbers = range(segment.sequence, segment.sequence + len(segment.data))
                    stream.update(zip(numbers, segment.data, strict=True))
            assert bytes(stream[n] for n in sorted(stream)) == received
            assert sorted(stream) == list(range(1, len(received) + 1))
