"""What calls of AirNotifier's HTTP interface carry: forms, multipart, JSON, and what is none of it.

The other half of `gateway_api.py`.
"""

import json
from collections.abc import Awaitable, Callable
from typing import Any

from tests.conformance.gateway_api import (
    APP,
    EXISTS,
    FORM,
    GOOGLE_TOKEN,
    OK,
    PUSH,
    TOKEN,
    call,
    client,
    says,
    seen,
)
from tests.conformance.stage import Stage
from tests.conformance.wire import request

FORM_HEADERS = {**APP, "Content-Type": FORM}
JSON_HEADERS = {**APP, "Content-Type": "application/json"}


def multipart(boundary: str, **fields: str) -> bytes:
    """As curl and PHP write it."""
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ]
    return "".join([*parts, f"--{boundary}--\r\n"]).encode()


async def every_dialect_is_read(stage: Stage) -> None:
    wire = await client(stage)
    fields = {"token": TOKEN, "alert": "Grüße & <b>", "id": "77"}
    text = json.dumps(fields)
    curls = {**APP, "Content-Type": "multipart/form-data; boundary=----x1"}
    quoted = {**APP, "Content-Type": 'Multipart/Form-Data; charset=x; boundary="a b"'}
    dialects: list[tuple[str, dict[str, str], bytes | str]] = [
        ("form", FORM_HEADERS, f"token={TOKEN}&alert=Gr%C3%BC%C3%9Fe+%26&id=77"),
        ("form without a type", APP, f"token={TOKEN}&alert=hi"),
        ("multipart", curls, multipart("----x1", **fields)),
        ("multipart, quoted", quoted, multipart("a b", **fields)),
        ("JSON", JSON_HEADERS, text),
        ("JSON, said to be a form", FORM_HEADERS, text),
        ("JSON without a type", APP, text),
        ("JSON, percent-encoded", FORM_HEADERS, text.replace("{", "%7B").replace('"', "%22")),
    ]
    for name, headers, body in dialects:
        answer = await call(wire, "POST", "/notification/", body, headers)
        assert seen(answer) == (200, OK), name
    answer = await call(wire, "POST", f"/notification/?{PUSH}")
    assert seen(answer) == (200, OK)


async def the_body_wins_over_the_query_and_the_last_over_the_first(stage: Stage) -> None:
    wire = await client(stage)
    good, bad = f"token={TOKEN}", "token=short"
    for query, body, works in [
        (bad, good, True),
        (good, bad, False),
        ("", f"{bad}&{good}", True),
        ("", f"{good}&{bad}", False),
        (f"{bad}&{good}", "", True),
        ("", f"token=+{TOKEN}%20", True),  # blanks around it do not count
    ]:
        answer = await call(wire, "POST", f"/tokens?{query}", body)
        assert (answer.status == 200) == works, (query, body)


async def a_token_in_the_path_may_be_percent_encoded(stage: Stage) -> None:
    wire = await client(stage)
    plain = "fid:APA91b-_" + "x" * 130
    assert seen(await call(wire, "POST", f"/tokens/{plain}")) == (200, OK)
    encoded = plain.replace(":", "%3A").replace("_", "%5f")
    assert seen(await call(wire, "POST", f"/tokens/{encoded}")) == (200, EXISTS)


async def devices_decide_what_a_token_must_look_like(stage: Stage) -> None:
    wire = await client(stage)
    long = "f" * 65
    for device, token, expected in [
        ("ios", TOKEN, None),
        ("iOS", TOKEN, None),
        ("ios", TOKEN[:-1], "Invalid token"),
        ("ios", "g" * 64, "Invalid token"),
        ("ios", long, None),  # Google's service
        ("android", GOOGLE_TOKEN, None),
        ("Android-fcm", GOOGLE_TOKEN, None),
        ("ios-fcm", "short", None),
        ("toaster", GOOGLE_TOKEN, "Invalid device type"),
        ("", TOKEN, None),
        ("", "g" * 64, "Invalid token"),
        ("", long, None),
    ]:
        answer = await call(wire, "POST", f"/tokens/{token}", f"device={device}")
        if expected is None:
            assert seen(answer) in [(200, OK), (200, EXISTS)], (device, token)
        else:
            assert seen(answer) == (400, says(expected)), (device, token)


async def what_is_said_of_a_bad_token_depends_on_where_it_stands(stage: Stage) -> None:
    """As AirNotifier answered in 2013, 2014 and 2023, whether a device is named or not."""
    wire = await client(stage)
    bad = "z" * 64
    short, long = "Invalid token", "Invalid token: Non-hexadecimal digit found"
    for device in ("", "device=ios", "device=iOS", "device="):
        for target, body, error in [
            (f"/tokens/{bad}", device, short),
            ("/tokens", f"token={bad}&{device}", short),
            (f"/tokens?token={bad}&{device}", "", short),
            ("/notification/", f"token={bad}&alert=x&{device}", long),
            (f"/notification/?token={bad}&{device}", "alert=x", long),
            ("/broadcast/", f"token={bad}&alert=x&{device}", long),
            ("/notification/", f"token={bad[1:]}&alert=x&{device}", short),
        ]:
            answer = await call(wire, "POST", target, body)
            assert seen(answer) == (400, says(error)), (target, body)


async def a_refused_token_is_not_stored(stage: Stage) -> None:
    """AirNotifier answered with the error and stored it all the same."""
    wire = await client(stage)
    for token in ("g" * 64, "short"):
        assert (await call(wire, "POST", f"/tokens/{token}")).status == 400
        assert (await call(wire, "DELETE", f"/tokens/{token}")).status == 404
    assert (await call(wire, "POST", "/notification/", f"token={'g' * 64}&alert=x")).status == 400


async def bad_arguments_are_named(stage: Stage) -> None:
    wire = await client(stage)
    aps = "Invalid argument aps: reserved for the notification itself"
    badge = "Invalid badge: a whole number from 0 expected"
    google = "Invalid argument from: reserved by Google"
    for body, error in [
        (f"token={TOKEN}", "Missing argument alert"),
        (f"{PUSH}&aps=evil", aps),
        (f"{PUSH}&badge=many", badge),
        (f"{PUSH}&badge=-1", badge),
        (f"{PUSH}&device=toaster", "Invalid device type"),
        (f"{PUSH}&big={'y' * 300}", "Payload too big: no room for the alert"),
        (f"token={GOOGLE_TOKEN}&alert=x&from=me", google),
        (f"token={GOOGLE_TOKEN}&alert={'x' * 4090}", "Payload too big: 4097 bytes of 4096"),
        ("alert=x&token=", "No token provided"),
    ]:
        answer = await call(wire, "POST", "/notification/", body)
        assert seen(answer) == (400, says(error)), body[:100]
    for body, status in [(f"{PUSH}&badge=0", 200), (f"token={GOOGLE_TOKEN}&alert=x", 200)]:
        assert (await call(wire, "POST", "/notification/", body)).status == status


async def bodies_that_cannot_be_read_are_refused(stage: Stage) -> None:
    wire = await client(stage)
    no_boundary = {**APP, "Content-Type": "multipart/form-data"}
    with_boundary = {**APP, "Content-Type": "multipart/form-data; boundary=b"}
    cut = multipart("b", token=TOKEN, alert="hi")[:-8]
    unreadable: list[tuple[str, dict[str, str], bytes | str]] = [
        ("cut JSON", FORM_HEADERS, "{bad json"),
        ("empty JSON", JSON_HEADERS, " "),
        ("a list", JSON_HEADERS, "[1]"),
        ("not a number", FORM_HEADERS, '{"alert": NaN}'),
        ("too deep", JSON_HEADERS, "[" * 50_000),
        ("an object for a text", JSON_HEADERS, json.dumps({"token": TOKEN, "alert": {"a": 1}})),
        ("an object for a token", JSON_HEADERS, '{"alert": "x", "token": {"$ne": null}}'),
        ("no token", JSON_HEADERS, '{"alert": "x", "token": null}'),
        ("bytes", FORM_HEADERS, b"\xff\xfe\x00"),
        ("no boundary", no_boundary, "x"),
        ("cut multipart", with_boundary, cut),
        ("another boundary", with_boundary, multipart("c", token=TOKEN, alert="hi")),
        ("too many fields", FORM_HEADERS, "&".join(f"a{n}=1" for n in range(1000))),
        ("not gzip", {**FORM_HEADERS, "Content-Encoding": "gzip"}, "plain"),
    ]
    for name, headers, body in unreadable:
        fresh = await stage.dial_again(wire)
        answer = await call(fresh, "POST", "/notification/", body, headers)
        assert answer.status == 400, name
        assert list(answer.json) == ["error"], name
        assert b"Traceback" not in answer.body
    assert seen(await call(wire, "POST", f"/tokens/{TOKEN}")) == (200, OK)  # nothing was stored


async def a_body_may_be_as_long_as_the_limit(stage: Stage) -> None:
    wire = await client(stage)
    start = f"token={TOKEN}&alert=hi&alert="
    fits = start + "x" * (65_536 - len(start))
    assert (await call(wire, "POST", "/notification/", fits)).status == 200
    answer = await call(wire, "POST", "/notification/", fits + "x")
    assert seen(answer) == (413, says("Request body too large"))


async def an_alert_that_does_not_fit_is_cut_not_refused(stage: Stage) -> None:
    wire = await client(stage)
    answer = await call(wire, "POST", "/notification/", PUSH + "x" * 4000)
    assert seen(answer) == (200, OK)


async def chunks_pipelines_and_single_bytes_are_all_the_same(stage: Stage) -> None:
    wire = await client(stage)
    first, second = PUSH.encode()[:30], PUSH.encode()[30:]
    chunked = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (first, second, b""))
    headers = {**FORM_HEADERS, "Transfer-Encoding": "chunked"}
    await wire.send_bytewise(request("POST", "/notification/", headers, chunked))
    assert seen(await wire.answer()) == (200, OK)
    await wire.send(request("POST", "/notification/", FORM_HEADERS, PUSH) * 10)
    numbers = [int((await wire.answer()).headers["X-AN-Push-Id"]) for _ in range(10)]
    assert numbers == sorted(set(numbers))


async def a_client_that_asks_first_is_told_to_continue(stage: Stage) -> None:
    """curl, and PHP with it, does so before longer bodies."""
    wire = await client(stage)
    head, body = request(
        "POST", "/notification/", {**FORM_HEADERS, "Expect": "100-continue"}, PUSH
    ).split(b"\r\n\r\n")
    await wire.send(head + b"\r\n\r\n")
    assert await wire.read(25) == b"HTTP/1.1 100 Continue\r\n\r\n"
    await wire.send(body)
    assert seen(await wire.answer()) == (200, OK)


async def connections_stay_open_unless_the_client_wants_otherwise(stage: Stage) -> None:
    wire = await client(stage)
    for _ in range(3):
        assert (await call(wire, "POST", "/notification/", PUSH)).status == 200
    closing = {**FORM_HEADERS, "Connection": "close"}
    assert (await call(wire, "POST", "/notification/", PUSH, closing)).status == 200
    assert await wire.rest() == (b"", "eof")


async def what_is_not_http_ends_its_own_connection_only(stage: Stage) -> None:
    wire = await client(stage)
    for junk in (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", b"POST\r\n\r\n", b"\x00" * 100):
        stranger = await stage.dial_again(wire)
        await stranger.send(junk)
        received, _ = await stranger.rest()
        assert received.startswith(b"HTTP/1.")
        assert b" 400 " in received.split(b"\r\n")[0]
        assert b"Traceback" not in received
    assert (await call(wire, "POST", "/notification/", PUSH)).status == 200


CHECKS: list[Callable[[Stage], Awaitable[Any]]] = [
    every_dialect_is_read,
    the_body_wins_over_the_query_and_the_last_over_the_first,
    a_token_in_the_path_may_be_percent_encoded,
    devices_decide_what_a_token_must_look_like,
    what_is_said_of_a_bad_token_depends_on_where_it_stands,
    a_refused_token_is_not_stored,
    bad_arguments_are_named,
    bodies_that_cannot_be_read_are_refused,
    a_body_may_be_as_long_as_the_limit,
    an_alert_that_does_not_fit_is_cut_not_refused,
    chunks_pipelines_and_single_bytes_are_all_the_same,
    a_client_that_asks_first_is_told_to_continue,
    connections_stay_open_unless_the_client_wants_otherwise,
    what_is_not_http_ends_its_own_connection_only,
]
