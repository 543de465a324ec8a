"""What every fault of the network does to a connection, in whichever world.

A body takes a `Ground` and tells one story. What comes before what is asserted in both worlds;
moments exactly in the simulated one, and in a live one as the least that it takes
(`fault_grounds.py`). `BODIES` has one or more for every family of `sim.net.faults`.
"""

import socket
from collections.abc import Callable

import pytest

from sim.net.faults import (
    Bandwidth,
    DnsFailure,
    Down,
    Jitter,
    Latency,
    LimitData,
    Loss,
    Partition,
    ResetPeer,
    Slicer,
    SlowClose,
    Timeout,
)
from tests.conformance.fault_grounds import LATENCY, PORT, Body, Ground, Story, Told

BETWEEN: tuple[str | None, str | None] = ("client", "server")
RETRANSMISSION = 0.2
"""Seconds until what was missed is sent again, for the first time."""

BODIES: dict[str, list[Body]] = {}


def of(family: str) -> Callable[[Body], Body]:
    """The decorated body is about this family of faults."""

    def decorate(body: Body) -> Body:
        BODIES.setdefault(family, []).append(body)
        return body

    return decorate


@of("latency")
def latency_is_added_to_the_handshake_and_the_bytes_of_its_direction(ground: Ground) -> Story:
    ground.add(Latency(between=BETWEEN, direction="upstream", latency=0.1))
    start = ground.now
    _, server = yield from ground.dial(b"hello")
    yield from ground.until(lambda: server.received == b"hello")
    ground.takes(start, server.had(1), 3 * LATENCY + 0.2)


@of("latency")
def latency_against_its_direction_is_not_added(ground: Ground) -> Story:
    client, server = yield from ground.dial()
    ground.add(Latency(between=BETWEEN, direction="upstream", latency=300.0))
    start = ground.now
    server.transport.write(b"hello")
    yield from ground.until(lambda: client.received == b"hello")
    ground.takes(start, client.had(1), LATENCY)


@of("jitter")
def jitter_keeps_the_order(ground: Ground) -> Story:
    client, server = yield from ground.dial()
    fault = Jitter(between=BETWEEN, direction="upstream", jitter=0.1)
    ground.add(fault)
    starts = []
    for number in range(10):
        starts.append(ground.now)
        client.transport.write(b"%d" % number)
        yield from ground.fires(fault, number + 1)
    yield from ground.until(lambda: server.received == b"0123456789")
    late = [server.had(number + 1) - start for number, start in enumerate(starts)]
    assert min(late) >= LATENCY - 0.001
    assert max(late) > LATENCY + 0.001


@of("bandwidth")
def bandwidth_is_shared_by_the_connections_of_the_path(ground: Ground) -> Story:
    pairs = [(yield from ground.dial()), (yield from ground.dial())]
    ground.add(Bandwidth(between=BETWEEN, direction="upstream", rate=1000))
    start = ground.now
    for client, _ in pairs:
        client.transport.write(bytes(100))
    yield from ground.until(lambda: all(len(server.received) == 100 for _, server in pairs))
    first, second = sorted(server.had(100) for _, server in pairs)
    ground.takes(start, first, 0.14 + LATENCY)  # 40 bytes of headers
    ground.takes(start, second, 0.28 + LATENCY)


@of("loss")
def what_was_sent_before_the_loss_still_arrives_and_the_rest_comes_in_order(
    ground: Ground,
) -> Story:
    client, server = yield from ground.dial()
    slow, fault = _slow(), Loss(between=BETWEEN, direction="upstream", share=1)
    slowness = ground.add(slow)
    start = ground.now
    client.transport.write(b"one ")
    yield from ground.fires(slow)
    loss = ground.add(fault)
    missed_from = ground.now
    client.transport.write(b"two ")
    yield from ground.fires(fault)
    yield from ground.until(lambda: server.received == b"one ")
    ground.takes(start, server.had(1), LATENCY + 0.2)
    client.transport.write(b"three")
    loss.remove()
    slowness.remove()
    yield from ground.until(lambda: server.received == b"one two three")
    again = LATENCY + 0.2 + RETRANSMISSION + LATENCY
    ground.takes(missed_from, server.had(5), again)
    # Behind what was missed, the next one waits for its acknowledgement.
    ground.takes(missed_from, server.had(9), again + LATENCY)


@of("loss")
def an_end_that_is_lost_is_sent_again(ground: Ground) -> Story:
    client, server = yield from ground.dial()
    fault = Loss(between=BETWEEN, direction="upstream", share=1)
    loss = ground.add(fault)
    start = ground.now
    client.transport.write_eof()
    yield from ground.fires(fault)
    loss.remove()
    yield from ground.until(lambda: server.ended_at is not None)
    ground.takes(start, server.ended_at, LATENCY + RETRANSMISSION + LATENCY)


@of("down")
def down_resets_behind_what_is_on_its_way_and_refuses_what_comes(ground: Ground) -> Story:
    client, server = yield from ground.dial()
    slow = _slow()
    ground.add(slow)
    start = ground.now
    client.transport.write(b"under way")
    yield from ground.fires(slow)
    down = ground.add(Down(between=BETWEEN))
    yield from _both_are_reset(ground, client, server)
    assert server.received == b"under way"
    ground.takes(start, server.lost_at, LATENCY + 0.2)
    yield from ground.is_refused()
    down.remove()
    yield from ground.dial()


@of("partition")
def a_partition_is_silence_until_it_heals(ground: Ground) -> Story:
    client, server = yield from ground.dial()
    fault = Partition(between=BETWEEN)
    partition = ground.add(fault)
    start = ground.now
    client.transport.write(b"hello")
    yield from ground.fires(fault)
    yield ground.wait(0.3)
    assert server.received == b""
    assert client.lost_at is server.lost_at is None
    partition.remove()
    yield from ground.until(lambda: server.received == b"hello")
    # 0.2 s and then 0.4 s after it was missed.
    ground.takes(start, server.had(1), 0.6 + 2 * LATENCY, at_least=0.3 + LATENCY)


@of("partition")
def against_a_one_way_partition_bytes_arrive_once_and_nothing_follows_them(
    ground: Ground,
) -> Story:
    client, server = yield from ground.dial()
    fault = Partition(between=BETWEEN, direction="downstream")
    partition = ground.add(fault)
    client.transport.write(b"one ")
    yield from ground.fires(fault)  # the acknowledgement is lost
    client.transport.write(b"two ")
    yield ground.wait(0.1)
    client.transport.write(b"three")
    yield from ground.fires(fault, 3)
    assert server.received == b"one "
    partition.remove()
    yield from ground.until(lambda: server.received == b"one two three")


@of("partition")
def a_dial_into_a_partition_comes_again_after_a_second(ground: Ground) -> Story:
    fault = Partition(between=BETWEEN)
    partition = ground.add(fault)
    start = ground.now
    dialling = ground.begin(ground.dial(b"hello"))
    yield from ground.fires(fault)
    partition.remove()
    _, server = yield dialling
    yield from ground.until(lambda: server.received == b"hello")
    ground.takes(start, server.had(1), 1 + 3 * LATENCY)


@of("reset_peer")
def reset_peer_ends_connections_old_and_new_though_nothing_is_said(ground: Ground) -> Story:
    old = yield from ground.dial()
    start = ground.now
    ground.add(ResetPeer(between=BETWEEN, timeout=0.2))
    new = yield from ground.dial()
    for client, server in (old, new):
        yield from _both_are_reset(ground, client, server)
    for end in old:
        ground.takes(start, end.lost_at, 0.2 + LATENCY)
    for end in new:
        ground.takes(start, end.lost_at, 2 * LATENCY + 0.2 + LATENCY)


@of("timeout")
def timeout_swallows_what_is_sent_and_then_resets(ground: Ground) -> Story:
    start = ground.now
    ground.add(Timeout(between=BETWEEN, timeout=0.3))
    client, server = yield from ground.dial(b"hello")
    server.transport.write(b"hello")
    yield from _both_are_reset(ground, client, server)
    assert client.received == server.received == b""
    for end in (client, server):
        ground.takes(start, end.lost_at, 2 * LATENCY + 0.3 + LATENCY)


@of("timeout")
def what_a_timeout_without_end_swallowed_arrives_when_it_is_removed(ground: Ground) -> Story:
    client, server = yield from ground.dial()
    fault = Timeout(between=BETWEEN)
    timeout = ground.add(fault)
    start = ground.now
    client.transport.write(b"hello")
    yield from ground.fires(fault)
    timeout.remove()
    yield from ground.until(lambda: server.received == b"hello")
    ground.takes(start, server.had(1), LATENCY + RETRANSMISSION + LATENCY)


@of("slow_close")
def a_slow_close_holds_the_end_and_not_the_bytes(ground: Ground) -> Story:
    client, server = yield from ground.dial()
    ground.add(SlowClose(between=BETWEEN, direction="upstream", delay=0.2))
    start = ground.now
    client.transport.write(b"bye")
    client.transport.write_eof()
    yield from ground.until(lambda: server.ended_at is not None)
    assert server.received == b"bye"
    ground.takes(start, server.had(3), LATENCY)
    ground.takes(start, server.ended_at, LATENCY + 0.2)
    server.transport.write(b"still here")
    yield from ground.until(lambda: client.received == b"still here")


@of("slicer")
def slices_keep_their_distance_within_a_segment_and_behind_it(ground: Ground) -> Story:
    client, server = yield from ground.dial()
    fault = Slicer(between=BETWEEN, direction="upstream", average_size=10, delay=0.1)
    ground.add(fault)
    data = bytes(range(50))
    start = ground.now
    client.transport.write(data[:25])
    yield from ground.fires(fault)
    client.transport.write(data[25:])
    yield from ground.until(lambda: len(server.received) == 50)
    assert server.received == data
    for count, slices_before in ((10, 0), (20, 1), (25, 2), (35, 2), (45, 3), (50, 4)):
        ground.takes(start, server.had(count), LATENCY + slices_before * 0.1)


@of("limit_data")
def a_limit_ends_both_ends_and_answers_what_still_comes_with_a_reset(ground: Ground) -> Story:
    client, server = yield from ground.dial()
    slow = _slow(direction="downstream")
    ground.add(slow)
    server.transport.write(b"under way")
    yield from ground.fires(slow)
    ground.add(LimitData(between=BETWEEN, direction="upstream", bytes=5))
    client.transport.write(b"hello world")
    yield from ground.until(lambda: server.ended_at is not None and client.ended_at is not None)
    assert server.received == b"hello"
    assert client.received == b"under way"
    attempts = 0
    while client.lost_at is None:
        attempts += 1
        assert attempts < 100
        client.transport.write(b"more")
        yield ground.wait(0.05)
    assert isinstance(client.error, BrokenPipeError)
    assert server.received == b"hello"
    assert server.lost_at is None


@of("dns_failure")
def names_are_not_found(ground: Ground) -> Story:
    for kind, number in (("temporary", socket.EAI_AGAIN), ("unknown", socket.EAI_NONAME)):
        fault = DnsFailure(names=("server",), host="client", kind=kind)
        failure = ground.add(fault)
        with pytest.raises(socket.gaierror) as error:
            yield ground.client.connect("server", PORT, lambda: Told(ground))
        assert error.value.errno == number
        assert fault.fired == 1
        failure.remove()
    ground.add(DnsFailure(names=("server",), host="server"))
    yield from ground.dial()


def _slow(direction: str = "upstream") -> Latency:
    return Latency(between=BETWEEN, direction=direction, latency=0.2)


def _both_are_reset(ground: Ground, client: Told, server: Told) -> Story:
    yield from ground.until(lambda: client.lost_at is not None and server.lost_at is not None)
    assert isinstance(client.error, ConnectionResetError)
    assert isinstance(server.error, ConnectionResetError)
