"""Reading a send request, in JSON or as a form, up to the checks that concern the whole request.

Source: GCM, "HTTP connection server" and "Server reference". Errors come in two kinds.
`BadRequest` is HTTP 400 with a text that names the field (the real texts are not documented;
these resemble those seen). An error name in `SendRequest.error` is one that every recipient gets
in a 200 answer.
"""

import json
import math
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from sim.vendors.gcm.settings import FOUR_WEEKS, GcmSettings

KNOWN_FIELDS = frozenset(
    {
        "registration_ids",
        "to",
        "notification_key",
        "condition",
        "collapse_key",
        "data",
        "delay_while_idle",
        "time_to_live",
        "restricted_package_name",
        "dry_run",
        "priority",
        "content_available",
        "mutable_content",
        "notification",
        "delivery_receipt_requested",
    }
)
MAX_NUMBER_OF_PARAMETERS = 10_000
_NUMBER = re.compile(r"-?[0-9]{1,18}")


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
    """The JSON form. Raises BadRequest."""
    try:
        fields = json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError):
        raise BadRequest("JSON_PARSING_ERROR: the body is not JSON in UTF-8") from None
    if not isinstance(fields, dict):
        raise BadRequest("JSON_TYPE_ERROR: the body must be a JSON object")
    if settings.strict_fields:
        for name in fields:
            if name not in KNOWN_FIELDS:
                raise BadRequest(f"JSON_PARSING_ERROR: unknown field {json.dumps(name)}")
    ids = _registration_ids(fields, settings)
    data = _optional(fields, "data", dict, "object") or {}
    try:
        pairs = tuple((key, _as_text(value)) for key, value in data.items())
    except RecursionError:
        raise BadRequest('JSON_PARSING_ERROR: "data" is nested too deeply') from None
    return _request(
        ids,
        pairs,
        collapse_key=_optional(fields, "collapse_key", str, "string"),
        delay_while_idle=bool(_optional(fields, "delay_while_idle", bool, "boolean")),
        ttl=_ttl(fields),
        package=_optional(fields, "restricted_package_name", str, "string"),
        dry_run=bool(_optional(fields, "dry_run", bool, "boolean")),
        settings=settings,
    )


def read_form(body: bytes, settings: GcmSettings) -> SendRequest:
    """The plain-text form: one recipient, `data.<key>` parameters. Raises BadRequest."""
    try:
        parameters = dict(
            parse_qsl(
                body.decode("utf-8"),
                keep_blank_values=True,
                errors="strict",
                max_num_fields=MAX_NUMBER_OF_PARAMETERS,
            )
        )
    except ValueError:
        raise BadRequest("the body is not a form in UTF-8") from None
    ttl = parameters.get("time_to_live")
    if ttl is not None and _NUMBER.fullmatch(ttl) is None:
        raise BadRequest('"time_to_live" is not a number')
    return _request(
        (parameters.get("registration_id", ""),),
        tuple((k.removeprefix("data."), v) for k, v in parameters.items() if k[:5] == "data."),
        collapse_key=parameters.get("collapse_key"),
        delay_while_idle=parameters.get("delay_while_idle") in ("1", "true"),
        ttl=None if ttl is None else int(ttl),
        package=parameters.get("restricted_package_name"),
        dry_run=parameters.get("dry_run") in ("1", "true"),
        settings=settings,
    )


def _request(
    ids: tuple[str, ...],
    data: tuple[tuple[str, str], ...],
    *,
    collapse_key: str | None,
    delay_while_idle: bool,
    ttl: float | None,
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
        settings.default_ttl if ttl is None else int(ttl) if error is None else 0,
        package or None,
        dry_run,
        error,
    )


def _registration_ids(fields: dict[str, Any], settings: GcmSettings) -> tuple[str, ...]:
    if "registration_ids" not in fields:
        to = _optional(fields, "to", str, "string")
        if to is None:
            raise BadRequest('Missing "registration_ids" field')
        return (to,)
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


def _ttl(fields: dict[str, Any]) -> float | None:
    value = fields.get("time_to_live")
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    raise BadRequest('JSON_TYPE_ERROR: field "time_to_live" must be a JSON number')


def _optional(fields: dict[str, Any], name: str, kind: type, kind_name: str) -> Any:
    value = fields.get(name)
    if value is not None and not isinstance(value, kind):
        raise BadRequest(f'JSON_TYPE_ERROR: field "{name}" must be a JSON {kind_name}')
    return value


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _size(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))
