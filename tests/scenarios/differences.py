"""For every fault and every step of the catalogues: how to write it so that it makes a difference.

Each entry is one side of a comparison; the other is the same scenario without it, or with the other
value of the one parameter. `test_differences.py` runs both and fails where they are the same, or
where something of the catalogues has no entry.
"""

from typing import Final

HEAD: Final = """\
format: 1
name: Differences
world:
  gateway: { kind: airnotifier, app: moodle }
  site:    { kind: moodle, users: { ana: teacher, ben: student, eva: student } }
devices:
  phone:  { platform: ios, owner: ben, state: enabled }
  tablet: { platform: android, owner: eva, state: enabled }
"""
FLEET_HEAD: Final = """\
format: 1
name: Differences
world:
  gateway: { kind: airnotifier, app: moodle }
  site:    { kind: moodle, users: { ana: teacher } }
devices:
  fleet: { count: 4, mix: { ios: 50%, android: 50% }, state: enabled }
"""
FLOW: Final = (
    "wait, with: { for: 5s }",
    "message, by: ana, with: { to: all, text: One two three }, may_fail: true",
    "wait, with: { for: 10s }",
    "message, by: ana, with: { to: all, text: Four five six }, may_fail: true",
    "wait, with: { for: 20m }",
)

LOOK_UP: Final = "login, by: phone, with: { user: ben }, may_fail: true"
"""What a phone needs a name for."""
SLOW_APNS: Final = "  links: { apns: { latency: 500ms } }\n"

TARGETS: Final = {
    "host": ["host.apns", "host.gateway"],
    "server": ["host.gateway", "host.site"],
    "link": ["link.gateway-gcm", "link.gateway-apns", "link.site-gateway"],
    "device": ["device.phone", "device.tablet", "device.fleet, select: { share: 100% }"],
    "phone": ["device.phone"],
    "apns": ["vendor.apns"],
    "gcm": ["vendor.gcm"],
}
"""By kind: of each at least one has to notice the fault."""

FAULTS: Final[dict[str, tuple[str, str]]] = {
    # fault: (parameters, window)
    "latency": ("latency: 2s", ""),
    "jitter": ("jitter: 2s", ""),
    "bandwidth": ("rate: 200B/s", ""),
    "loss": ("share: 60%", ""),
    "down": ("", "from: before_dispatch, for: 20s"),
    "partition": ("", "from: before_dispatch, for: 20s"),
    "reset_peer": ("", "from: before_dispatch, for: 20s"),
    "timeout": ("", "from: before_dispatch, for: 20s"),
    "slow_close": ("delay: 2s", ""),
    "slicer": ("average_size: 10B, delay: 50ms", ""),
    "limit_data": ("bytes: 100B", ""),
    "dns_failure": ("", "from: before_dispatch, for: 20s"),
    "crash": ("", "from: before_dispatch, for: 20s"),
    "restart": ("", "from: before_dispatch, for: 20s"),
    "pause": ("", "from: before_dispatch, for: 8s"),
    "clock_offset": ("offset: 2h", ""),
    "clock_drift": ("drift: 50%", ""),
    "reject_delay": ("delay: 9s", ""),
    "close_delay": ("delay: 9s", ""),
    "silent_close": ("", "from: 8s"),
    "shutdown": ("", "from: 8s"),
    "lost_error_packet": ("", ""),
    "wrong_error_packet": ("", ""),
    "bad_certificate": ("flaw: expired", "from: before_dispatch, for: 20s"),
    "unavailable": ("", "from: before_dispatch, for: 8s"),
    "slow_answers": ("delay: 2s", ""),
    "airplane_mode": ("", "from: 2s, for: 1m"),
    "dead_path": ("", "from: 2s"),
    "handover": ("to: cellular", "from: 2s"),
    "power_off": ("", "from: 2s, for: 1m"),
    "uninstall": ("", "from: 2s"),
    "reinstall": ("", "from: 4s"),
    "token_rotation": ("", "from: 2s"),
    "token_corrupt": ("", "from: 2s"),
}
BAD_TOKEN: Final = "target: device.phone, inject: token_corrupt, window: { from: 1s }"
NEEDS: Final[dict[str, tuple[str, ...]]] = {
    # What else has to go wrong before the fault means anything.
    **dict.fromkeys(("reject_delay", "lost_error_packet", "wrong_error_packet"), (BAD_TOKEN,)),
    # A gateway that is told ends the connection itself.
    "close_delay": (BAD_TOKEN, "target: vendor.apns, inject: lost_error_packet"),
    "reinstall": ("target: device.phone, inject: uninstall, window: { from: 1s }",),
    "slow_close": ("target: vendor.apns, inject: silent_close, window: { from: 8s }",),
}
PARAMETERS: Final[dict[str, tuple[str, str]]] = {
    # fault.parameter: two ways to write all parameters that differ in this one. The first is that
    # of FAULTS where it can be: it has been run for the fault.
    "latency.latency": ("latency: 1s", "latency: 2s"),
    "latency.jitter": ("latency: 1s", "latency: 1s, jitter: 500ms"),
    "jitter.jitter": ("jitter: 2s", "jitter: 9s"),
    "bandwidth.rate": ("rate: 200B/s", "rate: 400B/s"),
    "loss.share": ("share: 20%", "share: 60%"),
    "reset_peer.timeout": ("", "timeout: 30ms"),
    "timeout.timeout": ("", "timeout: 3s"),
    "slow_close.delay": ("delay: 2s", "delay: 3s"),
    "slicer.average_size": ("average_size: 10B, delay: 50ms", "average_size: 50B, delay: 50ms"),
    "slicer.size_variation": (
        "average_size: 10B, delay: 50ms", "average_size: 10B, size_variation: 5B, delay: 50ms"),
    "slicer.delay": ("average_size: 10B", "average_size: 10B, delay: 50ms"),
    "limit_data.bytes": ("bytes: 100B", "bytes: 300B"),
    "dns_failure.names": ("names: [gcm]", "names: [site]"),
    "dns_failure.kind": ("", "kind: unknown"),
    "clock_offset.offset": ("offset: 2h", "offset: -2h"),
    "clock_drift.drift": ("drift: 50%", "drift: -50%"),
    "reject_delay.delay": ("delay: 9s", "delay: 2s"),
    "close_delay.delay": ("delay: 9s", "delay: 2s"),
    "silent_close.after": ("", "after: 2"),
    "shutdown.after": ("", "after: 2"),
    "bad_certificate.flaw": ("flaw: expired", "flaw: other_name"),
    "unavailable.status": ("", "status: 599"),
    "unavailable.retry_after": ("", "retry_after: 9s"),
    "slow_answers.delay": ("delay: 2s", "delay: 3s"),
    "handover.to": ("to: cellular", "to: wifi"),
}  # fmt: skip

STEPS: Final[dict[str, tuple[tuple[str, ...], str, tuple[str, ...]]]] = {
    # step: (what comes before it, it, what comes after it)
    "open_app": ((), "open_app, by: new", ()),
    "accept_push": (("open_app, by: new",), "accept_push, by: new", ()),
    "decline_push": (("open_app, by: new",), "decline_push, by: new",
        ("accept_push, by: new, may_fail: true",)),
    "register_gateway": (
        ("open_app, by: new", "accept_push, by: new"), "register_gateway, by: new", ()),
    "login": (("open_app, by: new",), "login, by: new, with: { user: ben }", ()),
    "register_site": (
        ("open_app, by: new", "accept_push, by: new", "login, by: new, with: { user: ben }"),
        "register_site, by: new", ()),
    "enable": ((), "enable, by: ben, with: { device: phone }", ()),
    "message": ((), FLOW[1], (FLOW[4],)),
    "dispatch": ((FLOW[1],), "dispatch, by: gateway, within: 1m", ()),
    "receive": ((FLOW[1],), "receive, by: phone", ()),
    "open_at_page": ((FLOW[1], "receive, by: phone"), "open_at_page, by: phone", ()),
    "disable": ((), "disable, by: ben", (FLOW[1], FLOW[2])),
    "set_preference": (
        (), "set_preference, by: ben, with: { loggedin: false, loggedoff: false }",
        (FLOW[1], FLOW[2])),
    "enable_device": (
        ("disable_device, by: ben, with: { device: phone }",),
        "enable_device, by: ben, with: { device: phone }", (FLOW[1], FLOW[2])),
    "disable_device": (
        (), "disable_device, by: ben, with: { device: phone }", (FLOW[1], FLOW[2])),
    "broadcast": ((), "broadcast, by: admin, with: { text: One two three }", (FLOW[2],)),
    "receive_nothing": ((), "receive_nothing, by: phone, within: 9m", ()),
    "dismiss": (
        ("set_app_state, by: phone, with: { state: closed }", FLOW[1], "receive, by: phone"),
        "dismiss, by: phone", ()),
    "set_app_state": (
        (), "set_app_state, by: phone, with: { state: closed }", (FLOW[1], FLOW[2])),
    "go_offline": ((), "go_offline, by: phone", (FLOW[1], FLOW[2])),
    "go_online": (("go_offline, by: phone", FLOW[1]), "go_online, by: phone", (FLOW[2],)),
    "power_off": ((), "power_off, by: phone", (FLOW[1], FLOW[2])),
    "power_on": (("power_off, by: phone", FLOW[1]), "power_on, by: phone", (FLOW[2],)),
    "uninstall": ((), "uninstall, by: phone", (FLOW[1], FLOW[2])),
    "reinstall": (("uninstall, by: phone",), "reinstall, by: phone", (FLOW[1], FLOW[2])),
    "settle": ((FLOW[1],), "settle", ()),
    "wait": ((FLOW[1],), FLOW[2], ()),
}  # fmt: skip
