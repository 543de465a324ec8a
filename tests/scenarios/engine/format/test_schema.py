"""The JSON Schema is up to date and refuses what an editor should underline."""

import copy
import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from scenarios.engine.format.schema import scenario_schema, schema_text
from scenarios.engine.format.steps_catalog import STEPS
from scenarios.engine.shipped import SHIPPED

SMALL: dict[str, Any] = {
    "format": 1,
    "name": "Small",
    "world": {"gateway": {"kind": "airnotifier"}, "site": {"kind": "moodle", "generation": 2013}},
    "devices": {"phone": {"platform": "$matrix.os", "owner": "ben"}},
    "flow": [
        {"do": "wait", "with": {"for": "5m"}},
        {"do": "set_app_state", "by": "phone", "with": {"state": "$state"}},
    ],
}


def mistakes(document: Any) -> list[str]:
    validator = Draft202012Validator(scenario_schema())
    return [each.json_path for each in validator.iter_errors(document)]


def test_the_committed_schema_is_the_one_of_the_models() -> None:
    committed = (SHIPPED / "scenario.schema.json").read_text(encoding="utf-8")
    assert committed == schema_text(), "run: airbed schema > scenarios/scenario.schema.json"


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(json.loads(schema_text()))
    assert mistakes(SMALL) == []


@pytest.mark.parametrize(
    ("path", "value", "where"),
    [
        (["wrold"], {}, "$"),
        (["format"], 2, "$.format"),
        (["world", "site", "generation"], 2014, "$.world.site.generation"),
        (["devices", "phone", "platform"], "windows", "$.devices.phone.platform"),
        (["devices", "phone", "colour"], "red", "$.devices.phone"),
        (["flow", 0, "do"], "teleport", "$.flow[0].do"),
        (["flow", 0, "by"], "phone", "$.flow[0]"),
        (["flow", 0, "with"], {"for": "5m", "til": 3}, "$.flow[0].with"),
        (["flow", 0, "with"], {}, "$.flow[0].with"),
        (["flow", 1, "with"], {"state": "asleep"}, "$.flow[1].with.state"),
        (["flow", 0, "within"], "5 minutes", "$.flow[0].within"),
    ],
)
def test_a_mistake_is_underlined(path: list[Any], value: Any, where: str) -> None:
    document = copy.deepcopy(SMALL)
    inner = document
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    assert where in mistakes(document)


def test_every_step_and_every_key_of_the_models_has_a_description() -> None:
    schema = scenario_schema()
    described = {each["const"]: each["description"] for each in _steps(schema)}
    assert list(described) == list(STEPS)
    assert all(described.values())


def _steps(schema: dict[str, Any]) -> list[dict[str, str]]:
    steps: list[dict[str, str]] = schema["$defs"]["Step"]["properties"]["do"]["oneOf"]
    return steps
