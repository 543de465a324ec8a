"""The faults that a scenario may inject: into what, with which parameters, in which worlds.

This is the static contract, enough to check a file without running anything; how a fault is
brought about is in `scenarios/engine/world/faults/`, one implementation for each name here (a test
compares them). Names are Toxiproxy's where it has one.

A lasting fault is active during its window; one of a moment happens at the beginning of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

TargetKind = Literal["host", "server", "link", "device", "phone", "apns", "gcm"]
"""What a target is: `host.gateway`, `host.site`, `host.apns` or `host.gcm`; of these the servers
under test are the gateway and the site; `link.<a>-<b>`; `device.<phone>` or `device.fleet`, a
`phone` being the named ones only; `vendor.apns`; `vendor.gcm`."""

ParameterType = Literal[
    "duration",  # 300ms; or a range 100ms..300ms, drawn from the seed
    "offset",  # a duration with a sign
    "rate",  # bytes per second: 16KiB/s
    "size",  # 4KiB
    "share",  # 5%
    "drift",  # a share with a sign
    "count",  # a whole number from 1
    "status",  # an HTTP status from 500 to 599
    "choice",  # one of `choices`
    "hosts",  # a list of the names gateway, site, apns, gcm
]

HOSTS: Final = ("gateway", "site", "apns", "gcm")
SERVERS: Final = ("gateway", "site")
MACHINE_FAULTS: Final = ("dns_failure", "clock_offset", "clock_drift")
"""What a process is told by the machine that it runs on: names and the calendar."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One key of a fault's `with`. `default` is as it would be written; None if there is none."""

    type: ParameterType
    help: str
    required: bool = False
    default: str | None = None
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FaultContract:
    """The contract of one fault.

    `share` says what `probability` is the probability of.
    """

    help: str
    targets: tuple[TargetKind, ...]
    share: str
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    lasting: bool = True
    directed: bool = False


_PATHS: Final[tuple[TargetKind, ...]] = ("host", "link", "device")
_CONNECTION: Final = "that a connection is affected"
_HAPPENS: Final = "that it happens at all"
_PHONE: Final = "that it happens to a phone"
_DELAY: Final = Parameter("duration", "how long", required=True)


def _network(help: str, *, directed: bool = True, **parameters: Parameter) -> FaultContract:
    return FaultContract(help, _PATHS, _CONNECTION, parameters, directed=directed)


FAULTS: Final[Mapping[str, FaultContract]] = {
    # The network
    "latency": _network(
        "every segment takes longer",
        latency=Parameter("duration", "how much longer, one way", required=True),
        jitter=Parameter("duration", "at most this much more or less", default="0s"),
    ),
    "jitter": _network(
        "every segment takes longer, each by another time",
        jitter=Parameter("duration", "at most this much longer", required=True),
    ),
    "bandwidth": _network(
        "the path carries no more than a rate; what is more waits",
        rate=Parameter("rate", "in each direction", required=True),
    ),
    "loss": _network(
        "segments get lost; the connection sends them again, later and later",
        share=Parameter("share", "of the segments", required=True),
    ),
    "down": _network(
        "the service is switched off: connections are reset, new ones refused",
        directed=False,
    ),
    "partition": _network("silence: whatever is sent vanishes, and nobody is told"),
    "reset_peer": _network(
        "connections are reset at both ends",
        directed=False,
        timeout=Parameter("duration", "how long after the beginning of each", default="0s"),
    ),
    "timeout": _network(
        "no bytes get through",
        timeout=Parameter("duration", "then the connection is reset; 0: never", default="0s"),
    ),
    "slow_close": _network("the end of a connection arrives late", delay=_DELAY),
    "slicer": _network(
        "segments arrive in pieces",
        average_size=Parameter("size", "of a piece", required=True),
        size_variation=Parameter("size", "at most this much more or less", default="0B"),
        delay=Parameter("duration", "between two pieces", default="0s"),
    ),
    "limit_data": _network(
        "a connection ends after so many bytes",
        bytes=Parameter("size", "that get through in a direction", required=True),
    ),
    "dns_failure": FaultContract(
        "names cannot be resolved",
        _PATHS,
        "that a look-up fails",
        {
            "names": Parameter("hosts", "whose names; of a link: its other end", default="all"),
            "kind": Parameter(
                "choice",
                "the answer: try again later, or there is no such name",
                default="temporary",
                choices=("temporary", "unknown"),
            ),
        },
    ),
    # Hosts
    "crash": FaultContract(
        "power cut: no further line of code runs, nobody is told; at the end of the window the"
        " host starts again with what was durable",
        ("server",),
        _HAPPENS,
    ),
    "restart": FaultContract(
        "the server is stopped gracefully; it starts again at the end of the window",
        ("server",),
        _HAPPENS,
    ),
    "pause": FaultContract(
        "the process stands still; its system still takes bytes and connections",
        ("server",),
        _HAPPENS,
    ),
    "clock_offset": FaultContract(
        "the host's calendar clock is wrong",
        ("host",),
        _HAPPENS,
        {"offset": Parameter("offset", "fast, or slow if negative: -2h", required=True)},
    ),
    "clock_drift": FaultContract(
        "the host's calendar clock runs at the wrong speed",
        ("host",),
        _HAPPENS,
        {"drift": Parameter("drift", "fast, or slow if negative: -0.1%", required=True)},
    ),
    # Push services
    "reject_delay": FaultContract(
        "APNs takes this long from a bad notification to its error packet",
        ("apns",),
        _HAPPENS,
        {"delay": _DELAY},
    ),
    "close_delay": FaultContract(
        "APNs takes this long from an error packet to the end of the connection",
        ("apns",),
        _HAPPENS,
        {"delay": _DELAY},
    ),
    "silent_close": FaultContract(
        "APNs closes the gateway's connections without a word",
        ("apns",),
        _HAPPENS,
        {
            "after": Parameter(
                "count", "not at once, but one connection, when it has taken so many notifications"
            )
        },
    ),
    "shutdown": FaultContract(
        "APNs closes the gateway's connections for maintenance: error packet with code 10",
        ("apns",),
        _HAPPENS,
        {
            "after": Parameter(
                "count", "not at once, but one connection, when it has taken so many notifications"
            )
        },
    ),
    "lost_error_packet": FaultContract(
        "APNs closes after a bad notification without an error packet",
        ("apns",),
        "that an error packet is lost",
    ),
    "wrong_error_packet": FaultContract(
        "APNs' error packet names a notification that nobody sent",
        ("apns",),
        "that an error packet is wrong",
    ),
    "bad_certificate": FaultContract(
        "the push service shows the gateway a certificate that it has to refuse: connections that"
        " there are stay, new ones fail",
        ("apns", "gcm"),
        _HAPPENS,
        {
            "flaw": Parameter(
                "choice",
                "what is wrong with it",
                required=True,
                choices=("expired", "not_yet_valid", "foreign_authority", "other_name"),
            )
        },
    ),
    "unavailable": FaultContract(
        "GCM answers that it cannot take messages now",
        ("gcm",),
        "that a request is answered so",
        {
            "status": Parameter("status", "of the HTTP answer, 500 to 599", default="503"),
            "retry_after": Parameter("duration", "Retry-After of the answer; whole seconds"),
        },
    ),
    "slow_answers": FaultContract(
        "GCM takes the request, and this long to answer",
        ("gcm",),
        "that a request is answered so",
        {"delay": _DELAY},
    ),
    # Phones
    "airplane_mode": FaultContract(
        "the phone leaves the network; nobody is told",
        ("device",),
        _PHONE,
    ),
    "dead_path": FaultContract(
        "the phone's connections are dead, and neither end knows",
        ("device",),
        _PHONE,
        lasting=False,
    ),
    "handover": FaultContract(
        "the phone changes to another network: a new address, and its connections are gone",
        ("device",),
        _PHONE,
        {
            "to": Parameter(
                "choice", "the other network", required=True, choices=("wifi", "cellular")
            )
        },
        lasting=False,
    ),
    "power_off": FaultContract(
        "the phone is off: nobody is told; at the end of the window it is switched on again",
        ("device",),
        _PHONE,
    ),
    "uninstall": FaultContract("the user removes the app", ("device",), _PHONE, lasting=False),
    "reinstall": FaultContract(
        "the user installs the removed app again and sets it up: accepts push, registers, logs in",
        ("phone",),
        _PHONE,
        lasting=False,
    ),
    "token_rotation": FaultContract(
        "the push service gives the app another token: APNs forgets the old one, for GCM it"
        " becomes an alias",
        ("device",),
        _PHONE,
        lasting=False,
    ),
    "token_corrupt": FaultContract(
        "what the gateway stores as this phone's token is one that the push service never issued",
        ("device",),
        _PHONE,
        lasting=False,
    ),
}


def kind_of_target(target: str) -> TargetKind | None:
    """What a target is, by its text alone; a gateway or site counts as a `server`, a named phone as
    a `phone`."""
    family, _, name = target.partition(".")
    match family:
        case "host":
            return "server" if name in SERVERS else "host"
        case "link":
            return "link"
        case "device":
            return "device" if name == "fleet" else "phone"
        case "vendor" if name in ("apns", "gcm"):
            return "apns" if name == "apns" else "gcm"
    return None


def takes(kinds: tuple[TargetKind, ...], target: str) -> bool:
    """Whether a target is of one of the kinds."""
    kind = kind_of_target(target)
    wider = {"server": "host", "phone": "device"}
    return kind in kinds or wider.get(kind or "") in kinds
