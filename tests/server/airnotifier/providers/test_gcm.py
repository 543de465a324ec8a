"""What the gateway asks Google's service, and what it makes of the answers."""

import asyncio
from pathlib import Path

import pytest
from aiohttp import web

from server import clock
from server.airnotifier.providers.gcm_answers import Answer, Result, read_answer, retry_after
from tests.server.airnotifier.support import Bench, Log, gateway_bench, gcm_token

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


def test_a_canonical_id_replaces_the_old_one_and_keeps_the_channels(tmp_path: Path) -> None:
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


def test_two_ids_of_one_installation_become_one_with_all_channels(tmp_path: Path) -> None:
    with gateway_bench(tmp_path) as bench:
        bench.gcm.answer = lambda token: {"message_id": "1", "registration_id": TOKENS[9]}

        async def main() -> None:
            await bench.register(TOKENS[0], channel="red,blue")
            await bench.register(TOKENS[9], channel="blue,green")
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
    ("status", "body", "answer"),
    [
        (200, b'{"results":[{"message_id":"a"}]}', Answer("done", results=(Result("a"),))),
        (
            200,
            b'{"results":[{"message_id":1,"registration_id":"n"}]}',
            Answer("done", results=(Result("1", "n"),)),
        ),
        (200, b'{"results":[{"error":"E"}]}', Answer("done", results=(Result(error="E"),))),
        (200, b'{"results":[]}', Answer("later", "malformed_answer")),
        (200, b'{"results":[{}]}', Answer("later", "malformed_answer")),
        (200, b'{"results":7}', Answer("later", "malformed_answer")),
        (200, b'["results"]', Answer("later", "malformed_answer")),
        (200, b"\xff", Answer("later", "malformed_answer")),
        (413, b"", Answer("refused", "http_413")),
        (302, b"", Answer("later", "http_302")),
    ],
)
def test_answers_are_understood_or_asked_again(status: int, body: bytes, answer: Answer) -> None:
    assert read_answer(status, body, 1) == answer


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("120", 120.0),
        ("soon", None),
        ("99999999999", 86_400.0),
        ("Wed, 01 May 2013 08:02:00 GMT", 120.0),
        ("Wed, 01 May 2013 07:00:00 GMT", 0.0),
    ],
)
def test_retry_after_is_a_number_or_a_date(
    monkeypatch: pytest.MonkeyPatch, value: str | None, seconds: float | None
) -> None:
    monkeypatch.setattr(clock, "now", lambda: 1_367_395_200.0)
    assert retry_after(value) == seconds


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
