"""The HTTP API as clients of 2013 and 2014 use it, and as nobody should."""

import asyncio
import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.databases import database_url, sql
from tests.server.airnotifier.support import (
    APP_KEY,
    FULL_KEY,
    HEADERS,
    SITE_KEY,
    Bench,
    Log,
    apns_token,
    ask,
    gateway_bench,
    gcm_token,
)

TOKEN = apns_token(0xABC)
APP_HEADERS = {**HEADERS, "X-AN-APP-KEY": APP_KEY}
SITE_HEADERS = {**HEADERS, "X-AN-APP-KEY": SITE_KEY}


def test_registering_answers_ok_and_then_token_exists_in_the_wire_format_of_airnotifier(
    tmp_path: Path,
) -> None:
    first, second = ask(
        tmp_path, ("POST", f"/tokens/{TOKEN}", {}), ("POST", f"/tokens/{TOKEN}", {})
    )
    assert (first.status, first.text) == (200, '{"status": "ok"}')
    assert first.headers["Content-Length"] == "16"
    assert first.headers["Content-Type"] == "application/json; charset=utf-8"
    assert (second.status, second.text) == (200, '{"status": "token exists"}')


@pytest.mark.parametrize("path", ["/tokens", "/tokens/"])
@pytest.mark.parametrize("options", [{"data": {"token": TOKEN}}, {"json": {"token": TOKEN}}])
def test_the_token_may_come_in_the_body(tmp_path: Path, path: str, options: dict[str, Any]) -> None:
    answers = ask(tmp_path, ("POST", path, options), ("POST", f"/tokens/{TOKEN}", {}))
    assert [answer.json["status"] for answer in answers] == ["ok", "token exists"]


def test_both_slash_forms_answer_without_a_redirect(tmp_path: Path) -> None:
    push = {"data": {"token": TOKEN, "alert": "hi"}}
    answers = ask(
        tmp_path,
        ("POST", "/notification", push),
        ("POST", "/notification/", push),
        ("POST", "/broadcast", {"data": {"alert": "hi"}}),
        ("POST", "/broadcast/", {"data": {"alert": "hi"}}),
        ("POST", f"/tokens/{apns_token(1)}/", {}),
        ("DELETE", f"/tokens/{apns_token(1)}/", {}),
    )
    assert [answer.status for answer in answers] == [200] * 6
    assert answers[0].text == '{"status": "ok"}'
    assert [answer.headers["X-AN-Push-Id"] for answer in answers[:2]] == ["1", "2"]
    assert answers[2].headers["X-AN-Broadcast-Id"] == "1"


def test_deleting_says_whether_there_was_something(tmp_path: Path) -> None:
    answers = ask(
        tmp_path,
        ("POST", f"/tokens/{TOKEN}", {}),
        ("DELETE", f"/tokens/{TOKEN.upper()}", {}),
        ("DELETE", f"/tokens/{TOKEN}", {}),
    )
    assert [answer.status for answer in answers] == [200, 200, 404]
    assert answers[1].json == {"status": "deleted"}
    assert answers[2].json == {"status": "Token does't exist"}


@pytest.mark.parametrize("token", ["a%00b", "A" * 63 + "%00", "%ff%fe", "x" * 5000])
def test_what_cannot_be_a_token_is_not_there_to_be_deleted(tmp_path: Path, token: str) -> None:
    [answer] = ask(tmp_path, ("DELETE", f"/tokens/{token}", {}))
    assert (answer.status, answer.json) == (404, {"status": "Token does't exist"})


def test_a_watcher_learns_that_the_gateway_serves(tmp_path: Path) -> None:
    [health] = ask(tmp_path, ("GET", "/health", {}))
    assert (health.status, health.json) == (200, {"status": "ok"})


def test_the_front_page_unknown_paths_and_wrong_methods(tmp_path: Path) -> None:
    front, lost, wrong = ask(
        tmp_path, ("GET", "/", {}), ("GET", "/secret", {}), ("GET", "/notification/", {})
    )
    assert front.status == 200
    assert (lost.status, lost.json) == (404, {"error": "Not found"})
    assert (wrong.status, wrong.headers["Allow"]) == (405, "POST")


def multipart(**fields: str) -> aiohttp.MultipartWriter:
    writer = aiohttp.MultipartWriter("form-data")
    for name, value in fields.items():
        part = writer.append(value)
        part.set_content_disposition("form-data", name=name)
    return writer


@pytest.mark.parametrize("dialect", ["form", "multipart", "json", "json as form", "escaped json"])
def test_a_push_reaches_apns_in_every_dialect(tmp_path: Path, dialect: str) -> None:
    fields = {"token": TOKEN, "alert": "Grüße & <b>", "date": "1367395200", "id": "77"}
    form_type = {**HEADERS, "Content-Type": "application/x-www-form-urlencoded"}
    text = json.dumps(fields)
    options: dict[str, dict[str, Any]] = {
        "form": {"data": fields},
        "multipart": {"data": multipart(**fields)},
        "json": {"json": fields},
        "json as form": {"data": text, "headers": form_type},
        "escaped json": {
            "data": text.replace("{", "%7B").replace('"', "%22"),
            "headers": form_type,
        },
    }
    with gateway_bench(tmp_path) as bench:

        async def main() -> None:
            answer = await bench.request("POST", "/notification/", **options[dialect])
            assert answer.status == 200, answer
            await asyncio.sleep(1)

        bench.run(main)
    (frame,) = bench.apns.frames
    assert frame.token == TOKEN
    assert frame.payload == {"aps": {"alert": "Grüße & <b>"}, "date": "1367395200", "id": "77"}


def test_the_body_overrides_the_query_and_the_last_value_wins(tmp_path: Path) -> None:
    with gateway_bench(tmp_path) as bench:

        async def main() -> None:
            body = f"token={TOKEN}&alert=second&alert=+third+"
            await bench.post("/notification/?alert=first&x=1", body)
            await asyncio.sleep(1)

        bench.run(main)
    assert bench.apns.frames[0].payload == {"aps": {"alert": "third"}, "x": "1"}


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ({"data": "{bad json"}, 400),
        ({"data": '{"alert": NaN}'}, 400),
        ({"data": "[" * 50_000, "headers": {**HEADERS, "Content-Type": "application/json"}}, 400),
        ({"json": {"alert": {"body": "x"}, "token": TOKEN}}, 400),
        ({"data": '{"alert": "x", "token": {"$ne": null}}'}, 400),
        ({"data": '{"alert": "x", "token": null}'}, 400),
        ({"data": b"\xff\xfe\x00"}, 400),
        ({"data": "x", "headers": {**HEADERS, "Content-Type": "multipart/form-data"}}, 400),
        ({"data": "&".join(f"a{i}=1" for i in range(1000))}, 400),
        ({"data": {"token": TOKEN}}, 400),
        ({"data": {"token": TOKEN, "alert": "x", "aps": "evil"}}, 400),
        ({"data": {"token": TOKEN, "alert": "x", "badge": "many"}}, 400),
        ({"data": {"token": TOKEN, "alert": "x", "device": "toaster"}}, 400),
        ({"data": {"token": TOKEN, "alert": "x", "big": "y" * 300}}, 400),
        ({"data": {"token": gcm_token(1), "alert": "x", "from": "me"}}, 400),
        ({"data": {"token": gcm_token(1), "alert": "x" * 4100}}, 400),
        ({"data": "alert=" + "x" * 70_000}, 413),
        ({"data": b"not gzip", "headers": {**HEADERS, "Content-Encoding": "gzip"}}, 400),
    ],
)
def test_bad_input_is_an_error_stores_nothing_and_the_server_goes_on(
    tmp_path: Path, log: Log, options: dict[str, Any], status: int
) -> None:
    bad, good = ask(tmp_path, ("POST", "/notification/", options), ("POST", f"/tokens/{TOKEN}", {}))
    assert bad.status == status, bad
    assert list(bad.json) == ["error"]
    assert log("push.accepted") == []
    assert good.json == {"status": "ok"}  # not "token exists"


@pytest.mark.parametrize("raw", [b"\x16\x03\x01\x02\x00\x01\x00", b"POST\r\n\r\n", b"\x00" * 100])
def test_what_is_not_http_is_closed_and_the_server_goes_on(tmp_path: Path, raw: bytes) -> None:
    with gateway_bench(tmp_path) as bench:

        async def main() -> None:
            reader, writer = await asyncio.open_connection("gateway", 8801)
            writer.write(raw)
            reply = await reader.read()
            assert reply.startswith(b"HTTP/1.")
            assert b" 400 " in reply.split(b"\r\n")[0]
            assert b"Traceback" not in reply
            writer.close()
            await bench.register(TOKEN)

        bench.run(main)


def test_an_application_without_a_provider_is_offline_and_the_log_says_why(
    tmp_path: Path, log: Log
) -> None:
    first, second = ask(
        tmp_path,
        ("POST", "/notification/", {"data": {"token": gcm_token(1), "alert": "x"}}),
        ("POST", "/broadcast/", {"data": {"alert": "x"}}),
        app={"gcm": None, "apns": None},
    )
    assert (first.status, first.json) == (500, {"error": "GCM is offline"})
    assert (second.status, second.json) == (500, {"error": "APNs is offline"})
    reasons = [f"no {name} is configured for the application" for name in ("GCM", "APNs")]
    assert [entry["reason"] for entry in log("request.refused")] == reasons
    assert [entry["reason"] for entry in log("push.refused")] == reasons[:1]


async def subscribe(bench: Bench) -> None:
    await bench.register(apns_token(1), channel="red")
    await bench.register(apns_token(2))
    for channel in ("red", "blue"):
        await bench.register(apns_token(3), channel=channel)
    await bench.register(gcm_token(4), channel="red", device="Android")
    await bench.register(apns_token(2), channel="blue")


@pytest.mark.parametrize(
    ("arguments", "audience"),
    [
        ({}, [apns_token(2)]),
        ({"channel": "red"}, [apns_token(1), apns_token(3), gcm_token(4)]),
        ({"channel": "blue"}, [apns_token(2), apns_token(3)]),
        ({"channel": "red", "device": "ios"}, [apns_token(1), apns_token(3)]),
        ({"channel": "red", "device": "android"}, [gcm_token(4)]),
        ({"channel": "green"}, []),
    ],
)
def test_a_broadcast_reaches_exactly_its_channel(
    tmp_path: Path, log: Log, arguments: dict[str, str], audience: list[str]
) -> None:
    with gateway_bench(tmp_path) as bench:

        async def main() -> None:
            await subscribe(bench)
            answer = await bench.post("/broadcast/", {"alert": "all", "job": "7", **arguments})
            assert answer.text == '{"status": "ok"}'
            await asyncio.sleep(8)

        bench.run(main)
    reached = bench.apns.accepted + [
        token for request in bench.gcm.requests for token in request["registration_ids"]
    ]
    assert reached == audience
    assert log("broadcast.accepted")[0]["pushes"] == len(audience)
    assert [entry["broadcast"] for entry in log("push.accepted")] == [1] * len(audience)
    assert all(frame.payload["job"] == "7" for frame in bench.apns.frames)


def test_no_token_and_no_text_reaches_the_log(tmp_path: Path, caplog: Any) -> None:
    caplog.set_level("INFO")
    with gateway_bench(tmp_path) as bench:
        bench.apns.reject[apns_token(9)] = 8

        async def main() -> None:
            await bench.register(TOKEN)
            await bench.push(TOKEN, "a secret message")
            await bench.push(apns_token(9), "a secret message")
            await bench.post("/notification/", {"token": "bad-token-text", "alert": "secret"})
            await bench.request("DELETE", f"/tokens/{TOKEN}", headers=SITE_HEADERS)
            await asyncio.sleep(8)

        bench.run(main)
    text = repr([vars(record) for record in caplog.records if record.name == "airnotifier"])
    assert "push.rejected" in text
    for secret in (TOKEN, apns_token(9), "secret", "bad-token-text", FULL_KEY, SITE_KEY):
        assert secret not in text


def test_a_known_token_goes_where_it_is_registered_and_a_device_that_contradicts_is_refused(
    tmp_path: Path, log: Log
) -> None:
    google = apns_token(0xDEF)  # nothing forbids a registration id that looks like this
    with gateway_bench(tmp_path) as bench:

        async def main() -> None:
            bench.gcm.answer = lambda token: {"error": "InvalidRegistration"}
            await bench.register(TOKEN, device="ios")
            wrong = {"token": TOKEN, "alert": "x", "device": "android"}
            answer = await bench.post("/notification/", wrong)
            assert (answer.status, answer.json) == (400, {"error": "Invalid device type"})
            await bench.push(TOKEN)
            bench.gcm.answer = lambda token: {"message_id": "0:1"}
            await bench.register(google, device="android")
            await bench.push(google)
            wrong = {"token": google, "alert": "x", "device": "ios"}
            answer = await bench.post("/notification/", wrong)
            assert (answer.status, answer.json) == (400, {"error": "Invalid device type"})
            await asyncio.sleep(8)

        bench.run(main)
    assert bench.apns.accepted == [TOKEN]
    assert [request["registration_ids"] for request in bench.gcm.requests] == [[google]]
    assert log("token.pruned") == []


def test_a_push_service_prunes_only_tokens_that_are_registered_for_it(
    tmp_path: Path, log: Log
) -> None:
    with gateway_bench(tmp_path) as bench:

        async def main() -> None:
            bench.gcm.answer = lambda token: {"error": "InvalidRegistration"}
            await bench.register(TOKEN, device="android")
            await bench.push(TOKEN)
            # The same text becomes an Apple token before Google's answer is there, and the clock
            # does not tell the two registrations apart.
            sql(database_url(tmp_path / "gateway.db"), "update tokens set device = 'ios'")
            await asyncio.sleep(2)
            assert (await bench.post(f"/tokens/{TOKEN}")).json == {"status": "token exists"}

        bench.run(main)
    assert len(log("push.rejected")) == 1
    assert log("token.pruned") == []
