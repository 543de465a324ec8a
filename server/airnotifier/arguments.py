"""The arguments of an API call, wherever the client put them.

AirNotifier's clients disagree: Moodle of 2013 posts multipart forms, apps post nothing or
urlencoded forms, Moodle of 2016 posts JSON under curl's form content type, some percent-encode
the JSON. All are read into one mapping: query string first, then the body; of a repeated name the
last value wins; blanks around text are removed (as Tornado's `get_argument` did).

A value from a form is text. A value from JSON keeps its type.
"""

import json
import math
from dataclasses import dataclass, field
from typing import Any, NoReturn
from urllib.parse import parse_qsl, unquote_plus

from server.airnotifier.errors import Refused
from server.airnotifier.multipart import MultipartError, boundary_of, parse_multipart

MAX_FIELDS = 200
MAX_DEPTH = 64
"""Of JSON; what fits into a push can hardly be deeper. Far below what Python's own limit leaves."""


@dataclass(slots=True)
class Arguments:
    """Merged arguments; `every` keeps all values of the names that were repeated, in order."""

    values: dict[str, Any] = field(default_factory=dict)
    every: dict[str, list[Any]] = field(default_factory=dict)
    malformed: str | None = None
    """Why the body could not be read. A call is refused for it only after its key was checked."""

    def add(self, name: str, value: Any) -> None:
        if isinstance(value, str):
            value = value.strip()
        if name in self.values:
            self.every.setdefault(name, [self.values[name]]).append(value)
        self.values[name] = value

    def text(self, name: str) -> str | None:
        """A text argument, or None where it is absent or null. Raises Refused (400)."""
        value = self.values.get(name)
        if value is None or isinstance(value, str):
            return value
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        raise Refused(400, f"Invalid argument {name}: text expected")

    def texts(self, name: str) -> list[str]:
        """All texts under a name: repeated, comma-separated, or a JSON list. Raises Refused."""
        texts: list[str] = []
        for value in self.every.get(name) or [self.values.get(name)]:
            for item in value if isinstance(value, list) else [value]:
                if item is None:
                    continue
                if not isinstance(item, str):
                    raise Refused(400, f"Invalid argument {name}: text expected")
                texts.extend(part for part in map(str.strip, item.split(",")) if part)
        return list(dict.fromkeys(texts))


def read_arguments(query: str, content_type: str, body: bytes) -> Arguments:
    """Merge query string and body. Never raises: see `Arguments.malformed`."""
    arguments = Arguments()
    try:
        if query:
            _add_form(arguments, query)
        if body:
            _add_body(arguments, content_type, body)
    except ValueError as error:
        arguments.malformed = str(error)
    return arguments


def _add_body(arguments: Arguments, content_type: str, body: bytes) -> None:
    boundary = boundary_of(content_type)
    if boundary is not None:
        try:
            fields = parse_multipart(body, boundary, max_parts=MAX_FIELDS)
        except MultipartError as error:
            raise ValueError(f"Malformed multipart body: {error}") from error
        for name, value in fields:
            arguments.add(name, value)
        return
    start = body.lstrip()[:3]
    if start.startswith(b"{") or content_type.lower().startswith("application/json"):
        _add_json(arguments, body.decode("utf-8", "replace"))
    elif start.lower() == b"%7b":
        _add_json(arguments, unquote_plus(body.decode("utf-8", "replace")))
    else:
        _add_form(arguments, body.decode("utf-8", "replace"))


def _add_form(arguments: Arguments, text: str) -> None:
    # A name cut inside a character by its sender still reaches the phone: hence "replace".
    try:
        fields = parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError as error:
        raise ValueError("Malformed form: too many fields") from error
    for name, value in fields:
        arguments.add(name, value)


def _add_json(arguments: Arguments, text: str) -> None:
    try:
        document = json.loads(text, parse_constant=_no_constant, parse_float=_finite)
        if not _is_shallow(document):
            raise ValueError("nested too deeply")
        if "\\ud" in text.lower():
            json.dumps(document, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        detail = error.msg if isinstance(error, json.JSONDecodeError) else "not valid"
        raise ValueError(f"Malformed JSON: {detail}") from error
    if not isinstance(document, dict):
        raise ValueError("Malformed JSON: an object expected")
    if len(document) > MAX_FIELDS:
        raise ValueError("Malformed JSON: too many members")
    for name, value in document.items():
        arguments.add(name, value)


def _is_shallow(document: Any) -> bool:
    level = [document]
    for _ in range(MAX_DEPTH):
        level = [
            item
            for each in level
            if isinstance(each, dict | list)
            for item in (each.values() if isinstance(each, dict) else each)
        ]
        if not level:
            return True
    return False


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError("a number is too large")
    return number


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
