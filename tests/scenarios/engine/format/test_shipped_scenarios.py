"""The scenarios that come with Airbed are valid, described by the schema, and reachable."""

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from scenarios.engine.format.loader import load
from scenarios.engine.format.nodes import plain
from scenarios.engine.format.schema import schema_text
from scenarios.engine.format.yaml_reader import YamlReader
from scenarios.engine.shipped import SHIPPED

SCHEMA = SHIPPED / "scenario.schema.json"
FILES = sorted(SHIPPED.rglob("*.yaml"))


def name(path: Path) -> str:
    return path.relative_to(SHIPPED).as_posix()


def test_the_themes_are_there() -> None:
    assert {
        "flows/ten_steps.yaml",
        "flows/app_2013_registration.yaml",
        "flows/two_devices_one_disabled.yaml",
        "flows/broadcast.yaml",
        "flows/phone_offline.yaml",
        "flows/not_enabled.yaml",
        "security/register_with_site_key.yaml",
        "security/send_with_app_key.yaml",
        "faults/invalid_token.yaml",
    } <= {name(path) for path in FILES}


@pytest.mark.parametrize("path", FILES, ids=name)
def test_a_shipped_scenario_is_valid(path: Path) -> None:
    file = load(path)
    assert file.tags
    assert file.cells[0].scenario.expect.invariants


@pytest.mark.parametrize("path", FILES, ids=name)
def test_a_shipped_scenario_names_the_schema_in_its_first_line(path: Path) -> None:
    first = path.read_text(encoding="utf-8").splitlines()[0]
    reference = first.removeprefix("# yaml-language-server: $schema=")
    assert (path.parent / reference).resolve() == SCHEMA.resolve()


@pytest.mark.parametrize("path", FILES, ids=name)
def test_a_shipped_scenario_fits_the_schema(path: Path) -> None:
    root = YamlReader(path.read_text(encoding="utf-8")).read()
    assert root is not None
    validator = Draft202012Validator(json.loads(schema_text()))
    assert [error.message for error in validator.iter_errors(plain(root))] == []


def test_the_ten_steps_are_ten_on_each_platform_from_each_state() -> None:
    file = load(SHIPPED / "flows/ten_steps.yaml")
    assert [cell.id for cell in file.cells] == [
        f"platform={platform},app_state={state}"
        for platform in ("ios", "android")
        for state in ("closed", "background", "open")
    ]
    steps = [step.do for step in file.cells[0].scenario.flow if step.do != "set_app_state"]
    assert steps == [
        "open_app", "accept_push", "register_gateway", "login", "register_site", "enable",
        "message", "dispatch", "receive", "open_at_page",
    ]  # fmt: skip


def test_the_bad_token_is_tried_at_three_places_with_twenty_seeds() -> None:
    file = load(SHIPPED / "faults/invalid_token.yaml")
    assert len(file.seeds) == 20
    assert [dict(cell.values) for cell in file.cells] == [
        {"recovery": recovery, "position": position}
        for recovery in ("replay", "none")
        for position in (0, 37, 99)
    ]
    for cell in file.cells:
        index = cell.scenario.faults[0].select
        assert index is not None
        assert index.index == cell.values["position"]
        assert cell.scenario.world.gateway.apns.recovery == cell.values["recovery"]
