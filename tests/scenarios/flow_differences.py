"""For every key of a step, every argument, result and limit of every step, and every key of
`faults` and `expect`: two scenarios that come to different things, as in `setting_differences.py`.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from tests.scenarios.setting_differences import (
    AFTER_IT,
    BAD_TOKEN,
    BROADCAST,
    FLEET,
    FLOW,
    LEFT_OUT,
    MESSAGE,
    TWICE,
    Document,
    Step,
    Two,
    fault,
    offline,
    step,
    wait,
)

TOKEN: Final = "ab" * 32
MAY_FAIL: Final = {"may_fail": True}
NEW: Final = {"devices.new": {"platform": "ios", "owner": "ben"}}
SPARE: Final = {"devices.spare": {"platform": "ios", "owner": "ben", "state": "enabled"}}
OPENED: Final = (step("open_app", "new"),)
ACCEPTED: Final = (*OPENED, step("accept_push", "new"))
LOGGED_IN: Final = (*ACCEPTED, step("login", "new", user="ben"))
TO_BEN: Final = step("message", "ana", to="ben", text="One two three")
RECEIVED: Final = (TO_BEN, step("receive", "phone"))
CLOSE: Final = step("set_app_state", "phone", state="closed")
PREFERENCE: Final = step("set_preference", "ben", loggedin=True, loggedoff=True)
MATRIX: Final = {"matrix": {"net": ["wifi"]}}
WHEN: Final = ("$matrix.net == wifi", "$matrix.net == cellular")

SPECIMENS: Final[Mapping[str, tuple[Sequence[Step], Mapping[str, Any]]]] = {
    # step: (a flow that ends with it, what is given for it)
    "open_app": (OPENED, NEW),
    "accept_push": (ACCEPTED, NEW),
    "register_gateway": ((*ACCEPTED, step("register_gateway", "new")), NEW),
    "login": (LOGGED_IN, NEW),
    "register_site": ((*LOGGED_IN, step("register_site", "new")), NEW),
    "enable": ((step("enable", "ben", device="phone"),), {}),
    "message": ((TO_BEN,), {}),
    "dispatch": (
        (TO_BEN, step("dispatch", "gateway")), {"world.links.apns": {"latency": "500ms"}}
    ),
    "receive": (RECEIVED, {}),
    "open_at_page": ((CLOSE, *RECEIVED, step("open_at_page", "phone")), {}),
    "disable": ((step("disable", "ben"),), {}),
    "set_preference": ((PREFERENCE,), {}),
    "enable_device": ((step("enable_device", "ben", device="phone"),), {}),
    "disable_device": ((step("disable_device", "ben", device="phone"),), {}),
    "broadcast": (BROADCAST[:1], {}),
    "dismiss": ((CLOSE, *RECEIVED, step("dismiss", "phone")), {}),
    "reinstall": ((step("uninstall", "phone"), step("reinstall", "phone")), {}),
    "settle": ((TO_BEN, step("settle")), {}),
}  # fmt: skip

ARGUMENTS: Final[Mapping[str, Two]] = {
    "register_gateway.token": Two(
        TOKEN, at="flow.2.with.token", given=NEW, flow=SPECIMENS["register_gateway"][0]
    ),
    "register_gateway.key": Two(
        "site", at="flow.2.with.key", given=NEW,
        flow=(*ACCEPTED, step("register_gateway", "new", keys=MAY_FAIL)),
    ),
    "register_gateway.channel": Two(
        "news", at="flow.2.with.channel", given=NEW, flow=SPECIMENS["register_gateway"][0]
    ),
    "login.user": Two("eva", "ben", at="flow.2.with.user", given=NEW, flow=LOGGED_IN),
    "register_site.token": Two(
        TOKEN, at="flow.3.with.token", given=NEW, flow=SPECIMENS["register_site"][0]
    ),
    **{
        f"{do}.device": Two(
            "spare", "phone", at="flow.0.with.device", given=SPARE,
            flow=[step(do, "ben", device="phone")],
        )
        for do in ("enable", "enable_device", "disable_device")
    },
    "message.to": Two("ben", "all", at="flow.0.with.to"),
    "message.text": Two("Four", "One two three", at="flow.0.with.text"),
    "set_preference.loggedin": Two(False, True, at="flow.0.with.loggedin", flow=[PREFERENCE]),
    "set_preference.loggedoff": Two(False, True, at="flow.0.with.loggedoff", flow=[PREFERENCE]),
    "broadcast.text": Two("Four", "One two three", at="flow.0.with.text", flow=BROADCAST),
    "set_app_state.state": Two(
        "closed", "open", at="flow.0.with.state",
        flow=(step("set_app_state", "phone", state="open"), *FLOW),
    ),
    "reinstall.set_up": Two(False, at="flow.1.with.set_up", flow=SPECIMENS["reinstall"][0]),
    "wait.for": Two("9s", "20s", at="flow.1.with.for", flow=TWICE),
}  # fmt: skip

STEP_KEYS: Final[Mapping[str, Two]] = {
    "flow.*.by": Two("eva", "ana", at="flow.0.by"),
    "flow.*.save.*": Two(
        "$result.sent", "$result.id", at="flow.2.save.msg",
        flow=(
            MESSAGE, step("receive", "phone"), TO_BEN,
            step("receive", "phone", keys={"expect": {"custom.id": "$msg"}}),
        ),
        failure="custom.id is",
    ),
    "flow.*.expect.*": Two(
        {"sent": 2}, {"sent": 1}, at="flow.0.expect", flow=[TO_BEN], failure="sent is 1"
    ),
    "flow.*.when": Two(*WHEN, at="flow.0.when", given=MATRIX),
    "flow.*.may_fail": Two(
        LEFT_OUT, True, at="flow.0.may_fail", flow=[{**TO_BEN, "within": "1ms"}],
        failure="the site did not answer within",
    ),
}  # fmt: skip

OFF: Final = {"faults": [fault("airplane_mode", "device.phone")]}
FLEET_OFF: Final = {
    **FLEET, "faults": [{**fault("airplane_mode", "device.fleet"), "select": {"index": 0}}]
}  # fmt: skip
DOWN: Final = {"faults": [fault("down", "host.gateway")]}
SLOW: Final = {"faults": [fault("latency", "host.apns", latency="1s")]}
FAULT_KEYS: Final[Mapping[str, Two]] = {
    "faults.*.target": Two("device.tablet", "device.phone", at="faults.0.target", given=OFF),
    "faults.*.select.index": Two(1, 0, at="faults.0.select.index", given=FLEET_OFF),
    "faults.*.select.count": Two(
        2, 1, at="faults.0.select.count", given={**FLEET_OFF, "faults.0.select": {}}
    ),
    "faults.*.select.share": Two(
        "100%", "50%", at="faults.0.select.share", given={**FLEET_OFF, "faults.0.select": {}}
    ),
    "faults.*.inject": Two("partition", "down", at="faults.0.inject", given=DOWN),
    "faults.*.window.from": Two("step wait", "0s", at="faults.0.window.from", given=OFF),
    "faults.*.window.to": Two("5s", at="faults.0.window.to", given=OFF),
    "faults.*.window.for": Two("5s", at="faults.0.window.for", given=OFF),
    "faults.*.direction": Two("upstream", at="faults.0.direction", given=SLOW),
    "faults.*.probability": Two("0.001%", at="faults.0.probability", given=OFF),
    "faults.*.may_not_fire": Two(
        False, True, at="faults.0.may_not_fire",
        given={"faults": [fault("latency", "link.gateway-apns", latency="1s")]},
        flow=[wait("5s")], failure="latency",
    ),
    "faults.*.when": Two(*WHEN, at="faults.0.when", given={**OFF, **MATRIX}),
}  # fmt: skip

REFUSED: Final = {"world.site.gateway_key": "app"}
APPLE: Final = {"devices.tablet.platform": "ios", **BAD_TOKEN}
SLOW_GCM: Final = {"world.vendors.gcm.slow_answers": {"delay": "1m"}}
NOT_ENABLED: Final = {"devices.phone.state": "registered"}
SEEN: Final[Mapping[str, tuple[Mapping[str, Any], Sequence[Step]]]] = {
    # fate or figure: what has to be given and done so that there is one at least
    "created": ({}, FLOW),
    "suppressed": (NOT_ENABLED, FLOW),
    "refused": (REFUSED, FLOW),
    "rejected": (BAD_TOKEN, AFTER_IT),
    "expired": ({"world.gateway.apns.lifetime": "30s"}, offline("phone")),
    "collapsed": ({}, offline("phone")),
    "undeliverable": ({}, (step("uninstall", "phone"), *TWICE)),
    "delivered": ({}, FLOW),
    "opened": (SPECIMENS["open_at_page"][1], SPECIMENS["open_at_page"][0]),
    "dismissed": (SPECIMENS["dismiss"][1], SPECIMENS["dismiss"][0]),
    "unread": ({}, FLOW),
    "pending": ({}, (step("go_offline", "phone"), *FLOW)),
    "lost": ({**APPLE, "world.gateway.apns.recovery": "none"}, AFTER_IT),
    "duplicate": (SLOW_GCM, (MESSAGE, wait("5m"))),
    "gateway.accepted": ({}, FLOW),
    "gateway.refused": (REFUSED, FLOW),
    "gateway.resent": (APPLE, AFTER_IT),
    "gateway.pruned": (APPLE, AFTER_IT),
    "gateway.unresolved": (SLOW_GCM, (MESSAGE, wait("50m"))),
    "apns.connections_opened": ({}, FLOW),
    "apns.accepted": ({}, FLOW),
    "apns.rejected": (APPLE, AFTER_IT),
    "apns.discarded": (APPLE, AFTER_IT),
    "gcm.accepted": ({}, FLOW),
    "gcm.rejected": ({}, (step("uninstall", "tablet"), *TWICE)),
    "phones.strangers": ({}, (step("login", "phone", user="eva"), *FLOW)),
    "site.requested": ({}, FLOW),
    "site.suppressed": (NOT_ENABLED, FLOW),
}


def _condition(name: str) -> Document:
    return {"that": f"{name} == 0"}


EXPECTED: Final[Mapping[str, Two]] = {
    **{
        f"expect.fates.{name}": Two(0, given=given, flow=flow, failure=f"{name}: ")
        for name, (given, flow) in SEEN.items()
        if "." not in name
    },
    "expect.fates.when": Two(
        *WHEN, given={**MATRIX, "expect.fates": {"delivered": 0}}, failure="delivered: "
    ),
    "expect.invariants.*": Two(["conservation"], [], at="expect.invariants"),
    "expect.checks.*.that": Two(
        "fates.created == 0", "fates.created > 0", at="expect.checks.0.that",
        given={"expect.checks": [{}]}, failure="fates.created == 0",
    ),
    "expect.checks.*.when": Two(
        *WHEN, at="expect.checks.0.when", failure="fates.created == 0",
        given={**MATRIX, "expect.checks": [_condition("fates.created")]},
    ),
}  # fmt: skip
OBSERVED: Final[Mapping[str, Two]] = {
    name: Two([_condition(name)], at="expect.checks", given=given, flow=flow, failure=name)
    for name, (given, flow) in SEEN.items()
    if "." in name
}
SEEDS: Final[Mapping[str, Two]] = {
    "seed": Two(2),
    "seeds.from": Two(2, 1, given={"seeds": {"from": 1, "count": 1}}),
    "seeds.count": Two(2, 1, given={"seeds": {"from": 1, "count": 1}}),
    "matrix.*.*": Two(
        ["cellular"], ["wifi"], at="matrix.net", given={"devices.phone.network": "$matrix.net"}
    ),
}
ENTRIES: Final[Mapping[str, Two]] = {**STEP_KEYS, **FAULT_KEYS, **EXPECTED, **SEEDS}
