"""Who is let in: keys, permissions, devices, blocked addresses, and what errors answer."""

import asyncio
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from server.airnotifier.api.call import endpoint
from server.airnotifier.auth import check_permission
from server.airnotifier.errors import NotPermitted
from server.airnotifier.gateway import Gateway
from server.airnotifier.permissions import Permission
from server.airnotifier.settings import GatewaySettings
from tests.databases import database_url
from tests.server.airnotifier.support import (
    APP_KEY,
    FULL_KEY,
    HEADERS,
    SITE_KEY,
    Log,
    apns_token,
    ask,
    gateway_bench,
)

TOKEN = apns_token(0xABC)
APP_HEADERS = {**HEADERS, "X-AN-APP-KEY": APP_KEY}
SITE_HEADERS = {**HEADERS, "X-AN-APP-KEY": SITE_KEY}


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
        with pytest.raises(NotPermitted, match=r"No permission to [a-z ]+"):
            check_permission(0, permission)


def test_what_nobody_foresaw_is_answered_in_json_and_logged_without_its_text(
    tmp_path: Path, log: Log
) -> None:
    async def handler(_: web.Request) -> web.StreamResponse:
        raise RecursionError("secret")

    async def main() -> web.StreamResponse:
        gateway = Gateway(GatewaySettings(database=database_url(tmp_path / "x.db"), apps=()))
        try:
            return await endpoint(gateway, "/x", handler)(make_mocked_request("POST", "/x"))
        finally:
            await gateway.close()

    answer = asyncio.run(main())
    assert isinstance(answer, web.Response)
    assert (answer.status, answer.text) == (500, '{"error": "Internal server error"}')
    assert log("request.failed") == [{"path": "/x", "error": "RecursionError"}]
