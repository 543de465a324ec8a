"""Links with bandwidth, queue and loss."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.net.links import Link
from sim.net.shaping import HEADER, TransmissionQueue
from sim.world import World
from tests.sim.net.exchange import Exchange

arrivals = st.lists(st.tuples(st.integers(0, 50), st.integers(1, 2_000)), max_size=40)


@given(arrivals, st.sampled_from([100.0, 1_000.0]), st.sampled_from([None, 0, 500, 5_000]))
def test_a_queue_never_sends_faster_than_its_rate_and_keeps_the_order(
    packets: list[tuple[int, int]], rate: float, limit: int | None
) -> None:
    queue = TransmissionQueue(rate, limit)
    now = left = 0.0
    sent = 0
    first = None
    for gap, size in packets:
        now += gap / 10
        waiting = max(left - now, 0.0) * rate
        duration = queue.enter(now, size)
        if duration is None:
            assert limit is not None
            assert waiting > 0
            assert waiting + size > limit - 1e-6
            continue
        assert limit is None or waiting == 0 or waiting + size <= limit + 1e-6
        assert now + duration >= left + size / rate - 1e-6
        left = now + duration
        first = now if first is None else first
        sent += size
        assert sent <= (left - first) * rate + 1e-3


def test_a_queue_that_is_left_alone_is_empty_again() -> None:
    queue = TransmissionQueue(100.0)
    assert queue.enter(0.0, 100) == 1.0
    assert queue.enter(0.5, 100) == 1.5
    assert queue.enter(10.0, 100) == 1.0


def test_bytes_take_their_time_through_both_links() -> None:
    with World(seed=1) as world:
        exchange = Exchange(world, link=Link(latency=0.0, bandwidth=1_000.0))
        exchange.dial()
        start = world.env.now
        exchange.client.transport.write(bytes(1_000 - HEADER))
        exchange.wait(5)
        assert exchange.server.arrivals[0][0] - start == pytest.approx(2.0)


def test_what_finds_the_queue_full_comes_later_and_complete() -> None:
    with World(seed=1) as world:
        exchange = Exchange(world, link=Link(latency=0.01, bandwidth=10_000.0, queue=3_000))
        exchange.dial()
        data = Random(1).randbytes(20_000)
        for start in range(0, len(data), 1_000):
            exchange.client.transport.write(data[start : start + 1_000])
            exchange.wait(0.001)
        begun = world.env.now
        exchange.wait(30)
        assert exchange.server.received == data
        assert exchange.server.arrivals[-1][0] - begun > 20_000 / 10_000


def test_a_lossy_link_delivers_everything_late() -> None:
    with World(seed=1) as world:
        exchange = Exchange(world, link=Link(latency=0.01, loss=0.2))
        exchange.dial(wait=20)
        for number in range(100):
            exchange.client.transport.write(bytes([number]))
            exchange.wait(0.02)
        exchange.wait(60)
        assert exchange.server.received == bytes(range(100))
        assert any(
            later - sooner > 0.19
            for (sooner, _), (later, _) in zip(
                exchange.server.arrivals, exchange.server.arrivals[1:], strict=False
            )
        )


@pytest.mark.parametrize(
    "values",
    [
        {"latency": -1.0},
        {"latency": 1.0, "jitter": -1.0},
        {"latency": 1.0, "loss": 1.1},
        {"latency": 1.0, "bandwidth": 0.0},
        {"latency": 1.0, "queue": 10},
        {"latency": 1.0, "bandwidth": 1.0, "queue": -1},
    ],
)
def test_links_that_cannot_be_are_refused(values: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"link|loss|queue"):
        Link(**values)  # type: ignore[arg-type]
