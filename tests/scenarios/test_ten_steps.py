"""The ten steps, one after the other: which server saw which request, what reached the phone.

On both platforms, and with the app closed, in the background and open when the push arrives.
"""

import hashlib
import json
import os
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest

ROOT = Path(__file__).parents[2]
CELLS = [
    (platform, state)
    for platform in ("ios", "android")
    for state in ("closed", "background", "open")
]
TEXT = b"Lab at nine"
REST = "/webservice/rest/server.php?wsfunction="
CHANNEL = hashlib.md5(b"http://school.example", usedforsecurity=False).hexdigest()


@pytest.fixture(scope="module", params=CELLS, ids="-".join)
def run(request: pytest.FixtureRequest, tapped: Callable[..., Any]) -> Any:
    platform, state = request.param
    return tapped("flows/ten_steps.yaml", platform=platform, app_state=state)


@pytest.fixture
def token(run: Any) -> str:
    return str(run.steps["accept_push"].results["token"])


@pytest.fixture
def is_ios(run: Any) -> bool:
    return bool(run.cell.values["platform"] == "ios")


@pytest.fixture
def vendor(is_ios: bool) -> str:
    return "apns" if is_ios else "gcm"


def forms(said: bytes, path: str) -> list[dict[str, str]]:
    """The forms that were posted to a path (with or without query), as name -> value."""
    found = []
    for part in said.split(b"POST ")[1:]:
        head, _, body = part.partition(b"\r\n\r\n")
        if head.split(b" ")[0].partition(b"?")[0] == path.encode():
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            found.append(dict(parse_qsl(body[:length].decode())))
    return found


def test_step_1_the_app_opens_and_the_phone_is_connected_to_its_push_service(
    run: Any, vendor: str
) -> None:
    assert [event["state"] for event in run.during("open_app") if event["kind"] == "app.state"] == [
        "open"
    ]
    assert run.happened("connection.opened", host="phone", to=vendor)
    assert run.happened("phone.session", host="phone", service=vendor)


def test_step_2_the_push_service_issues_the_token_to_the_phone(
    run: Any, token: str, is_ios: bool, vendor: str
) -> None:
    answered = run.answered("phone", vendor)
    if is_ios:
        assert len(token) == 64
        assert bytes.fromhex(token) in answered
    else:
        assert run.requests("accept_push") == [
            ("phone", "POST", "android.clients.google.com", "/c2dm/register3", 200)
        ]
        assert f"token={token}".encode() in answered


def test_step_3_the_gateway_gets_the_token_with_the_apps_own_key(
    run: Any, token: str, is_ios: bool
) -> None:
    assert run.requests("register_gateway") == [("phone", "POST", "push.example", "/tokens", 200)]
    said = run.sent("phone", "gateway")
    assert b"X-AN-APP-NAME: moodle\r\n" in said
    assert f"X-AN-APP-KEY: {run.deployment.services.app_key}\r\n".encode() in said
    assert forms(said, "/tokens")[0] == {"token": token, "device": "ios" if is_ios else "android"}
    assert run.answered("phone", "gateway").count(b'{"status": "ok"}') == 1
    [registered, _] = run.happened("token.registered", host="gateway")
    assert registered["new"] is True


def test_step_4_the_site_lets_the_user_in_and_tells_the_app_about_itself(run: Any) -> None:
    assert run.requests("login") == [
        ("phone", "POST", "school.example", "/login/token.php", 200),
        ("phone", "POST", "school.example", f"{REST}moodle_webservice_get_siteinfo", 200),
    ]
    said = run.sent("phone", "site")
    [login] = forms(said, "/login/token.php")
    assert login["username"] == "ben"
    assert login["password"] == run.deployment.population.people["ben"].password
    assert login["service"] == "moodle_mobile_app"
    assert forms(said, "/webservice/rest/server.php")[0] == {
        "wsfunction": "moodle_webservice_get_siteinfo"
    }
    assert len(run.happened("login.succeeded", host="site")) == 3  # ben, ben's browser, ana


def test_step_5_the_site_gets_the_device_and_the_gateway_the_sites_channel(
    run: Any, token: str
) -> None:
    assert run.requests("register_site") == [
        ("phone", "POST", "push.example", "/tokens", 200),
        ("phone", "POST", "school.example", f"{REST}message_airnotifier_add_user_device", 200),
    ]
    subscription = forms(run.sent("phone", "gateway"), "/tokens")[1]
    assert (subscription["token"], subscription["channel"]) == (token, CHANNEL)
    registration = forms(run.sent("phone", "site"), "/webservice/rest/server.php")[1]
    assert registration["wsfunction"] == "message_airnotifier_add_user_device"
    assert registration["device[appname]"] == "moodle"
    assert registration["device[devicenotificationtoken]"] == token
    [registered] = run.happened("device.registered", host="site")
    assert registered["device"] == run.steps["register_site"].results["device"]


def test_step_6_the_user_ticks_the_processor_and_switches_the_device_on(run: Any) -> None:
    paths = [(method, path) for _, method, _, path, _ in run.requests("enable")]
    assert ("POST", "/message/edit.php") in paths
    assert paths[-1] == ("POST", "/message/output/airnotifier/rest.php")
    said = run.sent("ben-browser", "site")
    [preferences] = forms(said, "/message/edit.php")
    assert preferences["moodle_instantmessage_loggedin[airnotifier]"] == "1"
    assert preferences["moodle_instantmessage_loggedoff[airnotifier]"] == "1"
    [device] = forms(said, "/message/output/airnotifier/rest.php")
    assert (device["field"], device["enable"]) == ("enable", "1")
    assert {event["value"] for event in run.happened("preference.changed")} == {"popup,airnotifier"}


def test_step_7_the_site_stores_the_message_and_asks_the_gateway_with_its_own_key(
    run: Any, token: str
) -> None:
    function = forms(run.sent("ana-browser", "site"), "/webservice/rest/server.php")[0]
    assert function["wsfunction"] == "moodle_message_send_instantmessages"
    assert function["messages[0][text]"] == TEXT.decode()
    [created] = run.happened("message.created", host="site")
    assert created["message"] == run.steps["message"].results["id"]
    said = run.sent("site", "gateway")
    assert said.startswith(b"POST /notification/ HTTP/1.1\r\n")
    assert f"X-AN-APP-KEY: {run.deployment.services.site_key}\r\n".encode() in said
    for field in ("alert", "date", "urlparams", "type", "userfrom", "id", "token"):
        assert f'name="{field}"'.encode() in said
    assert TEXT in said
    assert token.encode() in said
    [accepted] = run.happened("push.accepted", host="gateway")
    [requested] = run.happened("push.requested", host="site")
    assert requested["status"] == 200
    assert requested["gateway_push"] == str(accepted["push"])


def test_step_8_the_gateway_passes_the_push_to_the_right_push_service(
    run: Any, token: str, is_ios: bool, vendor: str
) -> None:
    other = "gcm" if is_ios else "apns"
    assert not run.happened("connection.opened", host="gateway", to=other)
    assert len(run.happened("vendor.accepted", service=vendor)) == 1
    said = run.sent("gateway", vendor)
    if is_ios:
        command, identifier, _expiry, size = struct.unpack(">BIIH", said[:11])
        assert (command, identifier, size) == (1, 1, 32)
        assert said[11:43].hex() == token
        [length] = struct.unpack(">H", said[43:45])
        payload = json.loads(said[45 : 45 + length])
        assert len(said) == 45 + length <= 45 + 256
        assert TEXT.decode() in payload["aps"]["alert"]
    else:
        head, _, body = said.partition(b"\r\n\r\n")
        assert head.startswith(b"POST /gcm/send HTTP/1.1\r\n")
        assert b"Authorization: key=" in head
        request = json.loads(body)
        assert request["registration_ids"] == [token]
        assert TEXT.decode() in request["data"]["message"]


def test_step_9_the_phone_gets_the_text_and_the_number_of_the_message(
    run: Any, is_ios: bool, vendor: str
) -> None:
    reached = run.answered("phone", vendor)
    number = run.steps["message"].results["id"]
    assert TEXT in reached
    if is_ios:
        start = reached.index(b'{"aps"')
        payload, _ = json.JSONDecoder().raw_decode(reached[start:].decode("utf-8", "replace"))
        assert TEXT.decode() in payload["aps"]["alert"]
        assert payload["id"] == str(number)
    result = run.steps["receive"].results
    assert TEXT.decode() in result["alert"]
    assert result["custom"]["id"] == str(number)
    assert result["count"] == 1
    assert len(run.happened("phone.received", host="phone")) == 1


def test_step_10_the_app_opens_on_the_message(run: Any) -> None:
    [opened] = run.happened("app.opened", host="phone")
    state = run.cell.values["app_state"]
    assert (opened["page"], opened["from_state"]) == ("message", state)
    assert opened["msgid"] == run.steps["message"].results["id"]
    popped_up, displayed = run.happened("app.popup"), run.happened("phone.displayed")
    assert (len(popped_up), len(displayed)) == ((1, 0) if state == "open" else (0, 1))


def test_no_byte_on_the_wire_depends_on_the_version_of_python(run: Any) -> None:
    said = b"".join(b"".join(parts) for parts in run.tap.said.values())
    assert b"HTTP/1.1 200 OK" in said
    assert b"Python" not in said


def digests(tmp_path: Path, name: str, seed: int, hash_seed: str) -> list[str]:
    """Wire digests and hashes of the records of all cells, from a process of its own."""
    runs = tmp_path / name
    command = [
        sys.executable, "-c",
        "import sys; from scenarios.engine.commands.cli import main; sys.exit(main())",
        "run", "scenarios/flows/ten_steps.yaml", "--seed", str(seed), "--runs", str(runs), "-q",
    ]  # fmt: skip
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)}
    subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
    files = ("trace.jsonl", "notifications.csv", "summary.json", "timeline.html")
    return [
        hashlib.sha256((record / file).read_bytes()).hexdigest() + record.name
        for record in sorted(path for path in runs.iterdir() if path.is_dir())
        for file in files
    ]


@pytest.mark.determinism
def test_the_same_seed_gives_the_same_records_in_fresh_processes(tmp_path: Path) -> None:
    first = digests(tmp_path, "first", 42, "1")
    assert len(first) == 6 * 4
    assert digests(tmp_path, "second", 42, "2") == first
    other = digests(tmp_path, "other", 43, "1")
    assert not set(other) & set(first)
