"""For every setting of a world, its push services and its phones: two values that differ.

`ENTRIES` has an entry for each key of the scenario's models. Both of its scenarios are run by
`test_setting_differences.py`, which fails where they come to the same, where they differ in
anything but the key, and where a key has no entry. A part in a place of a path that is a name in
the file or a number in a list is `*` in the key.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tests.scenarios import other_senders
from tests.scenarios.outcomes import Sender

Document = dict[str, Any]
Step = Mapping[str, Any]

LEFT_OUT: Final = object()
"""In the place of a value: the key is not in the file."""


@dataclass(frozen=True)
class Two:
    """Two values of one key, `one` and `other`, in scenarios that are alike otherwise.

    `at` is the path of the key in the document, where it is not the key itself; `given` has what is
    at other paths in both, `flow` what is done. A run that has to fail with `one` says `failure`,
    which is part of the message; `also` are the keys that have to change together with this one.
    """

    one: Any
    other: Any = LEFT_OUT
    at: str = ""
    given: Mapping[str, Any] = field(default_factory=dict)
    flow: Sequence[Step] = ()
    failure: str = ""
    also: Sequence[str] = ()
    sender: Sender | None = None
    """Sends something, too, when the flow begins."""


def step(do: str, by: str = "", *, keys: Mapping[str, Any] | None = None, **given: Any) -> Step:
    """A step; `given` is its `with`, and `keys` is what it has besides."""
    written: Document = {"do": do}
    if by:
        written["by"] = by
    if given:
        written["with"] = given
    return {**written, **(keys or {})}


def wait(time: str) -> Step:
    return step("wait", **{"for": time})


def fault(inject: str, target: str, start: str = "0s", **given: Any) -> Mapping[str, Any]:
    """A fault that may do nothing, from `start` to the end of the flow."""
    return {
        "id": inject, "target": target, "inject": inject, "with": given, "may_not_fire": True,
        "window": {"from": start},
    }  # fmt: skip


BASE: Final[Document] = {
    "format": 1,
    "name": "Differences",
    "world": {
        "gateway": {"kind": "airnotifier", "app": "moodle"},
        "site": {
            "kind": "moodle", "users": {"ana": "teacher", "ben": "student", "eva": "student"},
        },
    },
    "devices": {
        "phone": {"platform": "ios", "owner": "ben", "state": "enabled"},
        "tablet": {"platform": "android", "owner": "eva", "state": "enabled"},
    },
}  # fmt: skip
MESSAGE: Final = step("message", "ana", to="all", text="One two three", keys={"may_fail": True})
FLOW: Final = (MESSAGE, wait("20s"))
TWICE: Final = (MESSAGE, wait("20s"), MESSAGE, wait("20s"))
AT_ONCE: Final = (
    {**MESSAGE, "within": "10ms"}, {**MESSAGE, "by": "eva", "within": "10ms"}, wait("20s"),
)  # fmt: skip
BROADCAST: Final = (step("broadcast", "admin", text="One two three"), wait("20s"))

BAD_TOKEN: Final = {"faults": [fault("token_corrupt", "device.phone")]}
AFTER_IT: Final = (wait("2s"), *TWICE)
LATER: Final = (wait("10m"), *FLOW)
FLEET: Final = {"devices": {"fleet": {"count": 2, "platform": "ios", "state": "enabled"}}}
EVEN: Final = {"ios": "50%", "android": "50%"}
MIXED: Final = {
    "devices": {
        "fleet": {"count": 4, "mix": EVEN, "state": "enabled"},
    }
}


def offline(phone: str, meanwhile: Sequence[Step] = TWICE) -> Sequence[Step]:
    return (
        step("go_offline", phone), *meanwhile, wait("1m"), step("go_online", phone), wait("20s"),
    )  # fmt: skip


GATEWAY: Final = {
    "gateway.app": Two("school", "moodle"),
    "gateway.environment": Two("sandbox"),
    "gateway.legacy_status": Two("2013", given={"world.site.gateway_key": "app"}),
    "gateway.token_in": Two("path", "body"),
    "gateway.apns.lifetime": Two("1h"),
    "gateway.apns.recovery": Two(
        "none", given={"devices.tablet.platform": "ios", **BAD_TOKEN}, flow=AFTER_IT
    ),
    "gateway.apns.certificate": Two("expired"),
    "gateway.gcm.lifetime": Two("2h"),
    "gateway.gcm.key": Two("unknown"),
    "gateway.cost.push": Two("1s"),
    "gateway.cost.broadcast": Two("1s", flow=BROADCAST),
    "gateway.cost.register": Two("1s"),
    "gateway.cost.cores": Two(2, 1, given={"world.gateway.cost.push": "1s"}, flow=AT_ONCE),
}
SITE: Final = {
    "site.users.*.role": Two(
        "admin", "teacher", at="world.site.users.ana.role",
        given={"world.site.users.ana": {"role": "teacher"}},
        flow=[step("broadcast", "ana", text="One two three", keys={"may_fail": True})],
    ),
    "site.users.*.name": Two(
        "Ana Garcia", at="world.site.users.ana.name",
        given={"world.site.users.ana": {"role": "teacher"}},
    ),
    **{
        f"site.users.*.{what}": Two(
            True, at=f"world.site.users.ben.{what}",
            given={"world.site.users.ben": {"role": "student"}},
        )
        for what in ("suspended", "deleted", "emailstop")
    },
    "site.gateway_key": Two("app"),
    "site.generation": Two("2.7", "2013"),
    "site.cost.page": Two("1s", flow=[step("disable", "ben")]),
    "site.cost.service": Two("1s"),
    "site.cost.cores": Two(2, 1, given={"world.site.cost.service": "1s"}, flow=AT_ONCE),
}  # fmt: skip

CLOSING: Final = {"world.vendors.apns.close_after": 1}
LIMIT: Final = {"connects": 1, "per": "1h", "penalty": "1h"}
IMPATIENT: Final = {**CLOSING, "world.vendors.apns.reconnect_limit": LIMIT}
APNS: Final = {
    "apns.latency": Two("2s"),
    "apns.reject_delay": Two("3s", given=BAD_TOKEN, flow=AFTER_IT),
    "apns.close_delay": Two(
        "3s", given={"world.vendors.apns.no_error_packet": "100%", **BAD_TOKEN}, flow=AFTER_IT
    ),
    "apns.close_style": Two(
        "rst", given={"world.vendors.apns.no_error_packet": "100%", **BAD_TOKEN}, flow=AFTER_IT
    ),
    "apns.payload_limit": Two("60B"),
    "apns.modern_protocol_error": Two(True, sender=other_senders.speak_garbage_to_apns),
    "apns.no_error_packet": Two("100%", given=BAD_TOKEN, flow=AFTER_IT),
    "apns.wrong_identifier": Two("100%", given=BAD_TOKEN, flow=AFTER_IT),
    "apns.coalesce_pick": Two("first", flow=offline("phone", TWICE * 4)),
    "apns.stored_per_app": Two(2, flow=offline("phone")),
    "apns.max_storage": Two("30s", flow=offline("phone")),
    "apns.reconnect_limit.connects": Two(9, 1, given=IMPATIENT, flow=(wait("9s"), *TWICE)),
    "apns.reconnect_limit.per": Two("1ms", "1h", given=IMPATIENT, flow=(wait("9s"), *TWICE)),
    "apns.reconnect_limit.penalty": Two("1s", "1h", given=IMPATIENT, flow=(wait("9s"), *TWICE)),
    "apns.shutdown_after": Two(1, flow=TWICE),
    "apns.close_after": Two(1, flow=TWICE),
    "apns.dead_after": Two(9, flow=(step("go_offline", "phone"), wait("40m"), *FLOW)),
    "apns.connections_per_address": Two(1, sender=other_senders.connect_twice_to_apns),
    "apns.read_timeout": Two("1s", sender=other_senders.begin_a_notification),
    "apns.reinstall_keeps_token": Two(
        False, flow=[step("uninstall", "phone"), step("reinstall", "phone")]
    ),
}
UNAVAILABLE: Final = {"world.vendors.gcm.outage": {"share": "100%"}}
GCM: Final = {
    "gcm.latency": Two("2s"),
    "gcm.payload_limit": Two("10B"),
    "gcm.max_registration_ids": Two(1, given={"devices.phone.platform": "android"}, flow=BROADCAST),
    "gcm.max_collapse_keys": Two(
        1, sender=other_senders.send_with_two_collapse_keys, flow=offline("tablet")
    ),
    "gcm.max_pending": Two(1, flow=offline("tablet")),
    "gcm.default_ttl": Two(
        "5s", sender=other_senders.send_without_time_to_live, flow=offline("tablet")
    ),
    "gcm.strict_fields": Two(True, sender=other_senders.send_an_unknown_field),
    "gcm.unregister_delay": Two("5m", flow=(step("uninstall", "tablet"), *TWICE)),
    "gcm.canonical_old_id_ttl": Two(
        "1s", given={"faults": [fault("token_rotation", "device.tablet")]}, flow=(wait("9s"), *FLOW)
    ),
    "gcm.retry_after": Two("date", given={"world.vendors.gcm.outage": {"retry_after": "5s"}}),
    "gcm.heartbeat": Two("1m", flow=LATER),
    "gcm.dead_after": Two(9, flow=(step("go_offline", "tablet"), wait("40m"), *FLOW)),
    "gcm.connections_per_address": Two(1, sender=other_senders.connect_twice_to_gcm),
    "gcm.read_timeout": Two("1s", sender=other_senders.begin_a_request),
    "gcm.outage.status": Two(500, given=UNAVAILABLE),
    "gcm.outage.retry_after": Two("9s", given=UNAVAILABLE),
    "gcm.outage.share": Two("1%", "100%", given=UNAVAILABLE),
    "gcm.slow_answers.delay": Two(
        "3s", "1s", given={"world.vendors.gcm.slow_answers": {"delay": "1s"}}
    ),
    "gcm.slow_answers.share": Two("1%", given={"world.vendors.gcm.slow_answers": {"delay": "1s"}}),
}
LINK: Final = {
    "latency": ("1s", {}),
    "jitter": ("1s", {}),
    "loss": ("5%", {}),
    "bandwidth": ("1KiB/s", {}),
    "queue": ("500B", {"bandwidth": "2KiB/s"}),
}
NETWORK: Final = {
    **{
        f"network.{key}": Two(one, given={"world.network": given})
        for key, (one, given) in LINK.items()
    },
    **{
        f"links.*.{key}": Two(
            one, at=f"world.links.tablet.{key}", given={"world.links.tablet": given}
        )
        for key, (one, given) in LINK.items()
    },
}
PHONES: Final = {
    "devices.fleet.count": Two(3, 2, given=FLEET),
    "devices.fleet.platform": Two("android", "ios", given=FLEET),
    **{
        f"devices.fleet.mix.{one}": Two(
            {one: "25%", other: "75%"},
            EVEN,
            at="devices.fleet.mix",
            given=MIXED,
            also=[f"devices.fleet.mix.{other}"],
        )
        for one, other in (("ios", "android"), ("android", "ios"))
    },
    "devices.fleet.state": Two("registered", "enabled", given=FLEET, flow=(*FLOW, *BROADCAST)),
    "devices.fleet.nat": Two("5m", given=FLEET, flow=LATER),
    "devices.*.platform": Two("android", "ios", at="devices.phone.platform"),
    "devices.*.owner": Two("eva", "ben", at="devices.phone.owner"),
    "devices.*.network": Two("cellular", at="devices.phone.network"),
    "devices.*.nat": Two("5m", at="devices.phone.nat", flow=LATER),
    "devices.*.registration": Two("app2013", at="devices.phone.registration"),
    "devices.*.environment": Two("sandbox", at="devices.phone.environment"),
    "devices.*.tls": Two(True, at="devices.phone.tls"),
    "devices.*.state": Two("registered", "enabled", at="devices.phone.state"),
}
ENTRIES: Final[Mapping[str, Two]] = {
    **{f"world.{key}": two for key, two in {**GATEWAY, **SITE, **NETWORK}.items()},
    **{f"world.vendors.{key}": two for key, two in {**APNS, **GCM}.items()},
    "world.epoch": Two("2014-01-01T00:00:00Z"),
    **PHONES,
}
