"""Who brings about which fault."""

from collections.abc import Callable, Mapping
from random import Random
from typing import TYPE_CHECKING, Final

from scenarios.engine.format.fault_model import Fault
from scenarios.engine.world.faults import hosts, network, phones, vendors
from scenarios.engine.world.faults.injection import Injection
from sim.net.faults import FAMILIES

if TYPE_CHECKING:
    from scenarios.engine.world.deployment import Deployment

BEGIN: Final[Mapping[str, Callable[[Injection], None]]] = {
    **dict.fromkeys(FAMILIES, network.path),
    "dns_failure": network.dns_failure,
    # Hosts
    "crash": hosts.crash,
    "restart": hosts.restart,
    "pause": hosts.pause,
    "clock_offset": hosts.clock,
    "clock_drift": hosts.clock,
    # Push services
    "reject_delay": vendors.delay,
    "close_delay": vendors.delay,
    "lost_error_packet": vendors.lost_error_packet,
    "wrong_error_packet": vendors.wrong_error_packet,
    "shutdown": vendors.shutdown,
    "silent_close": vendors.silent_close,
    "bad_certificate": vendors.bad_certificate,
    "unavailable": vendors.unavailable,
    "slow_answers": vendors.slow_answers,
    # Phones
    "airplane_mode": phones.airplane_mode,
    "dead_path": phones.dead_path,
    "handover": phones.handover,
    "power_off": phones.power_off,
    "uninstall": phones.uninstall,
    "reinstall": phones.reinstall,
    "token_rotation": phones.token_rotation,
    "token_corrupt": phones.token_corrupt,
}
"""By the name that scenario files use: called with the injection that begins."""


def stream(deployment: "Deployment", fault: Fault) -> Random:
    """The source of everything about the fault that is left to chance."""
    return deployment.world.seeds.stream(f"scenario/faults/{fault.id}")


def inject(deployment: "Deployment", fault: Fault, rng: Random | None = None) -> Injection:
    """Bring a fault about now; see the package. `rng`: its stream, if it has been used before."""
    injection = Injection(deployment, fault, rng or stream(deployment, fault))
    injection.begin(BEGIN[fault.inject])
    return injection
