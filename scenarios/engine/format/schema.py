"""The JSON Schema of scenario files, made from the models: for editors, not for checking.

Editors validate with it while one types and show the descriptions. `airbed check` knows more:
names, references, conditions. Since the schema cannot know what a reference stands for, it takes
one wherever a scenario may have one.
"""

import json
from typing import Any, Final

from scenarios.engine.format.fault_catalog import FAULTS, HOSTS, FaultContract, Parameter
from scenarios.engine.format.models import Scenario
from scenarios.engine.format.steps_catalog import STEPS, Argument, StepContract

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

_REFERENCE: Final = {"$ref": "#/$defs/Reference"}
_ANNOTATIONS: Final = ("description", "default", "examples")
# Of the scenario itself only these parts can depend on the matrix.
_FIXED: Final = frozenset({"Scenario", "Seeds"})


def scenario_schema() -> dict[str, Any]:
    """The schema as a mapping."""
    schema = Scenario.model_json_schema(by_alias=True)
    definitions: dict[str, Any] = schema.pop("$defs")
    definitions = {
        name: _polish(definition, referable=name not in _FIXED)
        for name, definition in sorted(definitions.items())
    }
    definitions["Reference"] = {
        "type": "string",
        "pattern": r"\$",
        "description": "A reference: $matrix.<axis>, or in the flow also $<saved name>.",
    }
    step = definitions["Step"]
    step["properties"]["do"] = {
        "oneOf": [{"const": name, "description": each.help} for name, each in STEPS.items()]
    }
    step["allOf"] = [_rule(name, contract) for name, contract in STEPS.items()]
    fault = definitions["Fault"]
    fault["properties"]["inject"] = {
        "oneOf": [{"const": name, "description": each.help} for name, each in FAULTS.items()]
    }
    fault["allOf"] = [_fault_rule(name, contract) for name, contract in FAULTS.items()]
    return {
        "$schema": DIALECT,
        "title": "Airbed scenario",
        **_polish(schema, referable=False),
        "$defs": definitions,
    }


def schema_text() -> str:
    """The schema as it is shipped: JSON text with a final line end."""
    return json.dumps(scenario_schema(), indent=2) + "\n"


def _polish(schema: Any, referable: bool) -> Any:
    """Without pydantic's titles and nulls, with references where a single value stands."""
    if isinstance(schema, list):
        return [_polish(each, referable) for each in schema]
    if not isinstance(schema, dict):
        return schema
    polished = {
        key: {name: _polish(each, referable) for name, each in value.items()}
        if key == "properties"
        else _polish(value, referable and key != "propertyNames")
        for key, value in schema.items()
        if key not in ("title", "default") or (key == "default" and value is not None)
    }
    if {"type": "null"} in polished.get("anyOf", ()):
        polished["anyOf"] = [each for each in polished["anyOf"] if each != {"type": "null"}]
        if len(polished["anyOf"]) == 1:
            polished |= polished.pop("anyOf")[0]
    return _with_reference(polished) if referable and _is_narrow(polished) else polished


def _is_narrow(schema: dict[str, Any]) -> bool:
    """Whether a schema is of a single value and takes no reference by itself."""
    kind = schema.get("type")
    return (
        "enum" in schema
        or "const" in schema
        or "pattern" in schema
        or kind
        in (
            "integer",
            "number",
            "boolean",
        )
    )


def _with_reference(schema: dict[str, Any]) -> dict[str, Any]:
    told = {key: value for key, value in schema.items() if key in _ANNOTATIONS}
    narrow = {key: value for key, value in schema.items() if key not in _ANNOTATIONS}
    return {**told, "anyOf": [narrow, _REFERENCE]}


def _rule(name: str, contract: StepContract) -> dict[str, Any]:
    """What the other keys of a step with this name may be."""
    arguments = contract.arguments
    needed = [key for key, argument in arguments.items() if argument.required]
    properties: dict[str, Any] = {
        "by": {} if contract.by else False,
        "within": {"description": contract.within} if contract.within else False,
        "with": {
            "properties": {key: _argument(each) for key, each in arguments.items()},
            "required": needed,
            "additionalProperties": False,
        },
        "expect": {"propertyNames": {"pattern": _results(contract)}},
    }
    required = [
        *(["by"] if contract.by else []),
        *(["with"] if needed else []),
        *(["within"] if contract.within_required else []),
    ]
    return {
        "if": {"properties": {"do": {"const": name}}, "required": ["do"]},
        "then": {"properties": properties, "required": required},
    }


def _argument(argument: Argument) -> dict[str, Any]:
    told = {"description": argument.help}
    if argument.type == "choice":
        return {**told, "anyOf": [{"enum": list(argument.choices)}, _REFERENCE]}
    if argument.type == "boolean":
        return {**told, "anyOf": [{"type": "boolean"}, _REFERENCE]}
    return told


def _fault_rule(name: str, contract: FaultContract) -> dict[str, Any]:
    """What the other keys of a fault with this name may be."""
    needed = [key for key, each in contract.parameters.items() if each.required]
    properties: dict[str, Any] = {
        "with": {
            "properties": {key: _parameter(each) for key, each in contract.parameters.items()},
            "required": needed,
            "additionalProperties": False,
        },
        "probability": {"description": f"The probability {contract.share}."},
        **({} if contract.directed else {"direction": False}),
        **({} if contract.lasting else {"window": {"properties": {"to": False, "for": False}}}),
    }
    return {
        "if": {"properties": {"inject": {"const": name}}, "required": ["inject"]},
        "then": {"properties": properties, "required": ["with"] if needed else []},
    }


def _parameter(parameter: Parameter) -> dict[str, Any]:
    told = {"description": parameter.help}
    match parameter.type:
        case "choice":
            numbers = [int(choice) for choice in parameter.choices if choice.isdigit()]
            return {**told, "anyOf": [{"enum": [*parameter.choices, *numbers]}, _REFERENCE]}
        case "count":
            return {**told, "anyOf": [{"type": "integer", "minimum": 1}, _REFERENCE]}
        case "status":
            return {
                **told,
                "anyOf": [{"type": "integer", "minimum": 500, "maximum": 599}, _REFERENCE],
            }
        case "hosts":
            return {**told, "type": "array", "items": {"enum": list(HOSTS)}, "minItems": 1}
    return {**told, "type": ["string", "integer"]}


def _results(contract: StepContract) -> str:
    names = (name.replace(".", r"\.").replace("*", ".+") for name in contract.results)
    return f"^({'|'.join(names)})$"
