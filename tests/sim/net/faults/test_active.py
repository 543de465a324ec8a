"""Faults in force: their window, their targets, their probability, and what the trace says."""

from collections.abc import Iterator
from typing import Any

import pytest

from sim.net.faults import FAMILIES, Fault, Latency, Loss, Partition, ResetPeer, Slicer
from sim.world import World
from tests.sim.net.exchange import Exchange

BETWEEN = ("client", "server")


@pytest.fixture
def world() -> Iterator[World]:
    with World(seed=5) as world:
        yield world


def test_a_fault_is_in_force_within_its_window_only(world: World) -> None:
    exchange = Exchange(world)
    exchange.dial()
    now = world.env.now
    fault = Latency(between=BETWEEN, latency=0.5)
    handle = world.faults.add(fault, at=now + 10, until=now + 20)
    active, fired = [], []
    for _ in range(3):
        exchange.client.transport.write(b"x")
        exchange.wait(9)
        active.append(handle.active)
        fired.append(fault.fired)
        exchange.wait(1.5)
    assert active == [False, True, False]
    assert fired == [0, 1, 1]
    assert len(world.network.rules) == 0


def test_a_fault_that_is_removed_before_its_window_never_begins(world: World) -> None:
    exchange = Exchange(world)
    events = world.trace.keep()
    handle = world.faults.add(Partition(between=BETWEEN), at=world.env.now + 10)
    handle.remove()
    handle.remove()
    exchange.wait(20)
    assert events == []


def test_the_trace_tells_when_a_fault_starts_fires_first_and_ends(world: World) -> None:
    exchange = Exchange(world)
    exchange.dial()
    events = world.trace.keep()
    with world.faults.during(Latency(between=BETWEEN, latency=0.5, name="slow")):
        for _ in range(3):
            exchange.client.transport.write(b"x")
            exchange.wait(1)
    assert [{k: v for k, v in event.items() if k != "t"} for event in events] == [
        {"host": "network", "kind": "fault.started", "fault": "slow", "family": "latency"},
        {"host": "network", "kind": "fault.fired", "fault": "slow", "connection": 1},
        {"host": "network", "kind": "fault.ended", "fault": "slow", "fired": 3},
    ]


def test_a_fault_that_never_fired_is_seen_in_the_list_of_all(world: World) -> None:
    exchange = Exchange(world)
    world.host("third")
    idle = Partition(between=("third", None))
    with world.faults.during(idle):
        exchange.dial()
    assert exchange.dialled.ok
    assert world.faults.all == [idle]
    assert (idle.name, idle.fired) == ("partition-1", 0)


def test_only_connections_to_the_port_are_affected(world: World) -> None:
    exchange = Exchange(world)
    world.faults.add(Partition(between=BETWEEN, port=81))
    exchange.dial()
    assert exchange.dialled.ok


def test_its_probability_is_drawn_once_for_each_connection(world: World) -> None:
    exchange = Exchange(world)
    connections = []
    for _ in range(60):
        exchange.dial(wait=0.2)
        connections.append((exchange.client, exchange.server))
    world.faults.add(Partition(between=BETWEEN, probability=0.5))
    for _ in range(2):
        for client, _ in connections:
            client.transport.write(b"x")
        exchange.wait(1)
    received = [server.received for _, server in connections]
    assert set(received) == {b"", b"xx"}
    assert 15 <= received.count(b"") <= 45


def test_two_worlds_with_the_same_faults_have_the_same_digest() -> None:
    digests = []
    for seed in (5, 5, 6):
        with World(seed=seed) as world:
            exchange = Exchange(world)
            exchange.dial()
            world.faults.add(Loss(between=BETWEEN, share=0.3))
            world.faults.add(Slicer(between=BETWEEN, average_size=7, size_variation=3))
            for _ in range(20):
                exchange.client.transport.write(b"the same twice")
                exchange.server.transport.write(b"and so is this")
                exchange.wait(0.5)
            exchange.wait(100)
            digests.append((world.digest(), exchange.server.arrivals))
    assert digests[0] == digests[1]
    assert digests[0] != digests[2]


@pytest.mark.parametrize(
    ("family", "parameters"),
    [
        ("latency", {"latency": -1}),
        ("latency", {"latency": 1, "jitter": -1}),
        ("latency", {"latency": 1, "direction": "sideways"}),
        ("latency", {"latency": 1, "probability": 1.5}),
        ("jitter", {"jitter": -1}),
        ("bandwidth", {"rate": 0}),
        ("loss", {"share": 2}),
        ("reset_peer", {"timeout": -1}),
        ("timeout", {"timeout": -1}),
        ("slow_close", {"delay": -1}),
        ("slicer", {"average_size": 0}),
        ("slicer", {"average_size": 5, "size_variation": 5}),
        ("slicer", {"average_size": 5, "delay": -1}),
        ("limit_data", {"bytes": -1}),
    ],
)
def test_parameters_out_of_range_are_refused(family: str, parameters: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=family):
        FAMILIES[family](between=BETWEEN, **parameters)


def test_dns_kinds_are_checked() -> None:
    with pytest.raises(ValueError, match="dns_failure"):
        FAMILIES["dns_failure"](names=("x",), kind="weird")  # type: ignore[call-arg]


def test_impossible_windows_and_targets_are_refused(world: World) -> None:
    Exchange(world)
    now = world.env.now
    for fault, window, complaint in (
        (Partition(between=("nobody", None)), {}, "no host named 'nobody'"),
        (Partition(between=BETWEEN), {"at": now - 1}, "past"),
        (Partition(between=BETWEEN), {"at": now + 2, "until": now + 1}, "before it begins"),
    ):
        with pytest.raises(ValueError, match=complaint):
            world.faults.add(fault, **window)
    assert world.faults.all == []


def test_a_fault_is_added_once(world: World) -> None:
    Exchange(world)
    fault: Fault = ResetPeer(between=BETWEEN)
    world.faults.add(fault).remove()
    with pytest.raises(ValueError, match="added once"):
        world.faults.add(fault)
