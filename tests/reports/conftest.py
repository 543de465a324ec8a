"""A small record written by hand: the ten steps on one phone, as a run would have left it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reports.reading import Record
from tests.reports.complete import STEP, SUMMARY

MS = 1_000_000

HOSTS: list[dict[str, Any]] = [
    {"name": "phone", "role": "phone", "title": "ben's iPhone", "names": ["phone"]},
    {
        "name": "gateway",
        "role": "gateway",
        "title": "gateway",
        "names": ["gateway", "push.example"],
    },
    {"name": "site", "role": "site", "title": "site", "names": ["site", "school.example"]},
    {"name": "apns", "role": "apns", "title": "APNs", "names": ["apns"]},
    {"name": "ana", "role": "person", "title": "ana", "names": ["ana-browser"]},
    {"name": "ben", "role": "person", "title": "ben", "names": ["ben-browser"]},
]
STEPS = [
    ("open_app", "1 · the user opens the app", "phone"),
    ("accept_push", "2 · the user accepts push notifications; the phone gets its token", "phone"),
    ("register_gateway", "3 · the app registers its token at the gateway", "phone"),
    ("login", "4 · the user logs in on the site, in the app", "phone"),
    ("register_site", "5 · the app registers the device on the site", "phone"),
    ("enable", "6 · the user switches push on", "ben"),
    ("message", "7 · somebody sends a message on the site", "ana"),
    ("dispatch", "8 · the gateway hands what it accepted to the push services", "gateway"),
    ("receive", "9 · the phone receives the push", "phone"),
    ("open_at_page", "10 · the app opens on the page of the push", "phone"),
]


_REST = "/webservice/rest/server.php"


def _steps() -> list[dict[str, Any]]:
    return [
        {
            **STEP, "n": n, "do": do, "title": title, "by": by,
            "start_ns": n * 1000 * MS, "end_ns": (n * 1000 + 400) * MS,
        }
        for n, (do, title, by) in enumerate(STEPS, start=1)
    ]  # fmt: skip


def _request(t: int, host: str, server: str, path: str, method: str = "POST") -> dict[str, Any]:
    return {
        "t": t * MS, "kind": "http.request", "host": host, "method": method, "server": server,
        "path": path, "status": 200,
    }  # fmt: skip


def _events() -> list[dict[str, Any]]:
    def at(ms: float, kind: str, host: str, **fields: Any) -> dict[str, Any]:
        return {"t": round(ms * MS), "kind": kind, "host": host, **fields}

    hop = {"connection": "10.0.0.3:50001", "identifier": 1}
    wire = {"service": "apns", "mid": "00000001"}
    told = [
        at(1000, "app.state", "phone", state="open"),
        at(2100, "phone.session", "phone", service="apns", device="d-1"),
        at(3050, "token.registered", "gateway", new=True),
        _request(3090, "phone", "push.example", "/tokens/<token>"),
        _request(4080, "phone", "school.example", "/login/token.php", "GET"),
        at(4060, "login.succeeded", "site"),
        _request(4160, "phone", "school.example", _REST),
        at(5060, "device.registered", "site", device=1, token_ref="aa"),
        _request(5090, "phone", "school.example", f"{_REST}?wsfunction=add_device"),
        _request(6050, "ben-browser", "school.example", "/message/edit.php"),
        at(7030, "message.created", "site", message=1, user_to=3),
        at(7050, "push.accepted", "gateway", push=1, broadcast=None),
        at(7052, "push.dispatched", "gateway", push=1, provider="apns", attempt=1, **hop),
        at(7075, "vendor.accepted", "apns", service="apns", nid="n1", peer=hop["connection"],
           identifier=1),
        at(7090, "push.requested", "site", message=1, status=200, gateway_push=1),
        _request(7120, "ana-browser", "school.example", "/message/index.php"),
        at(7135, "vendor.sent", "apns", nid="n1", device="d-1", **wire),
        at(7520, "phone.received", "phone", app="moodle", duplicate=False, **wire),
        at(7520, "phone.displayed", "phone", mid="00000001"),
        at(10100, "app.opened", "phone", page="message", msgid="1", mid="00000001",
           from_state="closed"),
    ]  # fmt: skip
    started = [
        {"t": step["start_ns"], "kind": "step.started", "host": "engine", "n": step["n"]}
        for step in _steps()
    ]
    return sorted(started + told, key=lambda event: event["t"])


@pytest.fixture
def write_record(tmp_path: Path) -> Callable[..., Record]:
    """Writes a record into the test's directory; changes to the summary as keywords."""

    def write(events: list[dict[str, Any]] | None = None, **changes: Any) -> Record:
        summary: dict[str, Any] = {
            **SUMMARY, "name": "A message reaches the phone", "file": "flows/ten_steps.yaml",
            "cell": "platform=ios", "values": {"platform": "ios"}, "seed": 42,
            "verdict": "passed", "failures": [], "virtual_ns": 10_100 * MS,
            "wire_digest": "ab" * 32, "hosts": HOSTS, "steps": _steps(),
            "fates": {"created": 1, "delivered": 1, "opened": 1, "lost": 0},
            "command": "airbed run flows/ten_steps.yaml --seed 42",
        }  # fmt: skip
        (tmp_path / "summary.json").write_text(json.dumps(summary | changes), encoding="utf-8")
        lines = [json.dumps(event) + "\n" for event in (_events() if events is None else events)]
        (tmp_path / "trace.jsonl").write_text("".join(lines), encoding="utf-8")
        row = "provider,created_ns,received_ns\napns,7030000000,7520000000\n"
        (tmp_path / "notifications.csv").write_text(row, encoding="utf-8")
        return Record.read(tmp_path)

    return write
