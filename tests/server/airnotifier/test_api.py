"""The HTTP API as clients of 2013 and 2014 use it, and as nobody should."""

import asyncio
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from server.airnotifier.api.call import endpoint
from server.airnotifier.auth import check_permission
from server.airnotifier.errors import Refused
from server.airnotifier.gateway import Gateway
from server.airnotifier.permissions import Permission
from server.airnotifier.settings import GatewaySettings
from tests.server.airnotifier.support import (
    APP_KEY,
    FULL_KEY,
    HEADERS,
    SITE_KEY,
    Answer,
    Bench,
    Log,
    apns_token,
    gateway_bench,
    gcm_token,
)

TOKEN = apns_token(0xABC)
APP_HEADERS = {**HEADERS, "X-AN-APP-KEY": APP_KEY}
SITE_HEADERS = {**HEADERS, "X-AN-APP-KEY": SITE_KEY}


def ask(path: Path, *requests: tuple[str, str, dict[str, Any]], **settings: Any) -> list[Answer]:
    """Send requests one after the other to a fresh gateway."""
    answers: list[Answer] = []
    with gateway_bench(path, **settings) as bench:

        async def main() -> None:
            for method, url, options in requests:
                answers.append(await bench.request(method, url, **options))

        bench.run(main)
    return answers


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


@pytest.mark.parametrize(
    ("headers", "status", "error"),
    [
        ({}, 400, "app name is required"),
        ({"X-AN-APP-NAME": "moodle"}, 400, "Invalid access key"),
        ({"X-AN-APP-NAME": "Moodle", "X-AN-APP-KEY": FULL_KEY}, 400, "Invalid application name"),
        ({"X-AN-APP-NAME": "moodle", "X-AN-APP-KEY": "x"}, 400, "Invalid access key"),
        (APP_HEADERS, 403, "No permission to send notification"),
    ],
)
def test_who_may_not_send_learns_why(
    tmp_path: Path, log: Log, headers: dict[str, str], status: int, error: str
) -> None:
    options = {"headers": headers, "data": {"token": TOKEN, "alert": "hi"}}
    (answer,) = ask(tmp_path, ("POST", "/notification/", options))
    assert (answer.status, answer.json) == (status, {"error": error})
    assert [entry["reason"] for entry in log("push.refused")] == [error]
    assert [entry["reason"] for entry in log("request.refused")] == [error]
    assert log("push.accepted") == []


def test_each_permission_opens_exactly_its_own_call(tmp_path: Path) -> None:
    bits = {1: "create", 2: "delete", 4: "send", 8: "broadcast"}
    keys = [{"key": f"{mask:032d}", "permissions": mask} for mask in range(16)]
    seen: dict[tuple[int, str], int] = {}
    with gateway_bench(tmp_path, app={"keys": keys}) as bench:

        async def main() -> None:
            for mask in range(16):
                headers = {**HEADERS, "X-AN-APP-KEY": f"{mask:032d}"}
                push = {"token": TOKEN, "alert": "hi"}
                for name, method, path, data in [
                    ("create", "POST", f"/tokens/{TOKEN}", None),
                    ("send", "POST", "/notification/", push),
                    ("broadcast", "POST", "/broadcast/", {"alert": "hi"}),
                    ("delete", "DELETE", f"/tokens/{TOKEN}", None),
                ]:
                    answer = await bench.request(method, path, headers=headers, data=data)
                    seen[mask, name] = answer.status

        bench.run(main)
    for (mask, name), status in seen.items():
        allowed = any(mask & bit and bits[bit] == name for bit in bits)
        assert (status != 403) == allowed, (mask, name, status)


def test_a_key_of_one_application_does_not_open_another(tmp_path: Path) -> None:
    headers = {"X-AN-APP-NAME": "other", "X-AN-APP-KEY": SITE_KEY}
    (answer,) = ask(tmp_path, ("POST", "/broadcast/", {"headers": headers, "data": {"alert": "x"}}))
    assert answer.json == {"error": "Invalid access key"}


def test_an_unknown_token_needs_a_key_that_may_create_it(tmp_path: Path, log: Log) -> None:
    push = {"data": {"token": TOKEN, "alert": "hi"}}
    refused, created, accepted = ask(
        tmp_path,
        ("POST", "/notification/", {**push, "headers": SITE_HEADERS}),
        ("POST", "/notification/", push),
        ("POST", "/notification/", {**push, "headers": SITE_HEADERS}),
    )
    assert refused.status == 400
    assert refused.json == {"error": "Unknow token and you have no permission to create"}
    assert (created.status, accepted.status) == (200, 200)
    assert len(log("token.registered")) == 1


def test_the_test_token_of_a_site_tells_a_bad_key_from_a_good_one(tmp_path: Path) -> None:
    bad = {"headers": {**HEADERS, "X-AN-APP-KEY": "wrong"}}
    first, second = ask(
        tmp_path, ("POST", "/tokens/testtoken", bad), ("POST", "/tokens/testtoken", {})
    )
    assert (first.status, first.json) == (400, {"error": "Invalid access key"})
    assert (second.status, second.json) == (400, {"error": "Invalid token"})


def test_a_token_that_is_not_hexadecimal_is_refused_and_not_stored(tmp_path: Path) -> None:
    token = "z" * 64
    first, second, third = ask(
        tmp_path,
        ("POST", f"/tokens/{token}", {}),
        ("DELETE", f"/tokens/{token}", {}),
        ("POST", "/notification/", {"headers": {}, "data": {"token": token}}),
    )
    assert first.json["error"].startswith("Invalid token")
    assert second.status == 404
    assert third.json == {"error": "app name is required"}


def test_the_token_argument_is_judged_before_application_and_key(tmp_path: Path) -> None:
    headers = {"X-AN-APP-NAME": "nobody", "X-AN-APP-KEY": "nothing"}
    first, second = ask(
        tmp_path,
        ("POST", "/notification/", {"headers": headers, "data": {"token": "short"}}),
        ("POST", "/notification/", {"headers": headers, "data": {"token": TOKEN}}),
    )
    assert first.json == {"error": "Invalid token"}
    assert second.json == {"error": "Invalid application name"}


@pytest.mark.parametrize("blocked", ["10.0.0.0/8", "0.0.0.0/0"])
def test_a_blocked_address_hears_of_the_block_before_the_key_is_looked_at(
    tmp_path: Path, blocked: str
) -> None:
    headers = {**HEADERS, "X-AN-APP-KEY": "wrong", "X-Forwarded-For": "192.0.2.1"}
    (answer,) = ask(
        tmp_path,
        ("POST", f"/tokens/{TOKEN}", {"headers": headers}),
        app={"blocked_ips": [blocked, ""]},
    )
    assert (answer.status, answer.json) == (423, {"error": "Blocked IP"})


def test_a_trusted_proxy_may_name_the_caller(tmp_path: Path) -> None:
    headers = {**HEADERS, "X-Forwarded-For": "203.0.113.9, 192.0.2.1"}
    (answer,) = ask(
        tmp_path,
        ("POST", f"/tokens/{TOKEN}", {"headers": headers}),
        app={"blocked_ips": ["192.0.2.0/24"]},
        trusted_proxies=["10.0.0.0/8"],
    )
    assert answer.status == 423


@pytest.mark.parametrize(
    ("hops", "status"),
    [
        (["192.0.2.1"], 423),
        (["203.0.113.9", "192.0.2.1"], 423),
        (["192.0.2.1", "203.0.113.9"], 200),
        (["192.0.2.1:443"], 423),
        (["[::ffff:192.0.2.1]"], 423),
        (["[::ffff:192.0.2.1]:443"], 423),
        (["::ffff:192.0.2.1"], 423),
        (["[2001:db8::1]:443"], 423),
        (["203.0.113.9:443"], 200),
        (["192.0.2.1, 10.9.9.9"], 423),
        (["unknown"], 423),
        (["203.0.113.9,"], 423),
        (["203.0.113.9, nonsense"], 423),
        (["[203.0.113.9"], 423),
    ],
)
def test_no_form_of_x_forwarded_for_gets_around_a_block(
    tmp_path: Path, log: Log, hops: list[str], status: int
) -> None:
    headers = [*HEADERS.items(), *(("X-Forwarded-For", hop) for hop in hops)]
    (answer,) = ask(
        tmp_path,
        ("POST", f"/tokens/{TOKEN}", {"headers": headers}),
        app={"blocked_ips": ["192.0.2.0/24", "2001:db8::/32"]},
        trusted_proxies=["10.0.0.0/8"],
    )
    assert answer.status == status
    known = {"192.0.2.1", "2001:db8::1", "unreadable"}
    assert {entry["peer"] for entry in log("request.refused")} <= known


def test_the_name_of_the_application_may_be_an_argument_which_no_phone_gets_to_see(
    tmp_path: Path,
) -> None:
    headers = {"X-AN-APP-KEY": FULL_KEY}
    with gateway_bench(tmp_path) as bench:

        async def main() -> None:
            path = f"/tokens/{TOKEN}?appname=Moo.dle"
            assert (await bench.post(path, headers=headers)).status == 200
            push = {"token": TOKEN, "alert": "x", "appname": "moodle"}
            assert (await bench.post("/notification/", push, headers=headers)).status == 200
            answer = await bench.post("/notification/", {"appname": "other"}, headers={})
            assert answer.json == {"error": "Invalid access key"}
            answer = await bench.post("/notification/", push | {"appname": "-"}, headers=headers)
            assert answer.json == {"error": "app name is required"}
            await asyncio.sleep(1)

        bench.run(main)
    (frame,) = bench.apns.frames
    assert frame.payload == {"aps": {"alert": "x"}}


def test_every_permission_has_words_for_its_refusal() -> None:
    for permission in Permission:
        with pytest.raises(Refused, match=r"No permission to [a-z ]+"):
            check_permission(0, permission)


def test_what_nobody_foresaw_is_answered_in_json_and_logged_without_its_text(
    tmp_path: Path, log: Log
) -> None:
    async def handler(_: web.Request) -> web.StreamResponse:
        raise RecursionError("secret")

    async def main() -> web.StreamResponse:
        gateway = Gateway(GatewaySettings(database=f"sqlite:///{tmp_path / 'x.db'}", apps=()))
        try:
            return await endpoint(gateway, "/x", handler)(make_mocked_request("POST", "/x"))
        finally:
            await gateway.close()

    answer = asyncio.run(main())
    assert isinstance(answer, web.Response)
    assert (answer.status, answer.text) == (500, '{"error": "Internal server error"}')
    assert log("request.failed") == [{"path": "/x", "error": "RecursionError"}]


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
        ({"json": {"alert": "\ud800", "token": TOKEN}}, 400),
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


def test_an_application_without_a_provider_is_offline(tmp_path: Path) -> None:
    first, second = ask(
        tmp_path,
        ("POST", "/notification/", {"data": {"token": gcm_token(1), "alert": "x"}}),
        ("POST", "/broadcast/", {"data": {"alert": "x"}}),
        app={"gcm": None, "apns": None},
    )
    assert (first.status, first.json) == (500, {"error": "GCM is offline"})
    assert (second.status, second.json) == (500, {"error": "APNs is offline"})


async def subscribe(bench: Bench) -> None:
    await bench.register(apns_token(1), channel="red")
    await bench.register(apns_token(2))
    await bench.register(apns_token(3), channel="red,blue")
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
            with closing(sqlite3.connect(tmp_path / "gateway.db")) as connection, connection:
                connection.execute("update tokens set device = 'ios'")
            await asyncio.sleep(2)
            assert (await bench.post(f"/tokens/{TOKEN}")).json == {"status": "token exists"}

        bench.run(main)
    assert len(log("push.rejected")) == 1
    assert log("token.pruned") == []
