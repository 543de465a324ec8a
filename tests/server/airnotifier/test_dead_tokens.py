"""A token that a push service has refused, or that was deleted, costs one attempt and no more: the
pushes that wait for it fail unsent, and connections to APNs keep to their pace.
"""

import asyncio
from collections import Counter
from pathlib import Path

import pytest
from aiohttp import web

from server.airnotifier import backlog, departures
from tests.databases import database_url, sql
from tests.server.airnotifier.support import Bench, Log, apns_token, gateway_bench, gcm_token

DEAD = apns_token(999)
GOOD = [apns_token(number) for number in range(60)]


def rows(path: Path) -> list[int]:
    stored = sql(database_url(path / "gateway.db"), "select id from outbox order by id")
    return [number for (number,) in stored]


def reasons(log: Log) -> Counter[str]:
    return Counter(entry["reason"] for entry in log("push.rejected"))


@pytest.mark.parametrize("connections", [1, 3])
def test_thirty_pushes_to_one_dead_token_cost_one_more_connection(
    tmp_path: Path, log: Log, connections: int
) -> None:
    with gateway_bench(tmp_path, apns={"connections": connections}) as bench:
        bench.apns.reject[DEAD] = 8

        async def main() -> None:
            for number in range(30):
                await bench.push(DEAD, f"number {number}")
                await bench.push(GOOD[number])
            await asyncio.sleep(10)
            assert rows(tmp_path) == []

        bench.run(main)
    assert bench.apns.connections <= 1 + connections
    assert sorted(bench.apns.accepted) == GOOD[:30]
    assert reasons(log) == {"invalid_token": 1, "dead_token": 29}
    assert len(log("token.pruned")) == 1
    assert len(log("push.completed")) == 30


def test_after_a_restart_they_cost_one_again(tmp_path: Path, log: Log) -> None:
    with gateway_bench(tmp_path) as bench:
        bench.apns.reject[DEAD] = 8

        async def main() -> None:
            bench.stop_apns()
            for number in range(30):
                await bench.push(DEAD, f"number {number}")
            await bench.stop_gateway()
            await bench.apns_host.start(bench.start_apns)
            await bench.start_gateway()
            await asyncio.sleep(10)
            assert rows(tmp_path) == []

        bench.run(main)
    assert bench.apns.connections == 1
    assert reasons(log) == {"invalid_token": 1, "dead_token": 29}


def test_a_stop_at_the_verdict_fails_them_too(tmp_path: Path, log: Log) -> None:
    with gateway_bench(tmp_path) as bench:
        bench.apns.reject[DEAD] = 8

        async def main() -> None:
            for number in range(5):
                await bench.push(DEAD, f"number {number}")
            while not log("push.rejected"):
                await asyncio.sleep(0.001)
            await bench.stop_gateway()
            assert rows(tmp_path) == []
            await bench.start_gateway()

        bench.run(main)
    assert reasons(log) == {"invalid_token": 1, "dead_token": 4}


def test_what_was_accepted_after_the_app_registered_again_is_sent(tmp_path: Path, log: Log) -> None:
    with gateway_bench(tmp_path) as bench:
        bench.apns.reject[DEAD] = 8

        async def main() -> None:
            await bench.push(DEAD, "to the old registration")
            await bench.push(DEAD, "to that as well")
            await bench.register(DEAD)
            await bench.push(DEAD, "to the new one")
            await asyncio.sleep(10)
            assert rows(tmp_path) == []

        bench.run(main)
    # The new registration gets a verdict of its own.
    assert [(entry["push"], entry["reason"]) for entry in log("push.rejected")] == [
        (1, "invalid_token"),
        (2, "dead_token"),
        (3, "invalid_token"),
    ]
    assert len(log("token.pruned")) == 1


def test_a_dead_token_that_comes_back_is_served(tmp_path: Path, log: Log) -> None:
    with gateway_bench(tmp_path) as bench:
        bench.apns.reject[DEAD] = 8

        async def main() -> None:
            for _ in range(3):
                await bench.push(DEAD)
            await asyncio.sleep(2)
            bench.apns.reject.clear()
            await bench.push(DEAD, "again")
            await asyncio.sleep(10)

        bench.run(main)
    assert [frame.payload["aps"]["alert"] for frame in bench.apns.frames] == ["again"]
    assert reasons(log) == {"invalid_token": 1, "dead_token": 2}


@pytest.mark.parametrize("error", ["NotRegistered", "InvalidRegistration"])
def test_gcm_is_asked_about_a_dead_token_once(tmp_path: Path, log: Log, error: str) -> None:
    dead = gcm_token(999)
    with gateway_bench(tmp_path, gcm={"concurrency": 1}) as bench:

        def answer(token: str) -> dict[str, str]:
            return {"error": error} if token == dead else {"message_id": f"0:{token[-8:]}"}

        bench.gcm.answer = answer

        async def main() -> None:
            bench.gcm.prepared = [web.Response(status=503)]  # they all wait
            await bench.push(gcm_token(0), "first")
            for number in range(1, 10):
                await bench.push(dead, f"number {number}")
                await bench.push(gcm_token(number), f"number {number}")
            await asyncio.sleep(20)
            assert rows(tmp_path) == []

        bench.run(main)
    asked = Counter(token for each in bench.gcm.requests for token in each["registration_ids"])
    assert asked[dead] == 1
    assert reasons(log) == {error: 1, "dead_token": 8}
    assert len(log("push.completed")) == 10


def test_gcm_is_asked_again_for_a_token_with_another_trouble(tmp_path: Path, log: Log) -> None:
    with gateway_bench(tmp_path, gcm={"concurrency": 1}) as bench:
        bench.gcm.answer = lambda _: {"error": "MismatchSenderId"}

        async def main() -> None:
            for number in range(3):
                await bench.push(gcm_token(1), f"number {number}")
            await asyncio.sleep(5)

        bench.run(main)
    assert reasons(log) == {"MismatchSenderId": 3}


async def fill(bench: Bench) -> None:
    """Pushes that wait: APNs is away, and GCM has asked for patience."""
    bench.stop_apns()
    bench.gcm.prepared = [web.Response(status=503, headers={"Retry-After": "20"})]
    await bench.push(gcm_token(0))
    await asyncio.sleep(1)
    for number in range(1, 4):
        await bench.push(DEAD, f"number {number}")
        await bench.push(GOOD[number])
        await bench.push(gcm_token(999), f"number {number}")
        await bench.push(gcm_token(number))


def test_pushes_that_wait_for_a_token_which_is_deleted_fail_unsent(
    tmp_path: Path, log: Log
) -> None:
    with gateway_bench(tmp_path) as bench:

        async def main() -> None:
            await fill(bench)
            for token in (DEAD, gcm_token(999)):
                assert (await bench.request("DELETE", f"/tokens/{token}")).status == 200
            await bench.apns_host.start(bench.start_apns)
            await bench.push(DEAD, "registered again")
            await asyncio.sleep(90)
            assert rows(tmp_path) == []

        bench.run(main)
    alerts = [frame.payload["aps"]["alert"] for frame in bench.apns.frames if frame.token == DEAD]
    assert alerts == ["registered again"]
    assert [token for token in bench.apns.accepted if token != DEAD] == GOOD[1:4]
    asked = {token for each in bench.gcm.requests for token in each["registration_ids"]}
    assert gcm_token(999) not in asked
    assert reasons(log) == {"token_deleted": 6}


@pytest.mark.parametrize("ending", ["crash", "stop"])
@pytest.mark.parametrize("again", ["before", "after", "never"])
def test_a_token_that_was_deleted_stays_so_over_restarts(
    tmp_path: Path, log: Log, ending: str, again: str
) -> None:
    """What was accepted before is not sent, when the app registered again before the restart, too;
    what was accepted after that is."""
    with gateway_bench(tmp_path) as bench:

        async def push_again() -> None:
            for token in (DEAD, gcm_token(999)):
                await bench.push(token, "registered again")

        async def main() -> None:
            await fill(bench)
            for token in (DEAD, gcm_token(999)):
                assert (await bench.request("DELETE", f"/tokens/{token}")).status == 200
            if again == "before":
                await push_again()
            for _ in range(2):
                if ending == "crash":
                    bench.gateway_host.crash()
                    bench.gateway_host.boot()
                else:
                    await bench.stop_gateway()
                await bench.start_gateway()
            await bench.apns_host.start(bench.start_apns)
            if again == "after":
                await push_again()
            await asyncio.sleep(90)
            assert rows(tmp_path) == []

        bench.run(main)
    alerts = [frame.payload["aps"]["alert"] for frame in bench.apns.frames if frame.token == DEAD]
    sent = [] if again == "never" else ["registered again"]
    assert alerts == sent
    to_google = [
        each["data"]["message"]
        for each in bench.gcm.requests
        if gcm_token(999) in each["registration_ids"]
    ]
    assert [*dict.fromkeys(to_google)] == sent
    assert [token for token in bench.apns.accepted if token != DEAD] == GOOD[1:4]
    # A crash may come between the log and the database, and then it is concluded once more.
    concluded = {(entry["push"], entry["reason"]) for entry in log("push.rejected")}
    assert concluded == {(number, "token_deleted") for number in range(2, 14, 2)}


def test_more_deleted_tokens_than_a_page_of_the_outbox_stay_unsent(
    tmp_path: Path, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(departures, "REMEMBERED_TOKENS", 5)
    monkeypatch.setattr(backlog, "PAGE", 4)
    monkeypatch.setattr(backlog, "CAPACITY", 4)
    with gateway_bench(tmp_path) as bench:

        async def main() -> None:
            bench.stop_apns()
            for number in range(30):
                await bench.push(GOOD[number])
            for number in range(30):
                assert (await bench.request("DELETE", f"/tokens/{GOOD[number]}")).status == 200
            await bench.stop_gateway()
            await bench.apns_host.start(bench.start_apns)
            await bench.start_gateway()
            await asyncio.sleep(90)
            assert rows(tmp_path) == []

        bench.run(main)
    assert bench.apns.frames == []
    assert reasons(log) == {"token_deleted": 30}


def test_a_refused_id_of_google_is_not_asked_for_again_after_a_restart(
    tmp_path: Path, log: Log
) -> None:
    dead = gcm_token(999)
    with gateway_bench(tmp_path) as bench:
        bench.gcm.answer = lambda token: {"error": "NotRegistered"}

        async def main() -> None:
            await bench.push(dead)
            while not log("token.pruned"):
                await asyncio.sleep(0.01)
            # The process ends with rows of that token left, as it would with many waiting.
            statement = (
                "insert into outbox (id, app, provider, token, payload, accepted, expires, writes)"
                f" values (1, 'moodle', 'gcm', '{dead}', '{{}}', 0, 4000000000, 0)"
            )
            await bench.stop_gateway()
            sql(database_url(tmp_path / "gateway.db"), statement)
            await bench.start_gateway()
            await asyncio.sleep(10)
            assert rows(tmp_path) == []

        bench.run(main)
    assert len(bench.gcm.requests) == 1
    assert reasons(log)["dead_token"] == 1


def test_what_no_waiting_push_is_for_is_forgotten(tmp_path: Path, log: Log) -> None:
    with gateway_bench(tmp_path) as bench:

        async def main() -> None:
            for number in range(10):
                await bench.register(GOOD[number])
                await bench.request("DELETE", f"/tokens/{GOOD[number]}")
                await asyncio.sleep(1800)

        bench.run(main)
    url = database_url(tmp_path / "gateway.db")
    assert len(sql(url, "select token from dead_tokens")) <= 3


@pytest.mark.parametrize("settings", [{}, {"connects_per_minute": 5, "connections": 3}])
def test_connections_to_apns_keep_to_their_pace(
    tmp_path: Path, log: Log, settings: dict[str, int]
) -> None:
    limit = settings.get("connects_per_minute", 12)
    times: list[float] = []
    with gateway_bench(tmp_path, apns=settings) as bench:
        serve = bench.apns.serve

        async def count(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            times.append(bench.world.env.now)
            await serve(reader, writer)

        bench.apns.serve = count  # type: ignore[method-assign]
        dead = [apns_token(1000 + number) for number in range(30)]
        bench.apns.reject = dict.fromkeys(dead, 8)

        async def main() -> None:
            bench.stop_apns()
            await bench.apns_host.start(bench.start_apns)
            for number, token in enumerate(dead):
                await bench.push(token)
                await bench.push(GOOD[number])
            await asyncio.sleep(600)
            assert rows(tmp_path) == []

        bench.run(main)
    assert sorted(bench.apns.accepted) == GOOD[:30]
    assert reasons(log) == {"invalid_token": 30}
    assert len(times) >= 30
    spans = [after - before for before, after in zip(times, times[limit:], strict=False)]
    assert min(spans) >= 59.9  # what the network adds differs
