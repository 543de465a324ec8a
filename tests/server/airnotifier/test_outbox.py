"""What was accepted is never forgotten, and memory stays bounded."""

import asyncio
from pathlib import Path

import pytest
from aiohttp import web
from sqlalchemy import insert

from server.airnotifier import backlog
from server.airnotifier.tables import tokens
from tests.databases import database_url, sql
from tests.server.airnotifier.support import Log, apns_token, gateway_bench, gcm_token

TOKENS = [apns_token(number) for number in range(300)]


def rows(path: Path) -> list[int]:
    stored = sql(database_url(path / "gateway.db"), "select id from outbox order by id")
    return [number for (number,) in stored]


def test_a_push_is_in_the_database_before_its_sender_hears_ok(tmp_path: Path) -> None:
    with gateway_bench(tmp_path) as bench:

        async def main() -> None:
            bench.stop_apns()
            for number in range(1, 4):
                assert await bench.push(TOKENS[0]) == number
                assert rows(tmp_path) == list(range(1, number + 1))

        bench.run(main)


def test_what_was_not_sent_before_a_restart_is_sent_after_it_in_order(
    tmp_path: Path, log: Log
) -> None:
    with gateway_bench(tmp_path) as bench:

        async def main() -> None:
            bench.stop_apns()
            for token in TOKENS[:20]:
                await bench.push(token)
            await bench.stop_gateway()
            await bench.apns_host.start(bench.start_apns)
            await bench.start_gateway()
            await bench.push(TOKENS[20])
            await asyncio.sleep(10)
            assert rows(tmp_path) == []

        bench.run(main)
    assert bench.apns.accepted == TOKENS[:21]
    assert [entry["push"] for entry in log("push.completed")] == list(range(1, 22))


def test_a_clean_stop_waits_for_confirmation_so_nothing_is_sent_twice(tmp_path: Path) -> None:
    with gateway_bench(tmp_path) as bench:

        async def main() -> None:
            await bench.push(TOKENS[0])
            await bench.push(gcm_token(1))
            await asyncio.sleep(0.5)
            await bench.stop_gateway()
            assert rows(tmp_path) == []
            await bench.start_gateway()
            await asyncio.sleep(10)

        bench.run(main)
    assert bench.apns.accepted == TOKENS[:1]
    assert len(bench.gcm.requests) == 1


def test_numbers_are_not_used_again_after_a_restart(tmp_path: Path) -> None:
    with gateway_bench(tmp_path) as bench:

        async def main() -> None:
            assert await bench.push(TOKENS[0]) == 1
            await asyncio.sleep(7)
            assert rows(tmp_path) == []
            await bench.stop_gateway()
            await bench.start_gateway()
            assert await bench.push(TOKENS[0]) == 2

        bench.run(main)


def test_a_long_backlog_stays_in_the_database_and_leaves_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backlog, "CAPACITY", 20)
    monkeypatch.setattr(backlog, "PAGE", 7)
    with gateway_bench(tmp_path, apns={"window": 10, "confirm_after": 0.5}) as bench:

        async def main() -> None:
            for token in TOKENS[:150]:
                await bench.push(token)
            await asyncio.sleep(3)
            await asyncio.gather(*(bench.push(token) for token in TOKENS[150:]))
            await asyncio.sleep(60)
            assert rows(tmp_path) == []

        bench.run(main)
    assert bench.apns.accepted[:150] == TOKENS[:150]
    assert sorted(bench.apns.accepted) == TOKENS


def test_requests_that_come_together_share_transactions(tmp_path: Path) -> None:
    with gateway_bench(tmp_path) as bench:

        async def main() -> None:
            answers = await asyncio.gather(*(bench.push(token) for token in TOKENS[:50]))
            assert sorted(answers) == list(range(1, 51))
            await asyncio.sleep(10)

        bench.run(main)
    assert sorted(bench.apns.accepted) == TOKENS[:50]


def test_one_refused_request_does_not_spoil_those_it_shares_a_transaction_with(
    tmp_path: Path, log: Log
) -> None:
    keys = [{"key": "d" * 32, "permissions": ["send_notification"]}]
    with gateway_bench(tmp_path, app={"keys": keys}) as bench:
        headers = {"X-AN-APP-NAME": "moodle", "X-AN-APP-KEY": "d" * 32}

        async def main() -> None:
            await bench.stop_gateway()
            known = [
                {"app_id": 1, "token": token, "device": "ios", "registered": 0.0}
                for token in TOKENS[:20]
            ]
            sql(database_url(tmp_path / "gateway.db"), insert(tokens).values(known))
            await bench.start_gateway()
            answers = await asyncio.gather(
                *(
                    bench.post("/notification/", {"token": token, "alert": "x"}, headers=headers)
                    for token in [*TOKENS[:10], apns_token(5000), *TOKENS[10:20]]
                )
            )
            assert [answer.status for answer in answers] == [200] * 10 + [400] + [200] * 10
            await asyncio.sleep(8)

        bench.run(main)
    assert sorted(bench.apns.accepted) == TOKENS[:20]
    assert len(log("push.accepted")) == 20


def test_pushes_of_a_provider_that_was_removed_are_reported_and_expire(
    tmp_path: Path, log: Log
) -> None:
    with gateway_bench(tmp_path, gcm={"concurrency": 1}) as bench:
        app = bench.settings["apps"][0]

        async def main() -> None:
            bench.gcm.prepared = [web.Response(status=503, headers={"Retry-After": "9999"})]
            for number in range(3):
                await bench.push(gcm_token(number))
            await bench.stop_gateway()
            gcm = app.pop("gcm")
            await bench.start_gateway()
            assert log("push.expired") == []
            await bench.stop_gateway()
            await asyncio.sleep(4000)
            await bench.start_gateway()
            await bench.stop_gateway()
            app["gcm"] = gcm
            await bench.start_gateway()

        bench.run(main)
    known = {"app": "moodle", "provider": "gcm"}
    assert log("outbox.unserved") == [
        {**known, "expired": 0, "waiting": 3},
        {**known, "expired": 3, "waiting": 0},
    ]
    assert [entry["push"] for entry in log("push.expired")] == [1, 2, 3]
    assert rows(tmp_path) == []


def test_a_broadcast_says_how_many_tokens_have_no_provider(tmp_path: Path, log: Log) -> None:
    with gateway_bench(tmp_path, app={"gcm": None}) as bench:

        async def main() -> None:
            await bench.register(apns_token(1))
            for number in range(3):
                await bench.register(gcm_token(number))
            await bench.post("/broadcast/", {"alert": "all"})
            await asyncio.sleep(8)

        bench.run(main)
    skipped = {"broadcast": 1, "app": "moodle", "provider": "gcm", "tokens": 3}
    assert log("broadcast.skipped") == [skipped]
    assert log("broadcast.accepted")[0]["pushes"] == 1


def test_a_broadcast_is_forgotten_with_its_last_push_and_its_number_not_used_again(
    tmp_path: Path,
) -> None:
    def stored() -> list[int]:
        numbers = sql(
            database_url(tmp_path / "gateway.db"), "select id from broadcasts order by id"
        )
        return [number for (number,) in numbers]

    with gateway_bench(tmp_path) as bench:

        async def main() -> None:
            await bench.register(apns_token(1), channel="a")
            await bench.register(gcm_token(1), channel="a")
            for number, channel in enumerate(("a", "nobody", "a"), start=1):
                answer = await bench.post("/broadcast/", {"alert": "all", "channel": channel})
                assert answer.headers["X-AN-Broadcast-Id"] == str(number)
            assert stored() == [1, 3]
            await asyncio.sleep(3)
            assert stored() == [1, 3]  # APNs has not been silent for long enough
            await asyncio.sleep(5)
            assert stored() == []

        bench.run(main)


def test_a_store_of_the_version_before_goes_on_where_it_stopped(tmp_path: Path, log: Log) -> None:
    url = database_url(tmp_path / "gateway.db")
    with gateway_bench(tmp_path) as bench:

        async def main() -> None:
            bench.stop_apns()
            await bench.push(TOKENS[0])
            await bench.push(TOKENS[1])
            await bench.stop_gateway()
            sql(url, "alter table outbox drop column writes")
            await bench.apns_host.start(bench.start_apns)
            await bench.start_gateway()
            await asyncio.sleep(0.5)
            assert sql(url, "select writes from outbox order by id") == [(2,), (2,)]
            await bench.push(TOKENS[2])
            await asyncio.sleep(10)
            assert rows(tmp_path) == []

        bench.run(main)
    assert bench.apns.accepted == TOKENS[:3]
