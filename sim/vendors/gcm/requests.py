"""Reading a send request, in JSON or as a form, up to the checks that concern the whole request.

Source: GCM, "HTTP connection server" and "Server reference". Errors come in two kinds.
`BadRequest` is HTTP 400 with a text that names the field (the real texts are not documented;
these resemble those seen). An error name in `SendRequest.error` is one that every recipient gets
in a 200 answer.
"""

import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from sim.vendors.gcm.settings import FOUR_WEEKS, GcmSettings

FIELDS: dict[str, tuple[type, str]] = {
    "registration_ids": (list, "array"),
    "to": (str, "string"),
    "notification_key": (str, "string"),
    "condition": (str, "string"),
    "collapse_key": (str, "string"),
    "data": (dict, "object"),
    "delay_while_idle": (bool, "boolean"),
    "time_to_live": (int, "number"),
    "restricted_package_name": (str, "string"),
    "dry_run": (bool, "boolean"),
    "priority": (str, "string"),
    "content_available": (bool, "boolean"),
    "mutable_content": (bool, "boolean"),
    "notification": (dict, "object"),
    "delivery_receipt_requested": (bool, "boolean"),
}
"""The fields of the JSON form and what each has to be. Those of later years are checked as well,
though nothing follows from them."""

PARAMETERS = frozenset(
    {
        "registration_id",
        "collapse_key",
        "delay_while_idle",
        "time_to_live",
        "restricted_package_name",
        "dry_run",
    }
)
"""Of the plain-text form, beside `data.<key>`."""

PRIORITIES = ("normal", "high")
MAX_NUMBER_OF_PARAMETERS = 10_000
_NUMBER = re.compile(r"-?[0-9]+")
_LONGEST_NUMBER = 18
_BOOLEANS = {"1": True, "true": True, "0": False, "false": False, "": False}


class BadRequest(Exception):
    """The request cannot be read: HTTP 400, the text goes into the body."""


@dataclass(frozen=True, slots=True)
class SendRequest:
    """What a sender asks for. `ttl` in seconds; `error` is what all recipients get, if anything."""

    registration_ids: tuple[str, ...]
    data: tuple[tuple[str, str], ...]
    collapse_key: str | None
    delay_while_idle: bool
    ttl: int
    package: str | None
    dry_run: bool
    error: str | None


def read_json(body: bytes, settings: GcmSettings) -> SendRequest:
    """The JSON form. A field that is null counts as left out; of two with one name the last counts.
    Raises BadRequest."""
    constants: list[str] = []  # NaN and Infinity, which Python takes for numbers of JSON

    def note(name: str) -> float:
        constants.append(name)
        return float(name)

    try:
        document = json.loads(body.decode("utf-8"), parse_constant=note)
    except (ValueError, RecursionError):
        raise BadRequest("JSON_PARSING_ERROR: the body is not JSON in UTF-8") from None
    if not isinstance(document, dict):
        raise BadRequest("JSON_TYPE_ERROR: the body must be a JSON object")
    fields = {name: value for name, value in document.items() if value is not None}
    if settings.strict_fields:
        for name in document:
            if name not in FIELDS:
                raise BadRequest(f"JSON_PARSING_ERROR: unknown field {json.dumps(name)}")
    ids = _registration_ids(fields, settings)
    _check_types(fields)
    if constants:
        raise BadRequest(f"JSON_PARSING_ERROR: {constants[0]} is not JSON")
    return _request(
        ids,
        tuple((key, _as_text(value)) for key, value in fields.get("data", {}).items()),
        collapse_key=fields.get("collapse_key"),
        delay_while_idle=fields.get("delay_while_idle", False),
        ttl=fields.get("time_to_live"),
        package=fields.get("restricted_package_name"),
        dry_run=fields.get("dry_run", False),
        settings=settings,
    )


def read_form(body: bytes, settings: GcmSettings) -> SendRequest:
    """The plain-text form: one recipient, `data.<key>` parameters, each parameter once. Raises
    BadRequest."""
    try:
        pairs = parse_qsl(
            body.decode("utf-8"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=MAX_NUMBER_OF_PARAMETERS,
        )
    except ValueError:
        raise BadRequest("the body is not a form in UTF-8") from None
    parameters: dict[str, str] = {}
    for name, value in pairs:
        is_known = name in PARAMETERS or name[:5] == "data."
        if is_known and name in parameters:
            raise BadRequest(f"{json.dumps(name)} is given more than once")
        if settings.strict_fields and not is_known:
            raise BadRequest(f"unknown parameter {json.dumps(name)}")
        parameters[name] = value
    return _request(
        (parameters.get("registration_id", ""),),
        tuple((k.removeprefix("data."), v) for k, v in parameters.items() if k[:5] == "data."),
        collapse_key=parameters.get("collapse_key"),
        delay_while_idle=_boolean(parameters, "delay_while_idle"),
        ttl=_number(parameters, "time_to_live"),
        package=parameters.get("restricted_package_name"),
        dry_run=_boolean(parameters, "dry_run"),
        settings=settings,
    )


def _request(
    ids: tuple[str, ...],
    data: tuple[tuple[str, str], ...],
    *,
    collapse_key: str | None,
    delay_while_idle: bool,
    ttl: int | None,
    package: str | None,
    dry_run: bool,
    settings: GcmSettings,
) -> SendRequest:
    error = None
    if ttl is not None and not 0 <= ttl <= FOUR_WEEKS:
        error = "InvalidTtl"
    elif any(key == "from" or key.startswith("google.") for key, _value in data):
        error = "InvalidDataKey"
    elif sum(_size(key) + _size(value) for key, value in data) > settings.payload_limit:
        error = "MessageTooBig"
    return SendRequest(
        ids,
        data,
        collapse_key or None,
        delay_while_idle,
        settings.default_ttl if ttl is None else ttl if error is None else 0,
        package or None,
        dry_run,
        error,
    )


def _registration_ids(fields: dict[str, Any], settings: GcmSettings) -> tuple[str, ...]:
    if "registration_ids" not in fields:
        if "to" not in fields:
            raise BadRequest('Missing "registration_ids" field')
        _check_type(fields, "to")
        return (fields["to"],)
    if "to" in fields:
        raise BadRequest('Must use either "registration_ids" field or "to", not both')
    ids = fields["registration_ids"]
    if not isinstance(ids, list):
        raise BadRequest('"registration_ids" field is not a JSON array')
    if not ids:
        raise BadRequest('"registration_ids" field cannot be empty')
    limit = settings.max_registration_ids
    if len(ids) > limit:
        raise BadRequest(f"Number of messages on bulk ({len(ids)}) exceeds maximum ({limit})")
    if not all(isinstance(entry, str) for entry in ids):
        raise BadRequest('JSON_TYPE_ERROR: field "registration_ids" must hold JSON strings')
    return tuple(ids)


def _check_types(fields: dict[str, Any]) -> None:
    """Every field that is known has its type. A whole number may have a point in it (60.0)."""
    ttl = fields.get("time_to_live")
    if isinstance(ttl, float) and ttl.is_integer():
        fields["time_to_live"] = int(ttl)
    for name in FIELDS:
        if name in fields:
            _check_type(fields, name)
    if fields.get("priority", "normal") not in PRIORITIES:
        raise BadRequest('"priority" field must be "normal" or "high"')


def _check_type(fields: dict[str, Any], name: str) -> None:
    kind, kind_name = FIELDS[name]
    value = fields[name]
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise BadRequest(f'JSON_TYPE_ERROR: field "{name}" must be a JSON {kind_name}')


def _boolean(parameters: dict[str, str], name: str) -> bool:
    value = _BOOLEANS.get(parameters.get(name, "").lower())
    if value is None:
        raise BadRequest(f'"{name}" is not a boolean')
    return value


def _number(parameters: dict[str, str], name: str) -> int | None:
    """A number that is out of any range stays so, whatever its length."""
    text = parameters.get(name)
    if text is None:
        return None
    if _NUMBER.fullmatch(text) is None:
        raise BadRequest(f'"{name}" is not a number')
    return int(text) if len(text) <= _LONGEST_NUMBER else -1


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _size(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))
