"""Faults of paths and names: done by the network itself, which also tells of them in the trace."""

from typing import Any

from scenarios.engine.world.faults.injection import Injection
from sim.net.faults import FAMILIES, DnsFailure, Fault


def path(injection: Injection) -> None:
    """One fault of the network for each pair of hosts."""
    wanted, contract = injection.fault, injection.fault.contract
    direction: dict[str, Any] = {"direction": wanted.direction} if contract.directed else {}
    for between in injection.paths():
        make: Any = FAMILIES[wanted.inject]
        one = make(
            name=wanted.id,
            between=between,
            probability=wanted.probability,
            **direction,
            **injection.parameters,
        )
        _add(injection, one)


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
                probability=injection.fault.probability,
            ),
        )


def _add(injection: Injection, one: Fault) -> None:
    injection.at_end(injection.deployment.world.faults.add(one).remove)
    injection.count(lambda: one.fired)
