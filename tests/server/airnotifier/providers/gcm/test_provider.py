"""What the gateway asks Google's service, and what it makes of the answers."""

import asyncio
import itertools
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from server import clock
from server.airnotifier.providers.gcm.answers import MAX_ANSWER
from server.http_client import LONGEST_LINE, MOST_HEADERS
from server.logs import token_ref
from tests.server.airnotifier.support import (
    Bench,
    Log,
    apns_token,
    gateway_bench,
    gcm_document,
    gcm_token,
)

TOKENS = [gcm_token(number) for number in range(20)]


async def push_and_wait(bench: Bench, count: int, seconds: float = 60.0) -> None:
    for token in TOKENS[:count]:
        await bench.push(token, "hello", type="x", collapse_key="k")
    await asyncio.sleep(seconds)


def reached(bench: Bench) -> list[str]:
    return [token for request in bench.gcm.requests for token in request["registration_ids"]]


def test_a_request_as_google_documents_it(tmp_path: Path, log: Log) -> None:
    with gateway_bench(tmp_path) as bench:
        bench.run(lambda: push_and_wait(bench, 1, 1.0))
    (request,) = bench.gcm.requests
    assert 3590 <= request.pop("time_to_live") <= 3600
    assert request == {
        "registration_ids": [TOKENS[0]],
        "data": {"type": "x", "message": "hello"},
        "collapse_key": "k",
    }
    assert bench.gcm.headers[0]["Authorization"] == "key=AIzaSyTest"
    assert bench.gcm.headers[0]["Content-Type"] == "application/json"
    (completed,) = log("push.completed")
    assert completed["message_id"] == f"0:{TOKENS[0][-8:]}"


@pytest.mark.parametrize(
    ("error", "pruned"),
    [("NotRegistered", 1), ("InvalidRegistration", 1), ("MismatchSenderId", 0)],
)
def test_a_refused_token_is_rejected_and_a_dead_one_pruned(
    tmp_path: Path, log: Log, error: str, pruned: int
) -> None:
    with gateway_bench(tmp_path) as bench:
        bench.gcm.answer = lambda token: (
            {"error": error} if token == TOKENS[1] else {"message_id": "1"}
        )
        bench.run(lambda: push_and_wait(bench, 3, 1.0))
    assert [entry["reason"] for entry in log("push.rejected")] == [error]
    assert len(log("push.completed")) == 2
    assert len(log("token.pruned")) == pruned


def test_a_canonical_id_replaces_the_old_one_and_keeps_the_channels(
    tmp_path: Path, log: Log
) -> None:
    with gateway_bench(tmp_path) as bench:
        bench.gcm.answer = lambda token: {"message_id": "1", "registration_id": TOKENS[9]}

        async def main() -> None:
            await bench.register(TOKENS[0], channel="red")
            await bench.push(TOKENS[0])
            await asyncio.sleep(1)
            await bench.post("/broadcast/", {"alert": "x", "channel": "red"})
            await asyncio.sleep(1)
            answer = await bench.request("DELETE", f"/tokens/{TOKENS[0]}")
            assert answer.status == 404

        bench.run(main)
    assert reached(bench) == [TOKENS[0], TOKENS[9]]
    [replaced] = log("token.replaced")
    assert replaced == {
        "app": "moodle",
        "token_ref": token_ref(TOKENS[0]),
        "canonical_ref": token_ref(TOKENS[9]),
    }


def test_two_ids_of_one_installation_become_one_with_all_channels(tmp_path: Path) -> None:
    with gateway_bench(tmp_path) as bench:
        bench.gcm.answer = lambda token: {"message_id": "1", "registration_id": TOKENS[9]}

        async def main() -> None:
            for token, channels in ((TOKENS[0], ("red", "blue")), (TOKENS[9], ("blue", "green"))):
                for channel in channels:
                    await bench.register(token, channel=channel)
            await bench.push(TOKENS[0])
            await asyncio.sleep(1)
            for channel in ("red", "blue", "green"):
                await bench.post("/broadcast/", {"alert": "x", "channel": channel})
                await asyncio.sleep(1)

        bench.run(main)
    assert reached(bench) == [TOKENS[0], *[TOKENS[9]] * 3]


@pytest.mark.parametrize("error", ["Unavailable", "InternalServerError"])
def test_an_unavailable_token_is_asked_again_alone(tmp_path: Path, log: Log, error: str) -> None:
    failures = [TOKENS[1]] * 3

    def answer(token: str) -> dict[str, str]:
        if token in failures:
            failures.remove(token)
            return {"error": error}
        return {"message_id": "1"}

    with gateway_bench(tmp_path) as bench:
        bench.gcm.answer = answer
        bench.run(lambda: push_and_wait(bench, 3))
    assert len(log("push.completed")) == 3
    delays = [entry["delay"] for entry in log("push.retry")]
    assert [0.5 <= delays[0] <= 1, 1 <= delays[1] <= 2, 2 <= delays[2] <= 4] == [True] * 3
    assert reached(bench).count(TOKENS[1]) == 4


@pytest.mark.parametrize("status", [500, 503, 401])
def test_a_server_in_trouble_is_left_alone_for_a_while(
    tmp_path: Path, log: Log, status: int
) -> None:
    with gateway_bench(tmp_path, gcm={"concurrency": 1}) as bench:
        bench.gcm.prepared = [web.Response(status=status, headers={"Retry-After": "30"})]
        bench.run(lambda: push_and_wait(bench, 5))
    assert len(log("push.completed")) == 5
    assert bench.gcm.times[1] - bench.gcm.times[0] > 30
    assert log("push.retry")[0]["delay"] == 30
    assert log("push.retry")[0]["reason"] == f"http_{status}"


def test_a_request_without_an_answer_is_made_again(tmp_path: Path, log: Log) -> None:
    with gateway_bench(tmp_path, gcm={"timeout": 3}) as bench:
        bench.gcm.prepared = [20.0]
        bench.run(lambda: push_and_wait(bench, 1))
    assert reached(bench) == [TOKENS[0]] * 2
    assert [entry["reason"] for entry in log("push.retry")] == ["TimeoutError"]
    assert len(log("push.completed")) == 1


def test_a_request_that_google_refuses_is_not_repeated(tmp_path: Path, log: Log) -> None:
    with gateway_bench(tmp_path) as bench:
        bench.gcm.prepared = [web.Response(status=400, text="no")]
        bench.run(lambda: push_and_wait(bench, 1))
    assert len(bench.gcm.requests) == 1
    assert [entry["reason"] for entry in log("push.rejected")] == ["http_400"]


def test_a_push_that_google_never_takes_expires(tmp_path: Path, log: Log) -> None:
    with gateway_bench(tmp_path, gcm={"time_to_live": 100}) as bench:
        bench.gcm.answer = lambda token: {"error": "Unavailable"}
        bench.run(lambda: push_and_wait(bench, 1, 300))
    assert len(log("push.expired")) == 1
    assert 5 < len(bench.gcm.requests) < 12


def test_a_broadcast_shares_requests_of_a_thousand_ids(tmp_path: Path, log: Log) -> None:
    with gateway_bench(tmp_path) as bench:

        async def main() -> None:
            for number in range(1203):
                await bench.register(gcm_token(number))
            await bench.post("/broadcast/", {"alert": "all"})
            await asyncio.sleep(5)

        bench.run(main)
    assert sorted(len(request["registration_ids"]) for request in bench.gcm.requests) == [203, 1000]
    assert len(log("push.completed")) == 1203


def test_two_equal_pushes_to_one_phone_are_two_pushes(tmp_path: Path, log: Log) -> None:
    with gateway_bench(tmp_path, gcm={"concurrency": 1}) as bench:

        async def main() -> None:
            for _ in range(4):
                await bench.push(TOKENS[0], "same")
            await asyncio.sleep(5)

        bench.run(main)
    assert reached(bench) == [TOKENS[0]] * 4
    assert len(log("push.completed")) == 4


def test_requests_in_flight_are_bounded(tmp_path: Path) -> None:
    with gateway_bench(tmp_path, gcm={"concurrency": 3}) as bench:
        bench.gcm.delay = 5.0

        async def main() -> None:
            await asyncio.gather(*(bench.push(token, token) for token in TOKENS))
            await asyncio.sleep(60)

        bench.run(main)
    assert bench.gcm.most_in_flight == 3
    assert sorted(reached(bench)) == TOKENS


def test_a_slow_push_service_does_not_slow_the_api(tmp_path: Path) -> None:
    with gateway_bench(tmp_path, gcm={"concurrency": 1}) as bench:
        bench.gcm.delay = 20.0

        async def main() -> None:
            start = asyncio.get_running_loop().time()
            for token in TOKENS:
                await bench.push(token, token)
            assert asyncio.get_running_loop().time() - start < 5

        bench.run(main)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Retry-After": "0"},
        {"Retry-After": "-30"},
        {"Retry-After": "Wed, 01 May 2013 00:00:00 GMT"},
        {"Retry-After": "Wed, 01 May 2013 07:30:00 GMT", "Date": "Wed, 01 May 2013 07:30:00 GMT"},
    ],
)
@pytest.mark.parametrize("trouble", ["status", "result"])
def test_no_answer_makes_the_gateway_ask_sooner_than_its_own_back_off(
    tmp_path: Path, log: Log, headers: dict[str, str], trouble: str
) -> None:
    def refusal(request: int) -> web.Response:
        if trouble == "status":
            return web.Response(status=503, headers=headers)
        return web.json_response(gcm_document([{"error": "Unavailable"}]), headers=headers)

    with gateway_bench(tmp_path) as bench:
        bench.gcm.prepared = [refusal(request) for request in range(6)]
        bench.run(lambda: push_and_wait(bench, 1, 120))
    times = bench.gcm.times
    waits = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert len(waits) == 6
    assert [wait >= 0.5 * 2**number for number, wait in enumerate(waits)] == [True] * 6
    assert len(log("push.completed")) == 1


def test_a_date_counts_from_the_answer_though_the_gateways_clock_is_slow(
    tmp_path: Path, log: Log
) -> None:
    headers = {
        "Date": "Thu, 01 Jan 2099 00:00:00 GMT",
        "Retry-After": "Thu, 01 Jan 2099 00:00:40 GMT",
    }
    with gateway_bench(tmp_path) as bench:
        bench.gcm.prepared = [web.Response(status=503, headers=headers)]
        bench.run(lambda: push_and_wait(bench, 1, 120))
    assert [entry["delay"] for entry in log("push.retry")] == [40]
    assert len(log("push.completed")) == 1


def test_an_id_that_failed_more_often_waits_longer_than_a_new_one_beside_it(
    tmp_path: Path, log: Log
) -> None:
    """The two share a request, whose answer asks for less than either waits."""
    failing = [*[TOKENS[0]] * 4, TOKENS[1]]

    def answer(token: str) -> dict[str, str]:
        if token in failing:
            failing.remove(token)
            return {"error": "Unavailable"}
        return {"message_id": "1"}

    with gateway_bench(tmp_path, gcm={"concurrency": 1, "backoff_initial": 0.01}) as bench:
        bench.gcm.answer = answer

        async def main() -> None:
            # Pushes with the same message have the same second of expiry.
            await asyncio.sleep(1 - clock.now() % 1)
            await bench.push(TOKENS[0], "same")
            while len(bench.gcm.requests) < 3:
                await asyncio.sleep(0.01)
            bench.gcm.delay = 0.3
            await bench.push(TOKENS[5], "other")  # those that come meanwhile share the next request
            await bench.push(TOKENS[1], "same")
            await asyncio.sleep(60)

        bench.run(main)
    assert bench.gcm.requests[4]["registration_ids"] == [TOKENS[0], TOKENS[1]]
    delays = [entry["delay"] for entry in log("push.retry")]
    assert len(delays) == 5
    assert [0.04 <= delays[3] <= 0.08, 0.005 <= delays[4] <= 0.01] == [True, True]


def test_only_so_many_pushes_wait_for_another_try(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.airnotifier.providers.gcm.provider.CAPACITY", 5)
    with gateway_bench(tmp_path, gcm={"concurrency": 1}) as bench:
        bench.gcm.answer = lambda token: {"error": "Unavailable"}

        async def main() -> None:
            for number, token in enumerate(TOKENS):
                await bench.push(token, f"each its own request {number}")
            await asyncio.sleep(0.4)

        bench.run(main)
    assert len(bench.gcm.requests) <= 5


def test_an_answer_that_does_not_end_is_not_read_to_its_end(tmp_path: Path, log: Log) -> None:
    with gateway_bench(tmp_path) as bench:
        bench.gcm.prepared = [web.Response(body=b" " * (MAX_ANSWER + 1))]
        bench.run(lambda: push_and_wait(bench, 1))
    assert [entry["reason"] for entry in log("push.retry")] == ["answer_too_long"]
    assert len(log("push.completed")) == 1


@pytest.mark.parametrize("length", ["-1", "1e3", "9" * 30, "5, 6"])
def test_a_length_that_is_none_is_a_failure_like_others(
    tmp_path: Path, log: Log, length: str
) -> None:
    with gateway_bench(tmp_path, gcm={"timeout": 5}) as bench:
        bench.gcm.prepared = [web.Response(headers={"Content-Length": length})]
        bench.run(lambda: push_and_wait(bench, 1))
    assert len(log("push.retry")) == 1
    assert len(log("push.completed")) == 1


@pytest.mark.parametrize(
    "canonical", ["", "a b", "\x00" * 150, "ä" * 150, "x" * 4097, 7, True, ["x"], {"a": 1}]
)
def test_a_canonical_id_that_cannot_be_one_is_not_stored(tmp_path: Path, canonical: Any) -> None:
    with gateway_bench(tmp_path) as bench:
        bench.gcm.answer = lambda token: {"message_id": "1", "registration_id": canonical}

        async def main() -> None:
            await bench.register(TOKENS[0])
            await bench.push(TOKENS[0])
            await asyncio.sleep(1)
            assert (await bench.request("DELETE", f"/tokens/{TOKENS[0]}")).status == 200

        bench.run(main)


def test_a_canonical_id_does_not_lead_to_another_push_service(tmp_path: Path) -> None:
    iphone = apns_token(1)
    with gateway_bench(tmp_path) as bench:
        bench.gcm.answer = lambda token: {"message_id": "1", "registration_id": iphone}

        async def main() -> None:
            await bench.register(TOKENS[0], channel="red")
            await bench.register(iphone, device="ios")
            await bench.push(TOKENS[0])
            await asyncio.sleep(1)
            await bench.post("/broadcast/", {"alert": "x", "channel": "red"})
            await asyncio.sleep(1)

        bench.run(main)
    assert reached(bench) == [TOKENS[0]] * 2
    assert bench.apns.accepted == []


def test_canonical_ids_that_name_each_other_end_as_one_registration(tmp_path: Path) -> None:
    other = {TOKENS[0]: TOKENS[1], TOKENS[1]: TOKENS[0]}
    with gateway_bench(tmp_path) as bench:
        bench.gcm.answer = lambda token: {"message_id": "1", "registration_id": other[token]}

        async def main() -> None:
            await bench.register(TOKENS[0], channel="red")
            await bench.register(TOKENS[1], channel="red")
            for _ in range(4):
                await bench.post("/broadcast/", {"alert": "x", "channel": "red"})
                await asyncio.sleep(1)

        bench.run(main)
    assert [len(request["registration_ids"]) for request in bench.gcm.requests] == [2, 1, 1, 1]


def test_a_gateway_that_has_stopped_says_no_more_of_a_request_without_an_answer(
    tmp_path: Path, log: Log
) -> None:
    with gateway_bench(tmp_path) as bench:
        bench.gcm.prepared = [1000.0]

        async def main() -> None:
            # Timeouts come at whole seconds of the loop; so this one comes when it has stopped.
            await asyncio.sleep(1.3 - asyncio.get_running_loop().time() % 1)
            await bench.push(TOKENS[0])
            await bench.stop_gateway()
            await bench.start_gateway()
            await asyncio.sleep(10)

        bench.run(main)
    assert log("push.retry") == []
    assert len(log("push.completed")) == 1


@pytest.mark.parametrize(
    "headers",
    [
        {f"X-{number}": "x" for number in range(MOST_HEADERS + 1)},
        {"X-Long": "x" * (LONGEST_LINE + 1)},
    ],
    ids=["too many headers", "a header too long"],
)
def test_an_answer_whose_head_is_too_large_is_a_failure_like_others(
    tmp_path: Path, log: Log, headers: dict[str, str]
) -> None:
    with gateway_bench(tmp_path) as bench:
        bench.gcm.prepared = [web.Response(headers=headers)]
        bench.run(lambda: push_and_wait(bench, 1))
    assert [entry["reason"] for entry in log("push.retry")] == ["ClientResponseError"]
    assert len(log("push.completed")) == 1
