"""No step is ok that a server refused: each says with which status, where and why."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from scenarios.engine.format.steps_catalog import STEPS
from scenarios.engine.running.context import Context
from scenarios.engine.world.programs import Program
from tests.scenarios.engine.world.conftest import HEAD, FaultRun

Run = Callable[..., FaultRun]

REST = "/webservice/rest/server.php"
DEVICES = "/message/output/airnotifier/rest.php"
ASKING = {
    "register_gateway": ("by: phone", "gateway", "/tokens"),
    "login": ("by: phone, with: { user: ben }", "site", "/login/token.php"),
    "register_site": ("by: phone", "site", REST),
    "enable": ("by: ben, with: { device: phone }", "site", "/message/edit.php"),
    "disable": ("by: ben", "site", "/message/edit.php"),
    "set_preference": (
        "by: ben, with: { loggedin: true, loggedoff: false }", "site", "/message/edit.php",
    ),
    "enable_device": ("by: ben, with: { device: phone }", "site", DEVICES),
    "disable_device": ("by: ben, with: { device: phone }", "site", DEVICES),
    "message": ("by: ana, with: { to: ben, text: Hi }", "site", "/login/token.php"),
    "broadcast": (
        "by: admin, with: { text: Hi }", "site", "/login/index.php",
    ),
}  # fmt: skip
"""Steps that ask a server for something, and what they ask first."""

QUIET = {
    "open_app", "accept_push", "decline_push", "open_at_page", "dismiss", "set_app_state",
    "receive", "receive_nothing", "go_offline", "go_online", "power_off", "power_on",
    "uninstall", "reinstall",
}  # fmt: skip
"""Steps that ask neither site nor gateway, so neither can refuse them."""

REFUSALS = {
    "401": (401, "<p>Unauthorized</p>", "401"),
    "403": (403, '{"error": "Blocked by the firewall"}', "Blocked by the firewall"),
    "404": (404, "Not Found", "404"),
    "500": (500, "", "500"),
    "error": (200, '{"error": "Under maintenance", "errorcode": "x"}', "200"),
    "login": (303, "", "303"),
}


class Refusing:
    """Turns a server into one that answers everything alike, in each step in another way."""

    def __init__(self, module: str, refusals: Sequence[str]) -> None:
        self._module, self._refusals = module, refusals
        self._step = 0
        """The one that has begun, from 1; 0 before the flow."""

    def attach(self, context: Context, record: Path) -> None:
        context.deployment.world.trace.listen(self._hear)

    def detach(self) -> None: ...

    def _hear(self, event: Any) -> None:
        if event["kind"] == "step.started":
            self._step = event["n"]

    def patch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        original = Program.application

        @web.middleware
        async def refuse(request: web.Request, handler: Any) -> web.StreamResponse:
            if not self._step:
                return await handler(request)  # type: ignore[no-any-return]
            refusal = self._refusals[self._step - 1]
            status, text, _ = REFUSALS[refusal]
            if refusal == "login" and request.path == "/login/index.php":
                status, text = 200, '<input type="password" name="password">'
            headers = {"Location": "/login/index.php"} if status == 303 else {}
            return web.Response(status=status, text=text, headers=headers)

        def application(program: Program) -> web.Application:
            app = original(program)
            if program.module == self._module:
                app.middlewares.insert(0, refuse)
            return app

        monkeypatch.setattr(Program, "application", application)


def test_every_step_of_people_and_phones_is_looked_at() -> None:
    theirs = {name for name, contract in STEPS.items() if {"person", "phone"} & {*contract.by}}
    assert theirs == ASKING.keys() | QUIET


@pytest.mark.parametrize("do", list(ASKING))
def test_a_refused_step_fails_and_says_how(
    run: Run, monkeypatch: pytest.MonkeyPatch, do: str
) -> None:
    what, server, asked = ASKING[do]
    module = "server.moodle" if server == "site" else "server.airnotifier"
    refusing = Refusing(module, list(REFUSALS))
    refusing.patch(monkeypatch)
    *excused, last = [f"  - {{ do: {do}, {what}, may_fail: true }}\n"] * len(REFUSALS)
    flow = "".join(("flow:\n", *excused, last.replace(", may_fail: true", "")))
    done = run(flow=flow, head=HEAD, inspectors=[refusing])
    assert done.result.verdict == "failed"
    *excused_steps, _ = done.result.steps
    assert [step.status for step in done.result.steps] == ["excused"] * 5 + ["failed"]
    said = [*(step.excuse for step in excused_steps), done.failures]
    for (refusal, (status, _, words)), told in zip(REFUSALS.items(), said, strict=True):
        path = asked
        if refusal == "login" and path not in (REST, "/login/token.php", "/tokens"):
            status, path = 200, "/login/index.php"
            words = "login form"
        assert str(status) in told, refusal
        assert words in told, refusal
        assert path in told, refusal


@pytest.mark.parametrize(
    ("step", "told"),
    [
        (
            "do: broadcast, by: ana, with: { text: Hi }",
            "/message/output/airnotifier/broadcast.php answered 403: Sorry, but you do not"
            " currently have permissions to do that (Change site configuration)",
        ),
        (
            "do: disable_device, by: ana, with: { device: phone }",
            f"{DEVICES} answered 404: Unknown device",
        ),
        (
            "do: register_gateway, by: phone, with: { key: site }",
            "/tokens answered 403: No permission to create token",
        ),
        ("do: register_gateway, by: phone, with: { key: site }, expect: { status: 200 }", "403"),
    ],
)
def test_the_refusals_of_our_own_servers_are_told_too(run: Run, step: str, told: str) -> None:
    done = run(flow=f"flow:\n  - {{ {step} }}\n")
    assert done.result.verdict == "failed"
    assert told in done.failures


def test_a_refusal_that_is_expected_is_what_should_happen(run: Run) -> None:
    steps = (
        "do: broadcast, by: ana, with: { text: Hi }, expect: { status: 403 }",
        "do: disable_device, by: ana, with: { device: phone }, expect: { status: 404 }",
        "do: register_gateway, by: phone, with: { key: site }, expect: { status: 403 }",
    )
    done = run(flow="flow:\n" + "".join(f"  - {{ {step} }}\n" for step in steps))
    assert done.result.verdict == "passed", done.failures


@pytest.mark.parametrize(
    "step",
    [
        "do: disable_device, by: ben, with: { device: phone }",
        "do: disable, by: ben",
        "do: set_preference, by: ben, with: { loggedin: false, loggedoff: false }",
    ],
)
def test_people_whose_session_is_over_log_in_again_and_the_step_counts(run: Run, step: str) -> None:
    flow = (
        "flow:\n  - { do: wait, with: { for: 3h } }\n"
        f"  - {{ {step} }}\n"
        "  - { do: message, by: ana, with: { to: ben, text: Hi } }\n"
        "  - { do: receive_nothing, by: phone, within: 30s }\n"
    )
    done = run(flow=flow)
    assert done.result.verdict == "passed", done.failures
    # Once to set the phone up, and once more three hours later.
    logins = done.happened("http.request", host="ben-browser", method="POST")
    assert [event["path"] for event in logins].count("/login/index.php") == 2
