"""Every argument of a call, in every form that it can come in: one meaning, one refusal.

The third part of `gateway_api.py`. What the gateway understood stands in its outbox.
"""

import json
import re
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote, quote_from_bytes, urlencode

from tests.conformance.gateway_api import (
    APP,
    EXISTS,
    FORM,
    GOOGLE_TOKEN,
    OK,
    TOKEN,
    client,
    says,
    seen,
)
from tests.conformance.stage import FULL_KEY, Stage
from tests.conformance.wire import Answer, Wire, request

Fields = list[tuple[str, str]]
Encoded = tuple[str, str | None, bytes]
"""What follows `?`, the Content-Type, and the body."""


def query(fields: Fields) -> Encoded:
    return urlencode(fields), None, b""


def urlencoded(fields: Fields) -> Encoded:
    return "", FORM, urlencode(fields).encode()


def urlencoded_latin_1(fields: Fields) -> Encoded:
    body = urlencode(fields, encoding="iso-8859-1").encode()
    return "", f"{FORM}; charset=ISO-8859-1", body


def raw_latin_1(fields: Fields) -> Encoded:
    """As some programs write a form: nothing is escaped but what has to be."""
    escaped = [tuple(re.sub("[%&+]", lambda c: quote(c[0]), part) for part in f) for f in fields]
    body = "&".join(map("=".join, escaped)).encode("latin-1")
    return "", f'{FORM};charset="latin1"', body


def multipart(fields: Fields) -> Encoded:
    return "", "multipart/form-data; boundary=b0", _parts(fields, "", "utf-8")


def multipart_latin_1(fields: Fields) -> Encoded:
    content_type = "multipart/form-data; boundary=b0; charset=iso-8859-1"
    return "", content_type, _parts(fields, "", "latin-1")


def multipart_latin_1_by_part(fields: Fields) -> Encoded:
    """RFC 7578, section 4.4."""
    names = _parts(fields, "\r\nContent-Type: text/plain; charset=iso-8859-1", "latin-1")
    return "", "multipart/form-data; boundary=b0; charset=latin1", names


def multipart_latin_1_by_field(fields: Fields) -> Encoded:
    """RFC 7578, section 4.6."""
    fields = [("_charset_", "iso-8859-1"), *fields]
    return "", "multipart/form-data; boundary=b0", _parts(fields, "", "latin-1")


def _parts(fields: Fields, more: str, charset: str) -> bytes:
    parts = [
        f'--b0\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n{value}\r\n'
        for name, value in fields
    ]
    return "".join([*parts, "--b0--\r\n"]).encode(charset)


def as_json(fields: Fields) -> Encoded:
    return "", "application/json", _json(fields).encode()


def as_json_latin_1(fields: Fields) -> Encoded:
    return "", "application/json; charset=iso-8859-1", _json(fields).encode("latin-1")


def as_escaped_json(fields: Fields) -> Encoded:
    return "", FORM, _json(fields).encode("ascii", "backslashreplace").replace(b"\\x", b"\\u00")


def as_percent_encoded_json(fields: Fields) -> Encoded:
    return "", FORM, quote_from_bytes(_json(fields).encode()).encode()


def _json(fields: Fields) -> str:
    """With repeated names, which JSON allows."""
    pairs = (f"{json.dumps(n, ensure_ascii=False)}: {json.dumps(v, ensure_ascii=False)}"
             for n, v in fields)  # fmt: skip
    return "{" + ", ".join(pairs) + "}"


FORMS = [
    query, urlencoded, urlencoded_latin_1, raw_latin_1, multipart, multipart_latin_1,
    multipart_latin_1_by_part, multipart_latin_1_by_field, as_json, as_json_latin_1,
    as_escaped_json, as_percent_encoded_json,
]  # fmt: skip

Form = Callable[[Fields], Encoded]


async def send(
    wire: Wire, path: str, form: Form, fields: Fields, *, app: dict[str, str] = APP
) -> Answer:
    search, content_type, body = form(fields)
    headers = app if content_type is None else {**app, "Content-Type": content_type}
    return await wire.ask(request("POST", f"{path}?{search}", headers, body))


async def every_argument_means_the_same_in_every_form(stage: Stage) -> None:
    wire = await client(stage)
    for form in FORMS:
        for device, token, expected in [
            ("iOS", TOKEN.upper(), {
                "aps": {"sound": "glück.caf", "badge": 4, "alert": "Grüße, & mehr"},
                "kürzel": "ä, b=+c",
            }),
            ("Android", GOOGLE_TOKEN, {
                "kürzel": "ä, b=+c", "message": "Grüße, & mehr",
            }),
        ]:  # fmt: skip
            fields = [
                *[("token", f" {token} "), ("device", f" {device} ")],
                *[("alert", "first"), ("alert", " Grüße, & mehr ")],
                *[("sound", " glück.caf "), ("badge", " 4 "), ("collapse_key", " né, 1 ")],
                *[("channel", "Physik, Teil 2"), ("appname", "Moodle")],
                *[("kürzel", "ä, b=+c")],
            ]
            by_name = {"X-AN-APP-KEY": FULL_KEY}
            for app in (APP, by_name):
                answer = await send(wire, "/notification/", form, fields, app=app)
                assert seen(answer) == (200, OK), form.__name__
                push = stage.outbox()[-1]
                assert json.loads(push.payload) == expected, form.__name__
                assert push.token == token.strip().lower() if device == "iOS" else token
                assert push.collapse_key == (None if device == "iOS" else "né, 1"), form.__name__


async def a_channel_is_one_name_in_every_form_and_for_every_call(stage: Stage) -> None:
    """With its comma: it is no list. Several are named by repeating the argument."""
    wire = await client(stage)
    for number, form in enumerate(FORMS):
        name, other = f"Physik, Téil {number}", f"é{number}"
        first, second = f"{2 * number:064x}", f"{2 * number + 1:064x}"
        fields = [("token", first), ("channel", f" {name} "), ("channel", other)]
        assert seen(await send(wire, "/tokens", form, fields)) == (200, OK), form.__name__
        fields = [("token", second), ("channel", name), ("alert", "x")]
        assert seen(await send(wire, "/notification/", form, fields)) == (200, OK), form.__name__
        for sending in (form, FORMS[number - 1]):
            for channel, reached in [
                (name, [first, second]), (other, [first]), ("Physik", []),
            ]:  # fmt: skip
                before = len(stage.outbox())
                fields = [("channel", channel), ("alert", "x")]
                assert seen(await send(wire, "/broadcast/", sending, fields)) == (200, OK)
                told = [push.token for push in stage.outbox()[before:]]
                assert told == reached, (form.__name__, sending.__name__, channel)
        fields = [("channel", name), ("channel", other), ("alert", "x")]
        answer = await send(wire, "/broadcast/", form, fields)
        error = "Invalid argument channel: a broadcast goes to one channel"
        assert seen(answer) == (400, says(error)), form.__name__


async def a_list_in_json_is_a_repeated_argument(stage: Stage) -> None:
    wire = await client(stage)
    headers = {**APP, "Content-Type": "application/json"}
    body = json.dumps({"token": TOKEN, "channel": [" a, b ", 5, "", None]})
    assert seen(await wire.ask(request("POST", "/tokens", headers, body))) == (200, OK)
    for channel, count in [("a, b", 1), ("5", 1), ("a", 0), ("default", 0)]:
        before = len(stage.outbox())
        await send(wire, "/broadcast/", urlencoded, [("channel", channel), ("alert", "x")])
        assert len(stage.outbox()) - before == count, channel


async def a_token_means_the_same_in_the_path(stage: Stage) -> None:
    wire = await client(stage)
    for form in FORMS:
        assert (await send(wire, "/tokens", form, [("token", TOKEN)])).status == 200
    for token in (TOKEN, f" {TOKEN} ", TOKEN.upper()):
        answer = await wire.ask(request("POST", f"/tokens/{quote(token)}", APP))
        assert seen(answer) == (200, EXISTS), token
    for bad in ("%FF" * 70, "%ED%A0%BD" * 30):
        path = await wire.ask(request("POST", f"/tokens/{bad}", APP))
        argument = await wire.ask(request("POST", f"/tokens?token={bad}", APP))
        assert seen(path) == seen(argument) == (400, says("Invalid token"))


async def a_number_counts_as_it_was_written(stage: Stage) -> None:
    wire = await client(stage)
    headers = {**APP, "Content-Type": "application/json"}
    for written, badge in [
        ("4", 4), ("4.0", 4), ("4e0", 4), ("40E-1", 4), ("0", 0), ("-0", 0),
        ("2147483647", 2**31 - 1), ("2147483648", None), ("4.5", None), ("-1", None),
        ("1e99", None), ("true", None),
    ]:  # fmt: skip
        fields = [("token", TOKEN), ("alert", "x"), ("badge", written)]
        answers = [await send(wire, "/notification/", form, fields) for form in FORMS]
        body = f'{{"token": "{TOKEN}", "alert": "x", "badge": {written}}}'
        native = await wire.ask(request("POST", "/notification/", headers, body))
        error = says("Invalid badge: a whole number from 0 expected")
        if badge is None:
            assert {seen(answer) for answer in answers} == {(400, error)}, written
            assert native.status == 400
            continue
        assert {seen(answer) for answer in [*answers, native]} == {(200, OK)}, written
        told = [json.loads(push.payload)["aps"]["badge"] for push in stage.outbox()[-13:]]
        assert told == [badge] * 13, written
    for written in ("1.50", "1e2", "7"):
        body = f'{{"token": "{TOKEN}", "alert": {written}}}'
        assert seen(await wire.ask(request("POST", "/notification/", headers, body))) == (200, OK)
        assert json.loads(stage.outbox()[-1].payload)["aps"]["alert"] == written


async def a_bad_argument_is_refused_alike_in_every_form(stage: Stage) -> None:
    wire = await client(stage)
    push = [("token", GOOGLE_TOKEN), ("alert", "x")]
    named = "up to 255 printable characters expected"
    for path, fields, error in [
        ("/notification/", [*push, ("collapse_key", "a\x01")],
         f"Invalid argument collapse_key: {named}"),
        ("/notification/", [*push, ("collapse_key", "é" * 256)],
         f"Invalid argument collapse_key: {named}"),
        ("/notification/", [*push, ("channel", "a\x7fb")], f"Invalid argument channel: {named}"),
        ("/tokens", [push[0], ("channel", "é" * 256)], f"Invalid argument channel: {named}"),
        ("/broadcast/", [push[1], ("channel", "é" * 256)], f"Invalid argument channel: {named}"),
        ("/notification/", [*push, ("device", "é")], "Invalid device type"),
        ("/tokens", [push[0], ("device", "toaster")], "Invalid device type"),
        ("/broadcast/", [push[1], ("device", "toaster")], "Invalid device type"),
        ("/notification/", [*push, ("from", "me")], "Invalid argument from: reserved by Google"),
        ("/notification/", [*push, ("google.x", "y")],
         "Invalid argument google.*: reserved by Google"),
        ("/notification/", [*push, ("aps", "x")],
         "Invalid argument aps: reserved for the notification itself"),
        ("/notification/", [*push, ("", "x")], "Invalid argument: it has no name"),
        ("/notification/", push[:1], "Missing argument alert"),
        ("/tokens", [("token", "é" * 70)], "Invalid token"),
    ]:  # fmt: skip
        for form in FORMS:
            answer = await send(wire, path, form, fields)
            assert seen(answer) == (400, says(error)), (path, form.__name__, fields[-1])


async def what_is_no_text_is_replaced_in_every_form(stage: Stage) -> None:
    """Sites cut texts inside a character; the rest is to reach the phone."""
    wire = await client(stage)
    token = f'"token": "{TOKEN}"'
    for content_type, body in [
        (FORM, f"token={TOKEN}&alert=gr%C3&k%C3=%ED%A0%BD".encode()),
        (FORM, f"token={TOKEN}&alert=gr".encode() + b"\xc3&k\xc3=\xed\xa0\xbd"),
        ("multipart/form-data; boundary=b0",
         _parts([("token", TOKEN), ("alert", "gr\x01"), ("k\x01", "\x02")], "", "ascii")
         .replace(b"\x01", b"\xc3").replace(b"\x02", b"\xed\xa0\xbd")),
        ("application/json",
         f'{{{token}, "alert": "gr'.encode() + b'\xc3", "k\xc3": "\xed\xa0\xbd"}'),
    ]:  # fmt: skip
        headers = {**APP, "Content-Type": content_type}
        assert seen(await wire.ask(request("POST", "/notification/", headers, body))) == (200, OK)
        payload = json.loads(stage.outbox()[-1].payload)
        assert payload == {"aps": {"alert": "gr\ufffd"}, "k\ufffd": "\ufffd" * 3}, content_type
    headers = {**APP, "Content-Type": "application/json"}
    body = f'{{{token}, "alert": "gr\\ud83d", "k\\uDE00": ["\\ud83d\\ude00", {{"\\ud83d": 1.50}}]}}'
    assert seen(await wire.ask(request("POST", "/notification/", headers, body))) == (200, OK)
    payload = json.loads(stage.outbox()[-1].payload)
    assert payload == {"aps": {"alert": "gr\ufffd"}, "k\ufffd": ["\U0001f600", {"\ufffd": 1.5}]}


async def a_charset_that_is_none_counts_as_utf_8(stage: Stage) -> None:
    wire = await client(stage)
    fields = [("token", TOKEN), ("alert", "Grüße")]
    for charset in ("nonsense", "rot13", "zip", "idna", "utf-16", "x" * 500, ""):
        for form in (urlencoded, multipart, as_json):
            _, content_type, body = form(fields)
            headers = {**APP, "Content-Type": f"{content_type}; charset={charset}"}
            answer = await wire.ask(request("POST", "/notification/", headers, body))
            assert seen(answer) == (200, OK), charset
            assert json.loads(stage.outbox()[-1].payload)["aps"]["alert"] == "Grüße", charset


async def json_may_be_nested_as_deep_as_the_limit(stage: Stage) -> None:
    wire = await client(stage)
    headers = {**APP, "Content-Type": "application/json"}
    for depth, status in [(60, 200), (70, 400), (900, 400)]:
        body = f'{{"token": "{TOKEN}", "alert": "x", "deep": {"[" * depth}{"]" * depth}}}'
        answer = await wire.ask(request("POST", "/notification/", headers, body))
        assert answer.status == status, depth


CHECKS: list[Callable[[Stage], Awaitable[Any]]] = [
    every_argument_means_the_same_in_every_form,
    a_channel_is_one_name_in_every_form_and_for_every_call,
    a_list_in_json_is_a_repeated_argument,
    a_token_means_the_same_in_the_path,
    a_number_counts_as_it_was_written,
    a_bad_argument_is_refused_alike_in_every_form,
    what_is_no_text_is_replaced_in_every_form,
    a_charset_that_is_none_counts_as_utf_8,
    json_may_be_nested_as_deep_as_the_limit,
]
