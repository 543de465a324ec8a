"""Validates a cell's document with the models, and says the errors at their place in the file.

pydantic knows what is wrong but not where; its location leads to the node. Its texts are replaced
by ones that say what to write instead.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from pydantic import ValidationError

from scenarios.engine.format.diagnostics import Diagnostic, did_you_mean
from scenarios.engine.format.fault_model import TARGET_PATTERN
from scenarios.engine.format.mistakes import Mistakes
from scenarios.engine.format.model_keys import known_keys
from scenarios.engine.format.models import TAG_PATTERN, Scenario
from scenarios.engine.format.nodes import Location, MappingNode, ScalarNode, find, find_key, whole
from scenarios.engine.format.quantities import APP_NAME_PATTERN, NAME_PATTERN
from scenarios.engine.format.references import as_text, has_reference
from scenarios.engine.format.units import kind_of

# Keys of the format that this version does not read yet.
_LATER: Final = frozenset(
    {
        ("load",),
        ("slo",),
        ("report",),
        ("devices", "fleet", "churn"),
    }
)
_EXPECTED: Final = {
    "string_type": "a text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "list_type": "a list",
    "timezone_aware": "a time with its zone such as 2013-05-01T08:00:00Z",
    "datetime_type": "a time such as 2013-05-01T08:00:00Z",
    "datetime_parsing": "a time such as 2013-05-01T08:00:00Z",
    "datetime_from_date_parsing": "a time such as 2013-05-01T08:00:00Z",
    "datetime_object_invalid": "a time such as 2013-05-01T08:00:00Z",
    "is_instance_of": "a mapping",
}
_LIMITS: Final = {
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "too_short": "must not be empty",
    "too_long": "has more than {max_length} entries",
    "string_too_short": "must not be empty",
    "string_too_long": "must have at most {max_length} characters",
}
_NAMES: Final = {
    NAME_PATTERN: "names have lowercase letters, digits and _, and start with a letter",
    APP_NAME_PATTERN: "names of applications have 1 to 64 letters, digits, ., _ and -",
    TAG_PATTERN: "tags have lowercase letters, digits, _ and -",
    TARGET_PATTERN: "write host.<host>, link.<one>-<other>, device.<phone>, device.fleet,"
    " vendor.apns or vendor.gcm",
}
_QUOTED: Final = re.compile(r"'([^']*)'")


def validate(root: MappingNode, data: dict[str, Any], mistakes: Mistakes) -> Scenario | None:
    """The scenario of a cell, or None with what is wrong added to the mistakes."""
    try:
        return Scenario.model_validate(data)
    except ValidationError as error:
        for each in error.errors(include_url=False):
            # An unresolved reference is reported as such, not as a wrong value.
            if each["type"] in ("extra_forbidden", "expression") or not has_reference(
                each["input"]
            ):
                mistakes.add(diagnostic(root, each))
            else:
                mistakes.add_if_alone(diagnostic(root, each))
        return None


def diagnostic(root: MappingNode, error: Mapping[str, Any]) -> Diagnostic:
    """One of pydantic's errors as a mistake in the file, never in its words."""
    location: Location = error["loc"]
    kind, context = error["type"], error.get("ctx", {})
    if location and location[-1] == "[key]":
        return Diagnostic(
            "bad-name",
            f"'{location[-2]}' cannot be a name here",
            find_key(root, location[:-1]),
            _LIMITS[kind].format(**context) if kind in _LIMITS else _NAMES[NAME_PATTERN],
        )
    describe = _DESCRIBED.get(kind)
    if describe is not None:
        return describe(root, location, {**context, "input": error["input"]})
    span = find(root, location).span
    if kind in _EXPECTED:
        found = kind_of(error["input"])
        return Diagnostic("wrong-type", f"expected {_EXPECTED[kind]}, found {found}", span)
    if kind in _LIMITS:
        message = f"{_called(location)} {_LIMITS[kind].format(**context)}"
        return Diagnostic("out-of-range", message, span)
    if kind == "value_error":  # one of our own
        return Diagnostic("invalid", str(context["error"]), span)
    return Diagnostic("invalid", f"{kind_of(error['input'])} cannot be used here", span)


def _unknown_key(root: MappingNode, location: Location, context: Mapping[str, Any]) -> Diagnostic:
    span = find_key(root, location)
    if location in _LATER:
        return Diagnostic(
            "unsupported",
            f"'{'.'.join(map(str, location))}' is not supported by this version",
            span,
            "remove it; the other parts of the file can be run",
        )
    known = known_keys(Scenario, location[:-1])
    where = f" in {_called(location[:-1])}" if len(location) > 1 else ""
    return Diagnostic(
        "unknown-key",
        f"there is no key '{location[-1]}'{where}",
        span,
        did_you_mean(str(location[-1]), known),
    )


def _missing_key(root: MappingNode, location: Location, context: Mapping[str, Any]) -> Diagnostic:
    return _needs(root, location[:-1], str(location[-1]))


def _missing_dist(root: MappingNode, location: Location, context: Mapping[str, Any]) -> Diagnostic:
    return _needs(root, location, "dist")


def _needs(root: MappingNode, location: Location, key: str) -> Diagnostic:
    where = _called(location) if location else "the scenario"
    return Diagnostic("missing-key", f"{where} needs the key '{key}'", whole(root, location))


def _choice(root: MappingNode, location: Location, context: Mapping[str, Any]) -> Diagnostic:
    """One of several values was expected: from a Literal, or from a step's contract."""
    expected = context.get("expected") or context.get("expected_tags")
    known = context.get("known") or _QUOTED.findall(str(expected)) or [str(expected)]
    value = context["input"]
    given = context.get("given")
    if given is None:  # the tag of a union
        value = value.get("dist") if isinstance(value, dict) and "tag" in context else value
        given = kind_of(value)
    span = find(root, location).span
    hint = did_you_mean(as_text(value), known)
    return Diagnostic("bad-value", f"{given} is not possible here", span, hint)


def _unknown(
    what: str,
) -> Callable[[MappingNode, Location, Mapping[str, Any]], Diagnostic]:
    def describe(root: MappingNode, location: Location, context: Mapping[str, Any]) -> Diagnostic:
        message = f"there is no {what} '{context['given']}'"
        hint = did_you_mean(context["given"], context["known"])
        return Diagnostic(f"unknown-{what}", message, find(root, location).span, hint)

    return describe


def _condition(root: MappingNode, location: Location, context: Mapping[str, Any]) -> Diagnostic:
    node = find(root, location)
    span = node.span
    if isinstance(node, ScalarNode) and "start" in context:
        span = node.part(context["start"], context["end"])
    return Diagnostic("bad-condition", context["message"], span, context["help"])


def _told(code: str) -> Callable[[MappingNode, Location, Mapping[str, Any]], Diagnostic]:
    """For the errors of our own validators, which come with message and help."""

    def describe(root: MappingNode, location: Location, context: Mapping[str, Any]) -> Diagnostic:
        node = find(root, location)
        span = whole(root, location) if isinstance(node, MappingNode) else node.span
        return Diagnostic(code, context["message"], span, context["help"])

    return describe


def _name(root: MappingNode, location: Location, context: Mapping[str, Any]) -> Diagnostic:
    message = f"{kind_of(context['input'])} cannot be a name here"
    hint = _NAMES[context["pattern"]]
    return Diagnostic("bad-name", message, find(root, location).span, hint)


def _called(location: Location) -> str:
    """How a person calls a place: 'world.gateway', step 3, check 1."""
    if len(location) > 1 and isinstance(location[-1], int):
        singular = {"flow": "step", "faults": "fault", "checks": "check", "tags": "tag"}
        name = singular.get(str(location[-2]), f"'{location[-2]}'")
        return f"{name} {location[-1] + 1}"
    return "'" + ".".join(str(step) for step in location if step != "[key]") + "'"


_DESCRIBED: Final = {
    "extra_forbidden": _unknown_key,
    "missing": _missing_key,
    "literal_error": _choice,
    "choice": _choice,
    "union_tag_invalid": _choice,
    "union_tag_not_found": _missing_dist,
    "unknown_step": _unknown("step"),
    "unknown_fault": _unknown("fault"),
    "expression": _condition,
    "quantity": _told("bad-quantity"),
    "wrong_type": _told("wrong-type"),
    "bad_name": _told("bad-value"),
    "conflict": _told("conflict"),
    "out_of_calendar": _told("out-of-range"),
    "out_of_range": _told("out-of-range"),
    "too_much": _told("too-large"),
    "string_pattern_mismatch": _name,
}
