"""What a live world, or an external gateway, cannot do: found before a run, in the file.

A live world can do every fault, but its machine has limits and its servers take the time they take.
"""

import resource
from collections.abc import Iterator
from typing import Final

from scenarios.engine.format.diagnostics import Diagnostic, InvalidScenario, Source
from scenarios.engine.format.loader import Cell, ScenarioFile
from scenarios.engine.format.models import Scenario
from scenarios.engine.format.nodes import Location, MappingNode, Node, find, find_key, plain
from scenarios.engine.format.yaml_reader import YamlReader

_UNSEEN = "gateway.pruned"
"""The one figure that only the gateway's own log has."""

_OTHER_FILES: Final = 500
"""Descriptors for everything that is not a phone's connection, amply."""
_LOCAL_PORTS: Final = 28_000
"""Connections that Linux makes to one port (net.ipv4.ip_local_port_range)."""


def refusals(file: ScenarioFile, *, foreign_gateway: bool) -> InvalidScenario | None:
    """Everything in a file that a live run of it could not do; None if there is nothing."""
    root = YamlReader(file.text).read()
    assert root is not None, "a scenario that was loaded has a document"
    found: dict[tuple[Location, str], Diagnostic] = {}
    for cell in file.cells:
        for location, diagnostic in _size(root, cell.scenario):
            found.setdefault((location, diagnostic.message), diagnostic)
        for location, diagnostic in _costs(root, cell.scenario):
            found.setdefault((location, diagnostic.message), diagnostic)
        if foreign_gateway:
            for location, diagnostic in _foreign(root, cell):
                found.setdefault((location, diagnostic.message), diagnostic)
    return InvalidScenario(Source(str(file.path), file.text), found.values()) if found else None


def _size(root: Node, scenario: Scenario) -> Iterator[tuple[Location, Diagnostic]]:
    fleet, most = scenario.devices.fleet, most_phones()
    if fleet is not None and fleet.count > most:
        message = (
            f"{fleet.count} phones have more connections than this machine lets a process have:"
            f" {most} are possible live"
        )
        hint = "take fewer, raise the hard limit of open files (ulimit -Hn), or run without --live"
        yield _at(root, ("devices", "fleet", "count"), "not-live", message, hint)


def _costs(root: Node, scenario: Scenario) -> Iterator[tuple[Location, Diagnostic]]:
    assert isinstance(root, MappingNode)
    for server, wanted in (("gateway", scenario.world.gateway), ("site", scenario.world.site)):
        if wanted.cost is not None:
            location: Location = ("world", server, "cost")
            message = (
                "a real server takes the time that it takes: costs are for the simulated world"
            )
            hint = "remove it, or run without --live"
            yield location, Diagnostic("not-live", message, find_key(root, location), hint)


def most_phones() -> int:
    """How many phones a live world can have here: each connection has two ends in one process."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = _LOCAL_PORTS if hard == resource.RLIM_INFINITY else (hard - _OTHER_FILES) // 2
    return max(0, min(files, _LOCAL_PORTS))


def _foreign(root: Node, cell: Cell) -> Iterator[tuple[Location, Diagnostic]]:
    assert isinstance(root, MappingNode)
    document, scenario = plain(root), cell.scenario
    for key, service in (("apns", "APNs"), ("gcm", "GCM")):
        if key in document["world"]["gateway"]:
            message = f"a scenario cannot set how an external gateway talks to {service}"
            location: Location = ("world", "gateway", key)
            hint = "remove it, and configure that gateway itself"
            yield location, Diagnostic("not-ours", message, find_key(root, location), hint)
    for index, fault in zip(cell.fault_places, scenario.faults, strict=True):
        names = fault.target.partition(".")[2].split("-")
        if fault.target.split(".")[0] in ("host", "link") and "gateway" in names:
            message = f"{fault.target} is external: its process and its connections are elsewhere"
            hint = "faults of phones, of the push services and of the site are possible"
            yield _at(root, ("faults", index, "target"), "not-ours", message, hint)
    for index, condition in enumerate(scenario.expect.checks):
        if any(".".join(name.path) == _UNSEEN for name in condition.that.names()):
            message = "only a gateway's own log says which tokens it removes"
            where = ("expect", "checks", index, "that")
            yield _at(root, where, "not-observed", message, f"remove {_UNSEEN}")


def _at(
    root: Node, location: Location, code: str, message: str, hint: str
) -> tuple[Location, Diagnostic]:
    return location, Diagnostic(code, message, find(root, location).span, hint)
