"""What Google's HTTP connection server does with messages (2012 to 2014), seen from outside.

Sources: GCM, "HTTP connection server" and "Server reference". What is not documented, the texts of
400 answers and the order of some checks, is checked only as far as clients can rely on it. The
plain-text form, statuses and headers are in `gcm_http_answers.py`.
"""

import json
import re
from collections.abc import Awaitable, Callable
from typing import Any

from tests.conformance.stage import PACKAGE, Door, Stage
from tests.conformance.wire import Answer, Wire, request

SEND = "/gcm/send"
JSON = {"Authorization": "key=key-of-100", "Content-Type": "application/json"}
FORM = {
    "Authorization": "key=key-of-100",
    "Content-Type": "application/x-www-form-urlencoded;charset=UTF-8",
}
MESSAGE_ID = re.compile(r"0:\d{16}%[0-9a-f]{16}")
MALFORMED = "id with blanks"
UNKNOWN = "APA91b" + "x" * 134


def registered(door: Door, *, sender: str = "100", app: str = PACKAGE) -> str:
    """A registration id of an app on a new phone."""
    device, _ = door.service.add_device()
    reg: str = door.service.register(device, app, [sender])
    return reg


async def sender(stage: Stage, door: Door) -> Wire:
    return await stage.dial(door, stage.trusting())


async def post(wire: Wire, fields: Any, **headers: str) -> Answer:
    """One JSON request."""
    return await wire.ask(request("POST", SEND, {**JSON, **headers}, json.dumps(fields)))


async def post_form(wire: Wire, body: str) -> Answer:
    """One request in the plain-text form."""
    return await wire.ask(request("POST", SEND, FORM, body))


# -- JSON


async def an_accepted_message_gets_an_id(stage: Stage) -> None:
    door = await stage.gcm()
    wire = await sender(stage, door)
    answer = await post(wire, {"registration_ids": [registered(door)], "data": {"message": "hi"}})
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/json; charset=UTF-8"
    assert list(answer.json) == ["multicast_id", "success", "failure", "canonical_ids", "results"]
    assert 2**53 < answer.json["multicast_id"] < 2**63
    assert [answer.json[n] for n in ("success", "failure", "canonical_ids")] == [1, 0, 0]
    ((name, message_id),) = answer.json["results"][0].items()
    assert name == "message_id"
    assert MESSAGE_ID.fullmatch(message_id)
    assert [note["message_id"] for note in stage.notes.of("vendor.accepted")] == [message_id]


async def results_have_the_order_of_the_request(stage: Stage) -> None:
    door = await stage.gcm()
    wire = await sender(stage, door)
    good, foreign = registered(door), registered(door, sender="200")
    ids = [MALFORMED, good, UNKNOWN, foreign, "", good]
    answer = await post(wire, {"registration_ids": ids})
    assert [result.get("error", "fine") for result in answer.json["results"]] == [
        "InvalidRegistration",
        "fine",
        "NotRegistered",
        "MismatchSenderId",
        "MissingRegistration",
        "fine",
    ]
    assert [answer.json[n] for n in ("success", "failure", "canonical_ids")] == [2, 4, 0]


async def an_older_id_is_answered_with_the_canonical_one(stage: Stage) -> None:
    door = await stage.gcm()
    wire = await sender(stage, door)
    device, _ = door.service.add_device()
    old = door.service.register(device, PACKAGE, ["100"])
    new = door.service.refresh(device, PACKAGE)
    answer = await post(wire, {"registration_ids": [old, new]})
    first, second = answer.json["results"]
    assert list(first) == ["message_id", "registration_id"]
    assert first["registration_id"] == new
    assert list(second) == ["message_id"]
    assert answer.json["canonical_ids"] == 1
    plain = await post_form(wire, f"registration_id={old}")
    assert plain.body.splitlines()[1] == f"registration_id={new}".encode()


async def an_unregistered_id_is_not_registered(stage: Stage) -> None:
    door = await stage.gcm()
    wire = await sender(stage, door)
    device, _ = door.service.add_device()
    reg = door.service.register(device, PACKAGE, ["100"])
    door.service.unregister(device, PACKAGE)
    answer = await post(wire, {"registration_ids": [reg]})
    assert answer.json["results"] == [{"error": "NotRegistered"}]


async def an_uninstalled_app_is_found_out_only_by_its_phone(stage: Stage) -> None:
    door = await stage.gcm()
    wire = await sender(stage, door)
    device, _ = door.service.add_device()
    reg = door.service.register(device, PACKAGE, ["100"])
    door.service.uninstall(device, PACKAGE)
    assert (await post(wire, {"registration_ids": [reg]})).json["success"] == 1


async def faults_of_the_whole_message_are_the_result_of_every_id(stage: Stage) -> None:
    door = await stage.gcm()
    wire = await sender(stage, door)
    ids = [registered(door), UNKNOWN]
    faults: list[tuple[str, dict[str, Any]]] = [
        ("InvalidTtl", {"time_to_live": -1}),
        ("InvalidTtl", {"time_to_live": 2_419_201}),
        ("InvalidDataKey", {"data": {"from": "me"}}),
        ("InvalidDataKey", {"data": {"google.c": "me"}}),
        ("MessageTooBig", {"data": {"k": "x" * 4096}}),
        ("MessageTooBig", {"data": {"k": "é" * 2048}}),
        ("MessageTooBig", {"data": {"k" * 4000: "x" * 97}}),
    ]
    for error, fields in faults:
        answer = await post(wire, {"registration_ids": ids, **fields})
        assert answer.status == 200
        assert answer.json["results"] == [{"error": error}] * 2, fields
        assert answer.json["failure"] == 2
    assert stage.notes.of("vendor.accepted") == []


async def limits_may_be_reached(stage: Stage) -> None:
    door = await stage.gcm()
    wire = await sender(stage, door)
    allowed: list[dict[str, Any]] = [
        {"time_to_live": 0},
        {"time_to_live": 2_419_200},
        {"data": {"k": "x" * 4095}},
        {"data": {"k": "é" * 2047}},
        {"data": {"number": 7, "flag": True, "nothing": None, "list": [1]}},
        {"delay_while_idle": True, "collapse_key": "c", "dry_run": False},
        {"restricted_package_name": PACKAGE},
        {"some_field_of_2016": 1},
    ]
    for fields in allowed:
        answer = await post(wire, {"registration_ids": [registered(door)], **fields})
        assert answer.json["success"] == 1, fields


async def a_request_has_one_to_a_thousand_ids(stage: Stage) -> None:
    door = await stage.gcm()
    wire = await sender(stage, door)
    reg = registered(door)
    full = await post(wire, {"registration_ids": [reg] * 1000})
    assert (full.json["success"], len(full.json["results"])) == (1000, 1000)
    for ids in ([], [reg] * 1001, reg, {"0": reg}, [reg, 7], None):
        answer = await post(wire, {"registration_ids": ids})
        assert answer.status == 400, ids
        assert answer.headers["Content-Type"].startswith("text/plain")
        assert b"registration_ids" in answer.body or b"bulk" in answer.body
    assert (await post(wire, {"data": {}})).status == 400


async def to_names_one_id(stage: Stage) -> None:
    door = await stage.gcm()
    wire = await sender(stage, door)
    answer = await post(wire, {"to": registered(door)})
    assert answer.json["success"] == 1


async def a_dry_run_sends_nothing(stage: Stage) -> None:
    door = await stage.gcm()
    wire = await sender(stage, door)
    answer = await post(wire, {"registration_ids": [registered(door), UNKNOWN], "dry_run": True})
    assert answer.json == {
        "multicast_id": -1,
        "success": 1,
        "failure": 1,
        "canonical_ids": 0,
        "results": [{"message_id": "fake_message_id"}, {"error": "NotRegistered"}],
    }
    assert stage.notes.of("vendor.accepted") == []


async def a_package_restricts_who_gets_it(stage: Stage) -> None:
    door = await stage.gcm()
    wire = await sender(stage, door)
    ids = [registered(door), registered(door, app="org.example.other")]
    answer = await post(wire, {"registration_ids": ids, "restricted_package_name": PACKAGE})
    assert [list(result) for result in answer.json["results"]] == [["message_id"], ["error"]]
    assert answer.json["results"][1] == {"error": "InvalidPackageName"}


async def what_cannot_be_read_is_400_in_plain_text(stage: Stage) -> None:
    door = await stage.gcm()
    wire = await sender(stage, door)
    good = {"registration_ids": [registered(door)]}
    for body in [
        b"",
        b"{",
        b"[]",
        b'"text"',
        b"\xff\xfe",
        b"[" * 100_000,
        json.dumps({**good, "delay_while_idle": "true"}).encode(),
        json.dumps({**good, "dry_run": 1}).encode(),
        json.dumps({**good, "time_to_live": "60"}).encode(),
        json.dumps({**good, "time_to_live": True}).encode(),
        json.dumps({**good, "collapse_key": 7}).encode(),
        json.dumps({**good, "data": "text"}).encode(),
        json.dumps({**good, "restricted_package_name": []}).encode(),
    ]:
        answer = await wire.ask(request("POST", SEND, JSON, body))
        assert answer.status == 400, body[:60]
        assert answer.headers["Content-Type"] == "text/plain; charset=UTF-8"
        assert answer.body
    assert (await post(wire, good)).status == 200  # on the same connection
    assert len(stage.notes.of("vendor.accepted")) == 1


async def the_early_server_refused_unknown_fields(stage: Stage) -> None:
    door = await stage.gcm(strict_fields=True)
    wire = await sender(stage, door)
    answer = await post(wire, {"registration_ids": [registered(door)], "colour": "red"})
    assert answer.status == 400
    assert b"colour" in answer.body


CHECKS: list[Callable[[Stage], Awaitable[Any]]] = [
    an_accepted_message_gets_an_id,
    results_have_the_order_of_the_request,
    an_older_id_is_answered_with_the_canonical_one,
    an_unregistered_id_is_not_registered,
    an_uninstalled_app_is_found_out_only_by_its_phone,
    faults_of_the_whole_message_are_the_result_of_every_id,
    limits_may_be_reached,
    a_request_has_one_to_a_thousand_ids,
    to_names_one_id,
    a_dry_run_sends_nothing,
    a_package_restricts_who_gets_it,
    what_cannot_be_read_is_400_in_plain_text,
    the_early_server_refused_unknown_fields,
]
