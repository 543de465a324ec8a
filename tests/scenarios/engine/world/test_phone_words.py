"""What a user does with a phone and its app, and what comes of it: off and on, away and back."""

from collections.abc import Callable
from typing import Any

import pytest

Run = Callable[..., Any]

HEAD = """\
format: 1
name: Phones
world:
  gateway: {{ kind: airnotifier, app: moodle }}
  site:    {{ kind: moodle, users: {{ ana: teacher, ben: student }} }}
  vendors: {{ apns: {{ reinstall_keeps_token: {keeps} }} }}
devices:
  phone:  {{ platform: {platform}, owner: ben, state: enabled }}
"""
SEND = "message, by: ana, with: { to: ben, text: One two three }"
both_platforms = pytest.mark.parametrize("platform", ["ios", "android"])


def flow(*steps: str) -> str:
    return "flow:\n" + "".join(f"  - {{ do: {step} }}\n" for step in steps)


def head(platform: str, *, keeps: bool = True) -> str:
    return HEAD.format(platform=platform, keeps=str(keeps).lower())


# Dismissed


@both_platforms
def test_a_notification_that_is_swiped_away_is_dismissed(run: Run, platform: str) -> None:
    shown = ("set_app_state, by: phone, with: { state: background }", SEND, "receive, by: phone")
    steps = flow(*shown, "dismiss, by: phone, expect: { msgid: 1 }", "settle")
    done = run(head=head(platform), flow=steps)
    assert done.result.verdict == "passed", done.failures
    assert (done.result.fates["dismissed"], done.result.fates["unread"]) == (1, 0)
    assert not done.context.population.phones["phone"].tray


def test_what_is_not_shown_cannot_be_swiped_away(run: Run) -> None:
    done = run(head=head("ios"), flow=flow("dismiss, by: phone"))
    assert "phone shows no notification that could be swiped away" in done.failures


# Off and on


@both_platforms
def test_a_phone_that_is_off_gets_its_message_when_it_is_on_again(run: Run, platform: str) -> None:
    steps = flow(
        "power_off, by: phone",
        SEND,
        "receive_nothing, by: phone, within: 30m",
        "power_on, by: phone",
        "receive, by: phone, within: 10s",
        "settle",
    )
    done = run(head=head(platform), flow=steps)
    assert done.result.verdict == "passed", done.failures
    assert done.result.fates["delivered"] == 1
    assert done.result.fates["duplicate"] == 0
    [off], [on] = done.happened("phone.off"), done.happened("phone.on")
    theirs = {e["connection"] for e in done.happened("connection.opened", host="phone")}
    ends = [
        (e["host"], e["how"])
        for e in done.happened("connection.closed")
        if e["connection"] in theirs and off["t"] <= e["t"] < on["t"] and e["host"] != "phone"
    ]
    assert {how for _, how in ends} <= {"etimedout"}, "somebody was told"
    assert len(done.happened("phone.session")) == 2


def test_an_app_on_a_phone_that_is_off_cannot_be_opened(run: Run) -> None:
    done = run(head=head("ios"), flow=flow("power_off, by: phone", "open_app, by: phone"))
    assert "phone is switched off" in done.failures


def test_a_phone_that_is_off_is_not_back_when_airplane_mode_ends(run: Run) -> None:
    steps = ("go_offline, by: phone", "power_off, by: phone", "go_online, by: phone", SEND)
    done = run(head=head("ios"), flow=flow(*steps, "receive_nothing, by: phone, within: 5m"))
    assert done.result.verdict == "passed", done.failures
    assert not done.context.deployment.world.hosts["phone"].online
    done = run(head=head("ios"), flow=flow(*steps, "power_on, by: phone", "receive, by: phone"))
    assert done.result.verdict == "passed", done.failures


@both_platforms
def test_a_fault_switches_a_phone_off_for_a_while(run: Run, platform: str) -> None:
    fault = "id: empty, target: device.phone, inject: power_off, window: { to: 10m }"
    done = run(fault, head=head(platform), flow=flow(SEND, "wait, with: { for: 11m }"))
    assert done.result.verdict == "passed", done.failures
    [off], [on] = done.happened("phone.off"), done.happened("phone.on")
    [received] = done.happened("phone.received")
    assert on["t"] - off["t"] == pytest.approx(600e9)
    assert received["t"] > on["t"]


# Away and back

AWAY_AND_BACK = ("uninstall, by: phone", "reinstall, by: phone, save: { new: $result.token }")


def tokens(done: Any) -> list[str]:
    return list(done.context.population.tokens)


def test_on_android_a_reinstalled_app_has_a_new_id_and_the_old_one_is_an_alias(run: Run) -> None:
    head_ = head("android")
    before = run(
        head=head_,
        flow=flow(
            "uninstall, by: phone",
            "reinstall, by: phone, with: { set_up: false }",
            SEND,
            "wait, with: { for: 30s }",
        ),
    )
    assert before.result.fates["delivered"] == 1, "the old id works as long as there is no newer"
    assert len(tokens(before)) == 1
    done = run(head=head_, flow=flow(*AWAY_AND_BACK, SEND, "settle"))
    assert done.result.verdict == "passed", done.failures
    assert len(tokens(done)) == 2
    gcm = done.context.deployment.services.push.gcm
    old, new = (gcm._registry.find(token) for token in tokens(done))
    assert old.canonical() is new
    # The site knows both ids and asks for both; GCM's answer ends the old one at the gateway.
    assert done.result.fates["delivered"] == 2
    again = run(head=head_, flow=flow(*AWAY_AND_BACK, SEND, "settle", SEND, "settle"))
    assert (again.result.fates["delivered"], again.result.fates["refused"]) == (3, 1)


def test_on_android_what_was_sent_to_nobody_ends_the_old_id(run: Run) -> None:
    steps = ("uninstall, by: phone", SEND, "wait, with: { for: 30s }", "reinstall, by: phone", SEND)
    done = run(head=head("android"), flow=flow(*steps, "settle"))
    old, _ = (done.context.deployment.services.push.gcm._registry.find(t) for t in tokens(done))
    assert old.dead_from is not None
    assert old.canonical() is old
    assert done.result.fates["undeliverable"] == 1


@pytest.mark.parametrize(("keeps", "expected"), [(True, 1), (False, 2)])
@pytest.mark.parametrize("offline", [False, True])
def test_on_ios_a_reinstalled_app_has_the_token_that_the_setting_says(
    run: Run, keeps: bool, expected: int, offline: bool
) -> None:
    steps = ["uninstall, by: phone", "reinstall, by: phone, with: { set_up: false }"]
    if offline:
        steps = ["go_offline, by: phone", *steps, "go_online, by: phone", "wait, with: { for: 5s }"]
    steps += ["open_app, by: phone", "accept_push, by: phone, save: { token: $result.token }"]
    done = run(head=head("ios", keeps=keeps), flow=flow(*steps, SEND, "wait, with: { for: 30s }"))
    assert done.result.verdict == "passed", done.failures
    assert len(tokens(done)) == expected
    assert done.result.fates["delivered" if keeps else "undeliverable"] == 1


def test_an_app_that_is_there_cannot_be_installed_again(run: Run) -> None:
    done = run(head=head("ios"), flow=flow("reinstall, by: phone"))
    assert "phone: the app is installed" in done.failures


def test_an_app_that_is_gone_does_not_come_back_by_itself(run: Run) -> None:
    done = run(
        head=head("ios"),
        flow=flow("uninstall, by: phone", "set_app_state, by: phone, with: { state: open }"),
    )
    assert "the app is not installed" in done.failures


@both_platforms
def test_a_fault_brings_the_app_back(run: Run, platform: str) -> None:
    gone = "id: gone, target: device.phone, inject: uninstall, window: { from: 1s }"
    back = "id: back, target: device.phone, inject: reinstall, window: { from: 1m }"
    steps = flow("wait, with: { for: 2m }", SEND, "settle")
    done = run(gone, back, head=head(platform), flow=steps)
    assert done.result.verdict == "passed", done.failures
    assert done.result.fates["delivered"] >= 1
    assert run(gone, head=head(platform), flow=steps).result.fates["undeliverable"] == 1
