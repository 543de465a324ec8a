"""How Google's HTTP connection server answers: plain text, statuses, Retry-After, and HTTP itself.

The other half of `gcm_http.py`.
"""

import json
import re
from collections.abc import Awaitable, Callable
from email.utils import parsedate_to_datetime
from typing import Any

from sim.vendors.gcm.settings import Outage
from tests.conformance.gcm_http import (
    FORM,
    JSON,
    SEND,
    UNKNOWN,
    post,
    post_form,
    registered,
    sender,
)
from tests.conformance.stage import Stage
from tests.conformance.wire import request

# -- plain text


async def the_plain_form_answers_in_lines(stage: Stage) -> None:
    door = await stage.gcm()
    wire = await sender(stage, door)
    reg = registered(door)
    answer = await post_form(
        wire, f"registration_id={reg}&data.message=caf%C3%A9&collapse_key=c&delay_while_idle=1"
    )
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert re.fullmatch(rb"id=0:\d{16}%[0-9a-f]{16}", answer.body)
    untyped = {"Authorization": FORM["Authorization"]}  # plain text is what is assumed
    answer = await wire.ask(request("POST", SEND, untyped, f"registration_id={reg}"))
    assert answer.body.startswith(b"id=")
    assert len(stage.notes.of("vendor.accepted")) == 2


async def the_plain_form_names_its_error(stage: Stage) -> None:
    door = await stage.gcm()
    wire = await sender(stage, door)
    reg = registered(door)
    for error, body in [
        ("MissingRegistration", "data.message=hi"),
        ("InvalidRegistration", "registration_id=short"),
        ("NotRegistered", f"registration_id={UNKNOWN}"),
        ("MismatchSenderId", f"registration_id={registered(door, sender='200')}"),
        ("InvalidTtl", f"registration_id={reg}&time_to_live=2419201"),
        ("InvalidDataKey", f"registration_id={reg}&data.from=me"),
        ("MessageTooBig", f"registration_id={reg}&data.k={'x' * 4096}"),
        ("InvalidPackageName", f"registration_id={reg}&restricted_package_name=org.other"),
    ]:
        answer = await post_form(wire, body)
        assert (answer.status, answer.body) == (200, f"Error={error}".encode())
    assert (await post_form(wire, f"registration_id={reg}&time_to_live=soon")).status == 400
    assert (await post_form(wire, f"registration_id={reg}&dry_run=true")).body == (
        b"id=fake_message_id"
    )


async def temporary_errors_are_results_in_json_and_statuses_in_plain_text(stage: Stage) -> None:
    door = await stage.gcm()
    wire = await sender(stage, door)
    bad, good = registered(door), registered(door)
    for error, status in [("Unavailable", 503), ("InternalServerError", 500)]:
        errors = door.service.override({"per_id_error": {bad: error}}, lambda: None)
        answer = await post(wire, {"registration_ids": [bad, good]})
        assert answer.json["results"][0] == {"error": error}
        assert answer.json["success"] == 1
        plain = await post_form(wire, f"registration_id={bad}")
        assert plain.status == status
        errors.end()
    assert (await post(wire, {"registration_ids": [bad]})).json["success"] == 1


# -- statuses


async def without_a_valid_key_nothing_else_is_looked_at(stage: Stage) -> None:
    door = await stage.gcm()
    wire = await sender(stage, door)
    body = json.dumps({"registration_ids": [registered(door)]})
    for authorization in ("", "key=wrong", "key-of-100", "Key=key-of-100", "Bearer key-of-100"):
        for text in (body, "{ not JSON"):
            headers = {"Content-Type": "application/json"}
            if authorization:
                headers["Authorization"] = authorization
            answer = await wire.ask(request("POST", SEND, headers, text))
            assert answer.status == 401
            assert answer.headers["Content-Type"].startswith("text/html")
    assert stage.notes.of("vendor.accepted") == []


async def each_key_speaks_for_its_own_sender(stage: Stage) -> None:
    door = await stage.gcm()
    wire = await sender(stage, door)
    fields = {"registration_ids": [registered(door), registered(door, sender="200")]}
    for number, expected in [("100", [1, 0]), ("200", [0, 1])]:
        answer = await post(wire, fields, Authorization=f"key=key-of-{number}")
        assert ["message_id" in result for result in answer.json["results"]] == expected


async def paths_and_methods(stage: Stage) -> None:
    door = await stage.gcm()
    wire = await sender(stage, door)
    body = json.dumps({"registration_ids": [registered(door)]})
    for path in ("/gcm/send", "/fcm/send"):
        assert (await wire.ask(request("POST", path, JSON, body))).status == 200
    for method, path in [("POST", "/"), ("POST", "/gcm/send/"), ("GET", SEND), ("PUT", SEND)]:
        answer = await wire.ask(request(method, path, JSON, body))
        assert answer.status == 404, (method, path)
        assert answer.headers["Content-Type"].startswith("text/html")


async def another_content_type_is_400(stage: Stage) -> None:
    door = await stage.gcm()
    wire = await sender(stage, door)
    fields = {"registration_ids": [registered(door)]}
    for kind in ("text/xml", "application/jsonx", "text/plain"):
        answer = await post(wire, fields, **{"Content-Type": kind})
        assert answer.status == 400
    for kind in ("application/json; charset=UTF-8", "Application/JSON"):
        answer = await post(wire, fields, **{"Content-Type": kind})
        assert answer.json["success"] == 1


async def unavailable_says_when_to_come_again(stage: Stage) -> None:
    door = await stage.gcm()
    wire = await sender(stage, door)
    fields = {"registration_ids": [registered(door)]}
    for outage, retry_after in [(Outage(retry_after=120), "120"), (Outage(status=500), None)]:
        override = door.service.override({"outage": outage}, lambda: None)
        answers = [await post(wire, fields) for _ in range(2)]
        override.end()
        assert [answer.status for answer in answers] == [outage.status] * 2
        assert [answer.headers.get("Retry-After") for answer in answers] == [retry_after] * 2
    assert (await post(wire, fields)).status == 200
    assert len(stage.notes.of("vendor.accepted")) == 1


async def retry_after_may_be_a_date(stage: Stage) -> None:
    door = await stage.gcm(retry_after="date", outage=Outage(retry_after=3600))
    wire = await sender(stage, door)
    answer = await post(wire, {"registration_ids": [registered(door)]})
    date = parsedate_to_datetime(answer.headers["Retry-After"])
    now = parsedate_to_datetime(answer.headers["Date"])
    assert 3590 <= (date - now).total_seconds() <= 3610


# -- the transport below


async def bodies_may_be_chunked_and_cut_anywhere(stage: Stage) -> None:
    door = await stage.gcm()
    wire = await sender(stage, door)
    text = json.dumps({"registration_ids": [registered(door)], "data": {"message": "hé"}})
    first, second = text.encode()[:50], text.encode()[50:]
    chunked = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (first, second, b""))
    whole = request("POST", SEND, {**JSON, "Transfer-Encoding": "chunked"}, chunked)
    await wire.send_bytewise(whole)
    assert (await wire.answer()).json["success"] == 1
    await wire.send_bytewise(request("POST", SEND, JSON, text))
    assert (await wire.answer()).json["success"] == 1


async def requests_may_be_sent_before_their_answers(stage: Stage) -> None:
    door = await stage.gcm()
    wire = await sender(stage, door)
    ids = [registered(door) for _ in range(20)]
    await wire.send(
        b"".join(
            request("POST", SEND, JSON, json.dumps({"registration_ids": [reg] * (n + 1)}))
            for n, reg in enumerate(ids)
        )
    )
    answers = [await wire.answer() for _ in ids]
    assert [answer.json["success"] for answer in answers] == list(range(1, 21))


async def connections_stay_open_unless_the_sender_wants_otherwise(stage: Stage) -> None:
    door = await stage.gcm()
    wire = await sender(stage, door)
    fields = {"registration_ids": [registered(door)]}
    for _ in range(3):
        assert (await post(wire, fields)).status == 200
    assert (await post(wire, fields, Connection="close")).status == 200
    assert await wire.rest() == (b"", "eof")
    assert len(stage.notes.of("vendor.connected")) == 1


CHECKS: list[Callable[[Stage], Awaitable[Any]]] = [
    the_plain_form_answers_in_lines,
    the_plain_form_names_its_error,
    temporary_errors_are_results_in_json_and_statuses_in_plain_text,
    without_a_valid_key_nothing_else_is_looked_at,
    each_key_speaks_for_its_own_sender,
    paths_and_methods,
    another_content_type_is_400,
    unavailable_says_when_to_come_again,
    retry_after_may_be_a_date,
    bodies_may_be_chunked_and_cut_anywhere,
    requests_may_be_sent_before_their_answers,
    connections_stay_open_unless_the_sender_wants_otherwise,
]
