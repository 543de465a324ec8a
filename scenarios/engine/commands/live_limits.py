"""What a live world, or an external gateway, cannot do: found before a run, in the file.

A live world can do every fault, but its machine has limits and its servers take the time they take.
What holds for one cell of a file need not hold for the others.
"""

import resource
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from scenarios.engine.format.diagnostics import Diagnostic, InvalidScenario, Source
from scenarios.engine.format.expression_syntax import ExpressionError
from scenarios.engine.format.expressions import Expression
from scenarios.engine.format.loader import Cell, ScenarioFile
from scenarios.engine.format.matrix import CellScope
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
    found = [
        each
        for diagnostics in refusals_by_cell(file, foreign_gateway=foreign_gateway).values()
        for each in diagnostics
    ]
    return refused(file, found) if found else None


def refusals_by_cell(
    file: ScenarioFile, *, foreign_gateway: bool
) -> Mapping[str, Sequence[Diagnostic]]:
    """What a live run could not do, by the id of each cell in which there is anything."""
    root = YamlReader(file.text).read()
    assert root is not None, "a scenario that was loaded has a document"
    by_cell: dict[str, list[Diagnostic]] = {}
    for cell in file.cells:
        found = [*_size(root, cell.scenario), *_costs(root, cell.scenario)]
        if foreign_gateway:
            found += _foreign(root, cell)
        if found:
            by_cell[cell.id] = found
    return by_cell


def refused(file: ScenarioFile, found: Iterable[Diagnostic]) -> InvalidScenario:
    """What was found in the cells of a file, each thing once."""
    return InvalidScenario(Source(str(file.path), file.text), dict.fromkeys(found))


def _size(root: Node, scenario: Scenario) -> Iterator[Diagnostic]:
    fleet, most = scenario.devices.fleet, most_phones()
    if fleet is not None and fleet.count > most:
        message = (
            f"{fleet.count} phones have more connections than this machine lets a process have:"
            f" {most} are possible live"
        )
        hint = "take fewer, raise the hard limit of open files (ulimit -Hn), or run without --live"
        yield _at(root, ("devices", "fleet", "count"), "not-live", message, hint)


def _costs(root: Node, scenario: Scenario) -> Iterator[Diagnostic]:
    assert isinstance(root, MappingNode)
    for server, wanted in (("gateway", scenario.world.gateway), ("site", scenario.world.site)):
        if wanted.cost is not None:
            location: Location = ("world", server, "cost")
            message = (
                "a real server takes the time that it takes: costs are for the simulated world"
            )
            hint = "remove it, or run without --live"
            yield Diagnostic("not-live", message, find_key(root, location), hint)


def most_phones() -> int:
    """How many phones a live world can have here: each connection has two ends in one process."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = _LOCAL_PORTS if hard == resource.RLIM_INFINITY else (hard - _OTHER_FILES) // 2
    return max(0, min(files, _LOCAL_PORTS))


def _foreign(root: Node, cell: Cell) -> Iterator[Diagnostic]:
    assert isinstance(root, MappingNode)
    document, scenario = plain(root), cell.scenario
    for key, service in (("apns", "APNs"), ("gcm", "GCM")):
        if key in document["world"]["gateway"]:
            message = f"a scenario cannot set how an external gateway talks to {service}"
            hint = "remove it, and configure that gateway itself"
            yield _setting(root, key, message, hint)
    if scenario.world.gateway.environment != "production":
        message = "the certificate that an external gateway has for APNs is set there"
        hint = "remove it: what `airbed serve vendors` hands out is for production"
        yield _setting(root, "environment", message, hint)
    if scenario.world.gateway.legacy_status is not None:
        message = "a scenario cannot set the statuses with which an external gateway refuses"
        yield _setting(root, "legacy_status", message, "remove it: the run takes either form")
    if "gateway" in scenario.world.links:
        message = "an external gateway has the links that its machine has"
        hint = "remove it: links of phones, users and the site are possible"
        location: Location = ("world", "links", "gateway")
        yield Diagnostic("not-ours", message, find_key(root, location), hint)
    for index, fault in zip(cell.fault_places, scenario.faults, strict=True):
        names = fault.target.partition(".")[2].split("-")
        if fault.target.split(".")[0] in ("host", "link") and "gateway" in names:
            message = f"{fault.target} is external: its process and its connections are elsewhere"
            hint = "faults of phones, of the push services and of the site are possible"
            yield _at(root, ("faults", index, "target"), "not-ours", message, hint)
    for index, condition in enumerate(scenario.expect.checks):
        asked = {"that": condition.that, "when": condition.when}
        for key, expression in asked.items() if _may_apply(condition.when, cell) else ():
            if expression is not None and _names(expression, _UNSEEN):
                message = "only a gateway's own log says which tokens it removes"
                where = ("expect", "checks", index, key)
                yield _at(root, where, "not-observed", message, f"remove {_UNSEEN}")


def _names(expression: Expression, figure: str) -> bool:
    return any(".".join(name.path) == figure for name in expression.names())


def _setting(root: Node, key: str, message: str, hint: str) -> Diagnostic:
    """About a key of `world.gateway`."""
    assert isinstance(root, MappingNode)
    location: Location = ("world", "gateway", key)
    return Diagnostic("not-ours", message, find_key(root, location), hint)


def _may_apply(when: Expression | None, cell: Cell) -> bool:
    """Whether a check may be asked in a cell, as far as the matrix decides."""
    try:
        return when is None or when.holds(CellScope(cell.values))
    except ExpressionError:  # it depends on what will be measured
        return True


def _at(root: Node, location: Location, code: str, message: str, hint: str) -> Diagnostic:
    return Diagnostic(code, message, find(root, location).span, hint)
