"""What silence of APNs confirms: only what it has had the time to refuse, and has received."""

import asyncio
from pathlib import Path

import pytest

from server.airnotifier import admin
from server.airnotifier.providers.apns.tcp_progress import USER_TIMEOUT
from server.airnotifier.tables import metadata
from server.database import Database
from sim.net.links import Link
from tests.databases import database_url, sql
from tests.server.airnotifier.support import Log, apns_token, gateway_bench

TOKENS = [apns_token(number) for number in range(100)]


def test_an_error_packet_that_is_later_than_silence_loses_nothing(tmp_path: Path, log: Log) -> None:
    with gateway_bench(tmp_path) as bench:
        bench.apns.reject[TOKENS[3]] = 8
        bench.apns.reject_delay = bench.apns.close_delay = 8.0

        async def main() -> None:
            for token in TOKENS[:9]:
                await bench.push(token)
            await asyncio.sleep(7)
            assert len(log("push.completed")) == 9
            assert sql(database_url(tmp_path / "gateway.db"), "SELECT count(*) FROM outbox") == [
                (0,)
            ]
            await asyncio.sleep(2)
            stored = sql(database_url(tmp_path / "gateway.db"), "SELECT id FROM outbox ORDER BY id")
            assert stored == [(number,) for number in range(5, 10)]  # no power cut loses them
            await asyncio.sleep(10)

        bench.run(main)
    assert bench.apns.accepted == TOKENS[:3] + TOKENS[4:9]
    assert [entry["push"] for entry in log("push.rejected")] == [4]
    assert [entry["push"] for entry in log("push.retry")] == [5, 6, 7, 8, 9]
    assert len(log("token.pruned")) == 1
    assert sql(database_url(tmp_path / "gateway.db"), "SELECT count(*) FROM outbox") == [(0,)]


@pytest.mark.parametrize("delay", [5.1, 5.2, 5.3, 5.4, 5.5, 5.6])
def test_a_push_that_is_taken_back_before_it_was_forgotten_stays_stored(
    tmp_path: Path, delay: float
) -> None:
    with gateway_bench(tmp_path) as bench:
        bench.apns.reject[TOKENS[0]] = 8
        bench.apns.reject_delay = delay  # silence has confirmed it a moment before

        async def main() -> None:
            for token in TOKENS[:3]:
                await bench.push(token)
            await asyncio.sleep(7)
            assert sql(database_url(tmp_path / "gateway.db"), "SELECT id FROM outbox") == [
                (2,),
                (3,),
            ]
            await asyncio.sleep(10)

        bench.run(main)
    assert bench.apns.accepted == TOKENS[1:3]


def test_a_push_counts_as_completed_only_after_silence(tmp_path: Path, log: Log) -> None:
    with gateway_bench(tmp_path) as bench:

        async def main() -> None:
            await bench.push(TOKENS[0])
            await asyncio.sleep(4.5)
            assert log("push.completed") == []
            await asyncio.sleep(2)
            assert len(log("push.completed")) == 1

        bench.run(main)


def broadcast_to_a_server_that_does_not_read(
    path: Path, log: Log, *, seconds: float
) -> tuple[list[str], list[str]]:
    """The tokens of 4,000 phones, more than the windows take, and what APNs accepted of them in
    the end. Nothing is confirmed before the server reads.
    """
    tokens = [apns_token(number) for number in range(4000)]
    store = Database(database_url(path / "gateway.db"), durability="normal")
    store.create(metadata)
    store.run_now(admin.import_tokens, "moodle", [(token, "ios", []) for token in tokens])
    asyncio.run(store.close())
    with gateway_bench(path) as bench:
        bench.apns.reading = asyncio.Event()

        async def main() -> None:
            await bench.post("/broadcast/", {"alert": "x" * 150})
            await asyncio.sleep(seconds)
            assert log("push.completed") == []
            assert bench.apns.reading is not None
            bench.apns.reading.set()
            await asyncio.sleep(10)

        bench.run(main)
    return tokens, bench.apns.accepted


def test_silence_confirms_nothing_while_the_server_does_not_read(tmp_path: Path, log: Log) -> None:
    tokens, accepted = broadcast_to_a_server_that_does_not_read(tmp_path, log, seconds=25)
    assert accepted == tokens
    assert len(log("push.completed")) == 4000
    assert log("push.retry") == []


def test_a_server_that_does_not_read_for_too_long_gets_everything_on_a_new_connection(
    tmp_path: Path, log: Log
) -> None:
    tokens, accepted = broadcast_to_a_server_that_does_not_read(
        tmp_path, log, seconds=USER_TIMEOUT / 1_000 + 5
    )
    assert log("provider.closed")[0]["reason"] == "TimeoutError"
    assert set(accepted) == set(tokens)
    assert len(log("push.completed")) == 4000


def test_nothing_is_confirmed_while_the_path_swallows_it_and_everything_arrives_later(
    tmp_path: Path, log: Log
) -> None:
    with gateway_bench(tmp_path) as bench:

        async def main() -> None:
            await bench.push(TOKENS[0])
            await asyncio.sleep(10)
            assert len(log("push.completed")) == 1
            bench.apns_host.disconnect()
            for token in TOKENS[1:6]:
                await bench.push(token)
            await asyncio.sleep(60)
            assert len(log("push.completed")) == 1
            bench.apns_host.reconnect()
            await asyncio.sleep(120)

        bench.run(main)
    assert bench.apns.accepted == TOKENS[:6]
    assert sorted(entry["push"] for entry in log("push.completed")) == [1, 2, 3, 4, 5, 6]
    assert log("provider.closed")[0]["reason"] == "TimeoutError"


def test_silence_counts_from_the_arrival_of_a_delayed_push(tmp_path: Path, log: Log) -> None:
    with gateway_bench(tmp_path) as bench:
        bench.apns.reject[TOKENS[1]] = 8

        async def main() -> None:
            await bench.push(TOKENS[0])
            await asyncio.sleep(10)
            bench.apns_host.disconnect()
            for token in TOKENS[1:3]:
                await bench.push(token)
            await asyncio.sleep(20)
            bench.apns_host.reconnect()
            await asyncio.sleep(30)

        bench.run(main)
    assert bench.apns.accepted == [TOKENS[0], TOKENS[2]]
    assert [entry["push"] for entry in log("push.rejected")] == [2]
    assert sorted(entry["push"] for entry in log("push.completed")) == [1, 3]


def test_a_steady_stream_of_pushes_does_not_hold_up_confirmations(tmp_path: Path, log: Log) -> None:
    with gateway_bench(tmp_path) as bench:
        bench.apns_host.link = Link(latency=0.15)

        async def main() -> None:
            for number in range(200):
                await bench.push(TOKENS[number % 100])
                await asyncio.sleep(0.1)
            assert len(log("push.completed")) > 120

        bench.run(main)
