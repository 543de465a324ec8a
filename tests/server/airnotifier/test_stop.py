"""A stop (SIGTERM) finds out what became of everything that was sent, so the next process sends
nothing twice.
"""

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from sim.net.links import Link
from tests.databases import database_url, sql
from tests.server.airnotifier.support import Bench, Log, apns_token, gateway_bench, gcm_token

PACES = [0.004, 0.012, 0.05, 0.2, 0.9]
"""Seconds from one push to the next."""


def rows(path: Path) -> list[int]:
    stored = sql(database_url(path / "gateway.db"), "select id from outbox order by id")
    return [number for (number,) in stored]


async def burst(bench: Bench, first: int, pace: float, seconds: float) -> int:
    """Pushes to tokens of their own, of both push services in turn. Returns how many."""
    count = 0
    until = bench.world.env.now + seconds
    while bench.world.env.now < until:
        number = first + count
        await bench.push(apns_token(number) if count % 4 else gcm_token(number))
        count += 1
        await asyncio.sleep(pace)
    return count


@pytest.mark.parametrize("latency", [0.001, 0.15, 1.2])
@pytest.mark.parametrize("pace", PACES)
def test_a_stop_after_a_burst_leaves_nothing_to_send_twice(
    tmp_path: Path, log: Log, pace: float, latency: float
) -> None:
    count = 0
    lengths = dict.fromkeys(min(seconds, 60 * pace) for seconds in (3.0, 0.3, 1.7, 5.1))
    with gateway_bench(tmp_path) as bench:
        bench.apns_host.link = Link(latency=latency)

        async def main() -> None:
            nonlocal count
            for seconds in lengths:
                await bench.push(apns_token(10**6 + count))  # the connection stands
                await asyncio.sleep(0.1)
                count += 1 + await burst(bench, count, pace, seconds)
                await bench.stop_gateway()
                written = {entry["push"] for entry in log("push.dispatched")}
                assert written.isdisjoint(rows(tmp_path))
                await bench.start_gateway()
            await asyncio.sleep(20)

        bench.run(main)
    sent = Counter(bench.apns.accepted)
    sent.update(token for request in bench.gcm.requests for token in request["registration_ids"])
    assert len(sent) == count
    assert set(sent.values()) == {1}


def test_a_stop_behind_a_bad_token_leaves_what_apns_threw_away_and_nothing_else(
    tmp_path: Path, log: Log
) -> None:
    with gateway_bench(tmp_path) as bench:
        bench.apns.reject[apns_token(5)] = 8

        async def main() -> None:
            for number in range(10):
                await bench.push(apns_token(number))
            await bench.stop_gateway()
            assert rows(tmp_path) == [7, 8, 9, 10]
            await bench.start_gateway()
            await asyncio.sleep(10)

        bench.run(main)
    assert bench.apns.accepted == [apns_token(number) for number in range(10) if number != 5]
    assert len(log("token.pruned")) == 1


def test_a_stop_waits_for_what_arrives_late_but_not_for_a_dead_path(tmp_path: Path) -> None:
    took: list[float] = []
    with gateway_bench(tmp_path) as bench:

        async def stop() -> None:
            before = bench.world.env.now
            await bench.stop_gateway()
            took.append(bench.world.env.now - before)

        async def main() -> None:
            await bench.push(apns_token(1))
            await asyncio.sleep(6)
            bench.apns_host.disconnect()
            await bench.push(apns_token(2))
            stopping = asyncio.create_task(stop())
            await asyncio.sleep(2)
            bench.apns_host.reconnect()
            await stopping
            assert rows(tmp_path) == []

            await bench.start_gateway()
            await bench.push(apns_token(3))
            await asyncio.sleep(6)
            bench.apns_host.disconnect()
            await bench.push(apns_token(4))
            await stop()
            assert rows(tmp_path) == [4]
            bench.apns_host.reconnect()
            await bench.start_gateway()
            await asyncio.sleep(10)

        bench.run(main)
    assert bench.apns.accepted[:3] == [apns_token(number) for number in (1, 2, 3)]
    assert 7 < took[0] < 11
    assert took[1] < 7
