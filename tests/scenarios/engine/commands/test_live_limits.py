"""What a live world or a foreign gateway cannot do is refused with its place in the file."""

from pathlib import Path
from typing import Any

import pytest

from scenarios.engine.commands.live_limits import most_phones, refusals
from scenarios.engine.format.loader import ScenarioFile, load
from scenarios.engine.format.models import Gateway
from scenarios.engine.format.waits import shortened
from scenarios.engine.shipped import SHIPPED

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


def test_more_phones_than_a_live_world_can_have_are_refused_where_they_stand(
    tmp_path: Path,
) -> None:
    most = most_phones()
    assert most > 100
    count = "devices:\n  fleet: {{ count: {}, platform: ios, state: enabled }}\n"
    devices = BASE[BASE.index("devices:") : BASE.index("{faults}")]
    file = tmp_path / "fleet.yaml"
    for phones, wanted in ((most, 0), (most + 1, 1)):
        text = BASE.replace(devices, count.format(phones).replace("{", "{{").replace("}", "}}"))
        text = text.replace("  - {{ do: receive_nothing, by: phone, within: 1m }}\n", "")
        file.write_text(text.format(gateway="", faults="", expect=""))
        said = refused(load(file))
        assert said.count("error[not-live]") == wanted
    assert said.startswith(f"{file}:7:19: error[not-live]: {most + 1} phones have more connections")
    assert f"{most} are possible live" in said
    assert "help: take fewer, raise the hard limit of open files" in said


def test_with_our_gateway_a_scenario_may_say_how_it_recovers(tmp_path: Path) -> None:
    file = scenario(tmp_path, gateway=", apns: { recovery: none }")
    assert refused(file) == ""
    said = refused(file, foreign_gateway=True)
    assert (
        ":4:46: error[not-ours]: a scenario cannot set how an external gateway talks to APNs"
        in said
    )


OF_THE_RUN = {"kind", "app", "token_in"}
"""Of `world.gateway`, what says how the run calls a gateway."""
OF_THE_GATEWAY = {
    "environment": "sandbox",
    "legacy_status": "2013",
    "apns": "{ recovery: none }",
    "gcm": "{ key: unknown }",
    "cost": "{ push: 1s }",
}


@pytest.mark.parametrize("key", Gateway.model_fields)
def test_what_an_external_gateway_does_not_take_from_a_scenario_is_refused(
    tmp_path: Path, key: str
) -> None:
    if key in OF_THE_RUN:
        return
    file = scenario(tmp_path, gateway=f", {key}: {OF_THE_GATEWAY[key]}")
    assert "error[not-" in refused(file, foreign_gateway=True)


def test_how_phones_register_at_an_external_gateway_is_up_to_the_run(tmp_path: Path) -> None:
    file = scenario(tmp_path, gateway=", token_in: body")
    assert refused(file, foreign_gateway=True) == ""


def test_an_external_gateway_has_its_own_links(tmp_path: Path) -> None:
    path = scenario(tmp_path).path
    links = "  links: { gateway: { latency: 1s } }\n"
    path.write_text(path.read_text().replace("devices:", f"{links}devices:", 1))
    assert refused(load(path)) == ""
    told = refused(load(path), foreign_gateway=True)
    assert "error[not-ours]: an external gateway has the links" in told


@pytest.mark.parametrize(
    ("inject", "target"), [("crash", "host.gateway"), ("latency", "link.gateway-apns")]
)
def test_what_belongs_to_a_foreign_gateway_has_no_faults(
    tmp_path: Path, inject: str, target: str
) -> None:
    keys = {"with": "{ latency: 1s }"} if inject == "latency" else {}
    file = scenario(tmp_path, faults=fault(inject, target, **keys))
    assert refused(file) == ""
    assert f"error[not-ours]: {target} is external" in refused(file, foreign_gateway=True)


def test_a_figure_that_only_the_gateways_log_has_is_refused(tmp_path: Path) -> None:
    file = scenario(tmp_path, expect="expect:\n  checks:\n    - that: gateway.pruned == 0\n")
    assert "error[not-observed]" in refused(file, foreign_gateway=True)
    assert refused(file) == ""


def test_all_shipped_scenarios_can_be_run_live() -> None:
    for path in sorted(SHIPPED.rglob("*.yaml")):
        assert refused(load(path)) == ""


def test_waits_are_shortened_and_nothing_else(tmp_path: Path) -> None:
    [cell] = scenario(tmp_path).cells
    [wait, nothing] = shortened(cell, 2.5).scenario.flow
    assert wait.arguments == {"for": 2.5}
    assert nothing.within == 2.5
    assert shortened(cell, 7200.0) == cell


def test_a_scenario_with_faults_keeps_its_waits(tmp_path: Path) -> None:
    [cell] = scenario(tmp_path, faults=fault("airplane_mode", "device.phone")).cells
    assert shortened(cell, 2.5) is cell
