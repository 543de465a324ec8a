"""Every field of a GCM send request, in both forms: its type, its range, null, left out and twice.

Source: GCM, "HTTP connection server" and "Server reference". The fields are those of the JSON form,
and of the plain-text form with the parameters that there are.
"""

import json
from collections.abc import Awaitable, Callable
from typing import Any

from tests.conformance.gcm_http import JSON, SEND, post, post_form, registered, sender
from tests.conformance.stage import PACKAGE, Stage
from tests.conformance.wire import request

KINDS: dict[str, list[Any]] = {
    "array": ["x", 7, True, {"a": 1}, 1.5],
    "string": [7, True, ["x"], {"a": 1}, 1.5],
    "object": ["x", 7, True, ["x"], 1.5],
    "boolean": ["true", 1, 0, ["x"], {"a": 1}],
    "integer": ["60", True, ["x"], {"a": 1}, 60.5, 1e-9],
}
"""What is not of a kind."""

FIELDS: dict[str, tuple[str, list[Any]]] = {
    "collapse_key": ("string", ["", "k"]),
    "data": ("object", [{}, {"k": "v"}]),
    "delay_while_idle": ("boolean", [True, False]),
    "time_to_live": ("integer", [0, 60, 60.0, 2_419_200]),
    "restricted_package_name": ("string", ["", PACKAGE]),
    "dry_run": ("boolean", [True, False]),
    "notification_key": ("string", ["k"]),
    "condition": ("string", ["'a' in topics"]),
    "priority": ("string", ["normal", "high"]),
    "content_available": ("boolean", [True, False]),
    "mutable_content": ("boolean", [True, False]),
    "notification": ("object", [{}, {"title": "t"}]),
    "delivery_receipt_requested": ("boolean", [True, False]),
}
"""Each field beside the ids: its kind, and good values."""


async def each_json_field_has_its_type(stage: Stage) -> None:
    door = await stage.gcm()
    wire = await sender(stage, door)
    reg = registered(door)
    for name, (kind, _) in FIELDS.items():
        for wrong in KINDS[kind]:
            answer = await post(wire, {"registration_ids": [reg], name: wrong})
            assert answer.status == 400, (name, wrong)
            assert answer.headers["Content-Type"].startswith("text/plain")
            assert name.encode() in answer.body
    for name, kind in [("registration_ids", "array"), ("to", "string")]:
        for wrong in KINDS[kind]:
            answer = await post(wire, {name: wrong})
            assert answer.status == 400, (name, wrong)
            assert name.encode() in answer.body
    assert stage.notes.of("vendor.accepted") == []


async def what_is_no_whole_number_is_answered_as_what_is_no_number(stage: Stage) -> None:
    door = await stage.gcm()
    wire = await sender(stage, door)
    reg = registered(door)
    texts = [
        (await post(wire, {"to": reg, "time_to_live": wrong})).body for wrong in ("soon", 60.5)
    ]
    assert texts[0] == texts[1]


async def each_json_field_takes_its_good_values_and_null_is_left_out(stage: Stage) -> None:
    door = await stage.gcm()
    wire = await sender(stage, door)
    reg = registered(door)
    for name, (_, good) in FIELDS.items():
        for value in [*good, None]:
            answer = await post(wire, {"registration_ids": [reg], name: value})
            assert answer.status == 200, (name, value)
            assert answer.json["success"] == 1, (name, value)
    assert (await post(wire, {"to": reg, "registration_ids": None})).json["success"] == 1
    assert (await post(wire, {"to": None, "registration_ids": [reg]})).json["success"] == 1
    for nobody in ({}, {"to": None}, {"registration_ids": None}):
        answer = await post(wire, nobody)
        assert (answer.status, answer.body) == (400, b'Missing "registration_ids" field')


async def a_time_to_live_out_of_range_is_invalid_in_both_forms(stage: Stage) -> None:
    door = await stage.gcm()
    wire = await sender(stage, door)
    reg = registered(door)
    for wrong in (-1, 2_419_201, 10**18, 10**40, -(10**40)):
        answer = await post(wire, {"to": reg, "time_to_live": wrong})
        assert answer.json["results"] == [{"error": "InvalidTtl"}], wrong
        plain = await post_form(wire, f"registration_id={reg}&time_to_live={wrong}")
        assert (plain.status, plain.body) == (200, b"Error=InvalidTtl"), wrong


async def other_values_out_of_range_are_400(stage: Stage) -> None:
    door = await stage.gcm()
    wire = await sender(stage, door)
    reg = registered(door)
    for fields in (
        {"to": reg, "priority": "urgent"},
        {"to": reg, "priority": ""},
        {"to": reg, "registration_ids": [reg]},
    ):
        assert (await post(wire, fields)).status == 400, fields


async def of_a_json_field_that_comes_twice_the_last_counts(stage: Stage) -> None:
    door = await stage.gcm()
    wire = await sender(stage, door)
    reg = json.dumps(registered(door))
    for ttls, status in (("-1, 60", 1), ("60, -1", 0)):
        first, second = ttls.split(", ")
        body = f'{{"to": {reg}, "time_to_live": {first}, "time_to_live": {second}}}'
        answer = await wire.ask(request("POST", SEND, JSON, body))
        assert answer.json["success"] == status


async def what_only_looks_like_json_is_not_read(stage: Stage) -> None:
    door = await stage.gcm()
    wire = await sender(stage, door)
    reg = json.dumps(registered(door))
    for body in (
        f'{{"to": {reg}, "data": {{"k": NaN}}}}',
        f'{{"to": {reg}, "data": {{"k": -Infinity}}}}',
        f'{{"to": {reg},}}',
        f"{{'to': {reg}}}",
        f"[{reg}]",
        reg,
        "null",
        "",
    ):
        assert (await wire.ask(request("POST", SEND, JSON, body))).status == 400, body
    assert stage.notes.of("vendor.accepted") == []


# -- the plain-text form


async def each_parameter_of_the_plain_form_comes_once(stage: Stage) -> None:
    door = await stage.gcm()
    wire = await sender(stage, door)
    reg = registered(door)
    other = registered(door)
    answer = await post_form(wire, f"registration_id={reg}&registration_id={other}")
    assert answer.status == 400
    assert b"registration_id" in answer.body
    for name, value in (
        ("registration_id", reg),
        ("collapse_key", "k"),
        ("data.k", "v"),
        ("delay_while_idle", "1"),
        ("time_to_live", "60"),
        ("restricted_package_name", PACKAGE),
        ("dry_run", "1"),
    ):
        once = "" if name == "registration_id" else f"registration_id={reg}&"
        answer = await post_form(wire, f"{once}{name}={value}")
        assert (answer.status, answer.body[:3]) == (200, b"id="), name
        answer = await post_form(wire, f"{once}{name}={value}&{name}={value}")
        assert (answer.status, name.encode() in answer.body) == (400, True), name
    assert len(stage.notes.of("vendor.accepted")) == 6


async def parameters_of_the_plain_form_have_their_type(stage: Stage) -> None:
    door = await stage.gcm()
    wire = await sender(stage, door)
    reg = registered(door)
    for name, good, bad in (
        ("time_to_live", ("0", "2419200"), ("soon", "60.5", "", "+60", "6e1", "0x3c", "٣", "null")),
        ("delay_while_idle", ("1", "true", "0", "false", ""), ("2", "yes", "null", "1.0")),
        ("dry_run", ("1", "true", "0", "false", ""), ("2", "yes", "null", "1.0")),
        ("collapse_key", ("", "k", "null"), ()),
        ("restricted_package_name", ("", PACKAGE), ()),
        ("parameter_of_2016", ("x",), ()),
    ):
        for value in good:
            answer = await post_form(wire, f"registration_id={reg}&{name}={value}")
            assert (answer.status, answer.body[:3]) == (200, b"id="), (name, value)
        for value in bad:
            answer = await post_form(wire, f"registration_id={reg}&{name}={value}")
            assert (answer.status, name.encode() in answer.body) == (400, True), (name, value)


async def unknown_names_are_400_where_the_early_server_is_wanted(stage: Stage) -> None:
    door = await stage.gcm(strict_fields=True)
    wire = await sender(stage, door)
    reg = registered(door)
    assert (await post(wire, {"to": reg, "unknown": 1})).status == 400
    assert (await post(wire, {"to": reg, "unknown": None})).status == 400
    assert (await post_form(wire, f"registration_id={reg}&unknown=1")).status == 400
    assert (await post_form(wire, f"registration_id={reg}&data.unknown=1")).status == 200


async def no_line_break_ends_an_answer_in_plain_text(stage: Stage) -> None:
    door = await stage.gcm()
    wire = await sender(stage, door)
    device, _ = door.service.add_device()
    old = door.service.register(device, PACKAGE, ["100"])
    door.service.refresh(device, PACKAGE)
    for body in (
        f"registration_id={registered(door)}",
        f"registration_id={old}",
        "registration_id=short",
        "registration_id=a&time_to_live=soon",
    ):
        assert not (await post_form(wire, body)).body.endswith((b"\n", b"\r")), body


CHECKS: list[Callable[[Stage], Awaitable[Any]]] = [
    each_json_field_has_its_type,
    what_is_no_whole_number_is_answered_as_what_is_no_number,
    each_json_field_takes_its_good_values_and_null_is_left_out,
    a_time_to_live_out_of_range_is_invalid_in_both_forms,
    other_values_out_of_range_are_400,
    of_a_json_field_that_comes_twice_the_last_counts,
    what_only_looks_like_json_is_not_read,
    each_parameter_of_the_plain_form_comes_once,
    parameters_of_the_plain_form_have_their_type,
    unknown_names_are_400_where_the_early_server_is_wanted,
    no_line_break_ends_an_answer_in_plain_text,
]
