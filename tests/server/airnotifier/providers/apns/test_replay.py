"""What the gateway does when an APNs connection ends, on a simulated network."""

import asyncio
from pathlib import Path

import pytest

from tests.databases import database_url, sql
from tests.server.airnotifier.support import Bench, Log, apns_token, gateway_bench, gcm_token

TOKENS = [apns_token(number) for number in range(100)]


async def push_all(bench: Bench) -> list[int]:
    for token in TOKENS:
        await bench.register(token)
    return list(await asyncio.gather(*(bench.push(token) for token in TOKENS)))


@pytest.mark.parametrize("position", [0, 37, 99])
def test_one_rejected_push_costs_no_other(tmp_path: Path, log: Log, position: int) -> None:
    with gateway_bench(tmp_path) as bench:
        bench.apns.reject[TOKENS[position]] = 8

        async def main() -> None:
            await push_all(bench)
            await asyncio.sleep(10)

        bench.run(main)
    good = TOKENS[:position] + TOKENS[position + 1 :]
    assert sorted(bench.apns.accepted) == good
    assert [entry["reason"] for entry in log("push.rejected")] == ["invalid_token"]
    assert len(log("push.completed")) == 99
    assert len(log("token.pruned")) == 1
    assert bench.apns.connections <= 2


def test_pushes_behind_a_rejected_one_are_repeated_in_order(tmp_path: Path) -> None:
    with gateway_bench(tmp_path) as bench:
        bench.apns.reject[TOKENS[3]] = 8

        async def main() -> None:
            for token in TOKENS[:8]:
                await bench.push(token)
            await asyncio.sleep(10)

        bench.run(main)
    assert bench.apns.accepted == TOKENS[:3] + TOKENS[4:8]
    second = [frame.identifier for frame in bench.apns.frames if frame.connection == 2]
    assert second == [1, 2, 3, 4]


def test_repeated_pushes_go_out_before_those_that_came_later(tmp_path: Path) -> None:
    with gateway_bench(tmp_path, apns={"window": 4}) as bench:
        bench.apns.reject[TOKENS[1]] = 8

        async def main() -> None:
            for token in TOKENS[:12]:
                await bench.push(token)
            await asyncio.sleep(60)

        bench.run(main)
    assert bench.apns.accepted == TOKENS[:1] + TOKENS[2:12]


def test_identifiers_rise_from_one_and_expiry_is_a_day_ahead(tmp_path: Path) -> None:
    with gateway_bench(tmp_path) as bench:

        async def main() -> None:
            for token in TOKENS[:3]:
                await bench.push(token)
            await asyncio.sleep(1)

        bench.run(main)
        start = int(bench.world.epoch)
    assert [frame.identifier for frame in bench.apns.frames] == [1, 2, 3]
    assert all(0 <= frame.expiry - start - 86_400 < 5 for frame in bench.apns.frames)


def test_after_a_shutdown_only_what_follows_the_last_good_push_is_repeated(
    tmp_path: Path, log: Log
) -> None:
    with gateway_bench(tmp_path) as bench:
        bench.apns.shutdown_after = 10

        async def main() -> None:
            await push_all(bench)
            await asyncio.sleep(10)

        bench.run(main)
    assert sorted(bench.apns.accepted) == TOKENS
    assert log("push.rejected") == []
    assert log("provider.closed")[0]["reason"] == "shutdown"


def test_after_a_silent_end_everything_unconfirmed_is_repeated(tmp_path: Path, log: Log) -> None:
    with gateway_bench(tmp_path) as bench:

        async def main() -> None:
            for token in TOKENS[:5]:
                await bench.push(token)
            await asyncio.sleep(1)
            bench.apns.writers[0].close()
            await asyncio.sleep(10)

        bench.run(main)
    assert bench.apns.accepted == TOKENS[:5] * 2
    assert len(log("push.completed")) == 5


def test_a_push_that_makes_the_server_hang_up_is_given_up_and_the_others_arrive(
    tmp_path: Path, log: Log
) -> None:
    with gateway_bench(tmp_path) as bench:
        bench.apns.hang_up = [TOKENS[5]]

        async def main() -> None:
            for token in TOKENS[:12]:
                await bench.push(token)
            await asyncio.sleep(600)

        bench.run(main)
    assert set(bench.apns.accepted) == set(TOKENS[:12]) - {TOKENS[5]}
    assert [entry["reason"] for entry in log("push.rejected")] == ["connection_closed"]
    assert len(log("push.completed")) == 11
    assert bench.apns.connections < 15


def test_a_server_that_hangs_up_on_everybody_makes_nobody_give_up(tmp_path: Path, log: Log) -> None:
    with gateway_bench(tmp_path) as bench:
        bench.apns.hang_up_always = True

        async def main() -> None:
            for token in TOKENS[:4]:
                await bench.push(token)
            await asyncio.sleep(600)
            assert log("push.rejected") == []
            assert bench.apns.connections < 30
            bench.apns.hang_up_always = False
            await asyncio.sleep(120)

        bench.run(main)
    assert bench.apns.accepted == TOKENS[:4]


def test_pushes_wait_while_the_server_is_away_and_attempts_become_rarer(
    tmp_path: Path, log: Log
) -> None:
    with gateway_bench(tmp_path) as bench:

        async def main() -> None:
            bench.stop_apns()
            for token in TOKENS[:20]:
                await bench.push(token)
            await asyncio.sleep(600)
            assert 5 < len(log("provider.closed")) < 20
            await bench.apns_host.start(bench.start_apns)
            await asyncio.sleep(70)

        bench.run(main)
    assert bench.apns.accepted == TOKENS[:20]


def test_a_push_that_waited_beyond_its_time_is_not_sent(tmp_path: Path, log: Log) -> None:
    with gateway_bench(tmp_path, apns={"time_to_live": 60}) as bench:

        async def main() -> None:
            bench.stop_apns()
            await bench.push(TOKENS[0])
            await asyncio.sleep(100)
            await bench.apns_host.start(bench.start_apns)
            await bench.push(TOKENS[1])
            await asyncio.sleep(70)

        bench.run(main)
    assert bench.apns.accepted == TOKENS[1:2]
    assert len(log("push.expired")) == 1


def test_without_recovery_what_follows_a_rejected_push_is_lost(tmp_path: Path, log: Log) -> None:
    with gateway_bench(tmp_path, apns={"recovery": "none"}) as bench:
        bench.apns.reject[TOKENS[37]] = 8

        async def main() -> None:
            await push_all(bench)
            await asyncio.sleep(0.4)
            await bench.push(TOKENS[0], "into the void")
            await asyncio.sleep(10)
            await bench.push(TOKENS[0], "later")
            await asyncio.sleep(10)

        bench.run(main)
    assert all(frame.identifier == 0 for frame in bench.apns.frames)
    assert len(bench.apns.accepted) < 100
    assert TOKENS[38] not in bench.apns.accepted
    assert bench.apns.frames[-1].payload == {"aps": {"alert": "later"}}
    assert log("push.rejected") == []
    assert log("push.retry") == []
    assert [entry["push"] for entry in log("push.lost")] == [101]
    assert len(log("push.abandoned")) == 102


def test_a_rejected_token_that_registered_again_meanwhile_is_kept(tmp_path: Path, log: Log) -> None:
    with gateway_bench(tmp_path) as bench:
        bench.apns.reject[TOKENS[0]] = 8

        async def main() -> None:
            await bench.register(TOKENS[0])
            await bench.push(TOKENS[0])
            await asyncio.sleep(0.2)
            await bench.register(TOKENS[0])
            await asyncio.sleep(2)

        bench.run(main)
    assert len(log("push.rejected")) == 1
    assert log("token.pruned") == []


def test_pruning_can_be_switched_off(tmp_path: Path, log: Log) -> None:
    with gateway_bench(tmp_path, apns={"prune_invalid_tokens": False}) as bench:
        bench.apns.reject[TOKENS[0]] = 8

        async def main() -> None:
            await bench.push(TOKENS[0])
            await asyncio.sleep(2)

        bench.run(main)
    assert len(log("push.rejected")) == 1
    assert log("token.pruned") == []


def test_every_connection_takes_pushes_when_the_first_has_its_window_full(tmp_path: Path) -> None:
    with gateway_bench(tmp_path, apns={"connections": 2, "window": 10}) as bench:

        async def main() -> None:
            await push_all(bench)
            await asyncio.sleep(60)

        bench.run(main)
    assert sorted(bench.apns.accepted) == TOKENS
    assert bench.apns.connections == 2
    assert sum(frame.connection == 2 for frame in bench.apns.frames) > 20


@pytest.mark.determinism
def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    digests = []
    for run in ("one", "two"):
        (tmp_path / run).mkdir()
        with gateway_bench(tmp_path / run, seed=7) as bench:
            bench.apns.reject[TOKENS[3]] = 8

            async def main(bench: Bench = bench) -> None:
                await asyncio.gather(*(bench.push(token) for token in TOKENS[:20]))
                await asyncio.gather(*(bench.push(gcm_token(number)) for number in range(20)))
                await asyncio.sleep(10)

            bench.run(main)
            digests.append(bench.world.digest())
    assert digests[0] == digests[1]


def test_a_stored_push_that_cannot_be_encoded_is_rejected_and_holds_up_no_other(
    tmp_path: Path, log: Log
) -> None:
    with gateway_bench(tmp_path) as bench:

        async def main() -> None:
            bench.stop_apns()
            for token in TOKENS[:3]:
                await bench.push(token)
            await bench.stop_gateway()
            url = database_url(tmp_path / "gateway.db")
            sql(url, "update outbox set expires = 4294967296 where id = 2")
            await bench.apns_host.start(bench.start_apns)
            await bench.start_gateway()
            await asyncio.sleep(10)

        bench.run(main)
    assert bench.apns.accepted == [TOKENS[0], TOKENS[2]]
    assert [entry["reason"] for entry in log("push.rejected")] == ["not_encodable"]
    assert 2 not in [entry["push"] for entry in log("push.dispatched")]
    assert sorted(entry["push"] for entry in log("push.completed")) == [1, 3]


def test_a_gateway_waits_for_all_dead_connections_at_the_same_time(tmp_path: Path) -> None:
    with gateway_bench(tmp_path, apns={"connections": 5, "window": 1}) as bench:
        took = 0.0

        async def main() -> None:
            nonlocal took
            for token in TOKENS[:5]:
                await bench.push(token)
            await asyncio.sleep(7)
            assert bench.apns.connections == 5
            bench.apns_host.disconnect()
            for token in TOKENS[:5]:
                await bench.push(token)
            before = bench.world.env.now
            await bench.stop_gateway()
            took = bench.world.env.now - before
            bench.apns_host.reconnect()
            await bench.start_gateway()
            await asyncio.sleep(60)

        bench.run(main)
    assert took < 10
    assert set(bench.apns.accepted) == set(TOKENS[:5])


def test_a_gateway_that_has_stopped_says_no_more_of_what_it_had_under_way(
    tmp_path: Path, log: Log
) -> None:
    with gateway_bench(tmp_path) as bench:

        async def main() -> None:
            await bench.push(TOKENS[0])
            await asyncio.sleep(10)
            bench.apns_host.disconnect()
            await bench.push(TOKENS[1])
            await bench.stop_gateway()
            assert log("provider.closed")[-1]["reason"] == "stopped"
            await asyncio.sleep(100)
            assert log("push.retry") == []
            bench.apns_host.reconnect()
            await bench.start_gateway()
            await asyncio.sleep(10)

        bench.run(main)
    assert bench.apns.accepted == TOKENS[:2]
