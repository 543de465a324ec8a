"""Faults of paths and names: done by the network itself, which also tells of them in the trace."""

from typing import Any

from scenarios.engine.world.faults.injection import Injection
from scenarios.engine.world.faults.registry import fault
from sim.net.faults import FAMILIES, DnsFailure, Fault


@fault(*(name for name in FAMILIES if name != "dns_failure"))
def path(injection: Injection) -> None:
    """One fault of the network for each pair of hosts."""
    wanted, contract = injection.fault, injection.fault.contract
    direction: dict[str, Any] = {"direction": wanted.direction} if contract.directed else {}
    for between in injection.paths():
        parameters = dict(injection.parameters)
        if "share" in parameters:
            parameters["probability"] = parameters.pop("share")
        make: Any = FAMILIES[wanted.inject]
        _add(
            injection,
            make(
                name=wanted.id,
                between=between,
                toxicity=wanted.probability,
                **direction,
                **parameters,
            ),
        )


@fault("dns_failure")
def dns_failure(injection: Injection) -> None:
    """The look-ups of one host fail: of the other end of a link, or of the names given."""
    services, parameters = injection.deployment.services, injection.parameters
    for asker, other in injection.paths():
        hosts = parameters["names"] if other is None else (other,)
        names = tuple(name for host in hosts for name in services.hosts.names_of(host))
        _add(
            injection,
            DnsFailure(
                name=injection.fault.id,
                names=names,
                host=asker,
                kind=parameters["kind"],
                toxicity=injection.fault.probability,
            ),
        )


def _add(injection: Injection, one: Fault) -> None:
    injection.at_end(injection.deployment.world.faults.add(one).remove)
    injection.count(lambda: one.fired)
