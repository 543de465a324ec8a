"""A host that takes time for its work: requests queue for its cores."""

import asyncio

import aiohttp
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from sim.net.cost import Cores, CostModel
from sim.world import World
from tests.sim.net.exchange import Exchange
from tests.sim.serving import hello, site_of

MODEL = CostModel(
    cores=2,
    operations={"POST /notification/": 0.5, "GET /tokens/*": 0.1, "GET /tokens/x/*": 0.2},
    default=0.01,
)


@pytest.mark.parametrize(
    ("data", "seconds"),
    [
        (b"POST /notification/ HTTP/1.1\r\nHost: a\r\n\r\nbody", 0.5),
        (b"POST /notification/?a=b HTTP/1.1\r\n", 0.5),
        (b"POST /notification HTTP/1.1\r\n", 0.01),
        (b"GET /tokens/abc HTTP/1.0\r\n", 0.1),
        (b"GET /tokens/x/y HTTP/1.1\r\n", 0.2),
        (b"GET / HTTP/1.1\r\n", 0.01),
        (b"the rest of a body", 0.0),
        (b"\x16\x03\x01\x02\x00\x01", 0.0),
        (b"", 0.0),
    ],
)
def test_operations_are_recognised_by_the_first_line(data: bytes, seconds: float) -> None:
    assert MODEL.seconds(data) == seconds


@given(st.integers(1, 4), st.lists(st.tuples(st.integers(0, 5), st.integers(1, 9)), max_size=40))
def test_no_more_work_is_done_at_once_than_there_are_cores_and_first_come_is_first_served(
    number: int, work: list[tuple[int, int]]
) -> None:
    cores = Cores(number)
    now = 0
    spans: list[tuple[float, float]] = []
    for gap, seconds in work:
        now += gap
        done = cores.enter(now, seconds)
        begun = done - seconds
        assert begun >= now
        assert not spans or begun >= spans[-1][0]
        busy = [span for span in spans if span[0] <= begun < span[1]]
        assert len(busy) < number
        # Nobody waits while a core is free.
        assert begun == now or len([s for s in spans if s[0] < begun <= s[1]]) >= number
        spans.append((begun, done))


def test_requests_wait_for_a_free_core() -> None:
    with World(seed=1) as world:
        site = site_of(world, web.get("/", hello))
        site.set_cost(CostModel(cores=2, operations={"GET /": 1.0}))
        done: list[float] = []

        async def ask() -> None:
            async with aiohttp.ClientSession() as session, session.get("http://site/") as answer:
                await answer.text()
                done.append(world.env.now)

        async def main() -> None:
            start = world.env.now
            await asyncio.gather(*(ask() for _ in range(5)))
            assert [round(moment - start) for moment in done] == [1, 1, 2, 2, 3]
            site.set_cost(None)
            assert world.network.unobserved
            before = world.env.now
            await ask()
            assert world.env.now - before < 0.1

        world.run(main)


def test_what_follows_on_a_connection_does_not_overtake() -> None:
    with World(seed=1) as world:
        exchange = Exchange(world)
        exchange.server_host.set_cost(CostModel(operations={"POST /": 1.0}))
        exchange.dial()
        start = world.env.now
        head = b"POST / HTTP/1.1\r\n\r\n"
        exchange.client.transport.write(head)
        exchange.wait(0.1)
        exchange.client.transport.write(b"body")
        exchange.client.transport.write_eof()
        exchange.server.transport.write(b"no request, no cost")
        exchange.wait(0.1)
        assert exchange.client.received == b"no request, no cost"
        assert exchange.server.arrivals == []
        exchange.wait(5)
        assert exchange.server.received == head + b"body"
        assert exchange.server.ended_at == pytest.approx(start + 1.05)


@pytest.mark.parametrize(
    "values",
    [{"cores": 0}, {"default": -1.0}, {"operations": {"GET /": -1.0}}],
)
def test_costs_that_cannot_be_are_refused(values: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"core|cost"):
        CostModel(**values)  # type: ignore[arg-type]
