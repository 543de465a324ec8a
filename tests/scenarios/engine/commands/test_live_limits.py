"""What a live world or a foreign gateway cannot do is refused with its place in the file."""

from pathlib import Path
from typing import Any

import pytest

from scenarios.engine.commands.live_limits import refusals
from scenarios.engine.commands.selection import SHIPPED
from scenarios.engine.format.fault_catalog import FAULTS, works_live
from scenarios.engine.format.loader import ScenarioFile, load
from scenarios.engine.format.waits import shortened

BASE = """\
format: 1
name: A scenario
world:
  gateway: {{ kind: airnotifier, app: moodle{gateway} }}
  site:    {{ kind: moodle, users: {{ ana: teacher, ben: student }} }}
devices:
  phone: {{ platform: ios, owner: ben, state: enabled }}
{faults}flow:
  - {{ do: wait, with: {{ for: 20m }} }}
  - {{ do: receive_nothing, by: phone, within: 1m }}
{expect}"""


def scenario(path: Path, *, gateway: str = "", faults: str = "", expect: str = "") -> ScenarioFile:
    file = path / "scenario.yaml"
    file.write_text(BASE.format(gateway=gateway, faults=faults, expect=expect))
    return load(file)


def fault(inject: str, target: str, **keys: Any) -> str:
    more = "".join(f", {name}: {value}" for name, value in keys.items())
    entry = f"id: it, target: {target}, inject: {inject}, window: {{ for: 1s }}{more}"
    return f"faults:\n  - {{ {entry} }}\n"


def refused(file: ScenarioFile, *, foreign_gateway: bool = False) -> str:
    found = refusals(file, foreign_gateway=foreign_gateway)
    return "" if found is None else found.render().plain


def test_a_fault_that_no_live_world_can_do_is_refused_where_it_stands(tmp_path: Path) -> None:
    faults = fault("clock_offset", "host.site", **{"with": "{ offset: 2h }"})
    said = refused(scenario(tmp_path, faults=faults))
    line = said.splitlines()[0]
    assert line == (
        f"{tmp_path}/scenario.yaml:9:42: error[not-live]: "
        "a live world cannot inject clock_offset into host.site"
    )
    assert "help: run it without --live; live, this target can have: " in said
    assert "crash" in said


def test_one_direction_of_a_partition_is_refused_and_both_are_not(tmp_path: Path) -> None:
    one = fault("partition", "link.gateway-apns", direction="upstream")
    assert "error[not-live]" in refused(scenario(tmp_path, faults=one))
    assert refused(scenario(tmp_path, faults=fault("partition", "link.gateway-apns"))) == ""


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_the_catalog_says_of_every_fault_in_which_worlds_it_exists(name: str) -> None:
    possible = any(
        works_live(name, target)
        for target in ("host.gateway", "host.apns", "link.site-gateway", "device.phone",
                       "vendor.apns", "vendor.gcm")
    )  # fmt: skip
    assert possible == ("live" in FAULTS[name].worlds)


def test_with_our_gateway_a_scenario_may_say_how_it_recovers(tmp_path: Path) -> None:
    file = scenario(tmp_path, gateway=", apns: { recovery: none }")
    assert refused(file) == ""
    said = refused(file, foreign_gateway=True)
    assert ":4:46: error[not-ours]: how a gateway that is not ours talks to APNs" in said


@pytest.mark.parametrize(
    ("inject", "target"), [("crash", "host.gateway"), ("latency", "link.gateway-apns")]
)
def test_what_belongs_to_a_foreign_gateway_has_no_faults(
    tmp_path: Path, inject: str, target: str
) -> None:
    keys = {"with": "{ latency: 1s }"} if inject == "latency" else {}
    file = scenario(tmp_path, faults=fault(inject, target, **keys))
    assert refused(file) == ""
    assert f"error[not-ours]: {target} is not ours" in refused(file, foreign_gateway=True)


def test_a_figure_that_only_the_gateways_log_has_is_refused(tmp_path: Path) -> None:
    file = scenario(tmp_path, expect="expect:\n  checks:\n    - that: gateway.pruned == 0\n")
    assert "error[not-observed]" in refused(file, foreign_gateway=True)
    assert refused(file) == ""


def test_of_the_shipped_scenarios_those_without_faults_can_be_run_live() -> None:
    for path in sorted(SHIPPED.rglob("*.yaml")):
        file = load(path)
        if not any(cell.scenario.faults for cell in file.cells):
            assert refused(file) == ""


def test_waits_are_shortened_and_nothing_else(tmp_path: Path) -> None:
    [cell] = scenario(tmp_path).cells
    [wait, nothing] = shortened(cell, 2.5).scenario.flow
    assert wait.arguments == {"for": 2.5}
    assert nothing.within == 2.5
    assert shortened(cell, 7200.0) == cell


def test_a_scenario_with_faults_keeps_its_waits(tmp_path: Path) -> None:
    [cell] = scenario(tmp_path, faults=fault("airplane_mode", "device.phone")).cells
    assert shortened(cell, 2.5) is cell
