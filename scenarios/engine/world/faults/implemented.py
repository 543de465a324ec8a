"""All faults by name: importing a theme's module registers its faults."""

from random import Random
from typing import TYPE_CHECKING, Final

from scenarios.engine.format.fault_model import Fault
from scenarios.engine.world.faults import hosts, network, phones, vendors
from scenarios.engine.world.faults.injection import Injection
from scenarios.engine.world.faults.registry import REGISTRY

if TYPE_CHECKING:
    from scenarios.engine.world.deployment import Deployment

THEMES: Final = (network, hosts, vendors, phones)


def stream(deployment: "Deployment", fault: Fault) -> Random:
    """The source of everything about the fault that is left to chance."""
    return deployment.world.seeds.stream(f"scenario/faults/{fault.id}")


def inject(deployment: "Deployment", fault: Fault, rng: Random | None = None) -> Injection:
    """Bring a fault about now; see the package. `rng`: its stream, if it has been used before."""
    injection = Injection(deployment, fault, rng or stream(deployment, fault))
    injection.begin(REGISTRY[fault.inject])
    return injection
