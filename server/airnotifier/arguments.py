"""The arguments of an API call, wherever the client put them.

AirNotifier's clients disagree: Moodle of 2013 posts multipart forms, apps post nothing or
urlencoded forms, Moodle of 2016 posts JSON under curl's form content type, some percent-encode
the JSON. All are read into one mapping: query string first, then the body; of a repeated name the
last value wins; blanks around text are removed (as Tornado's `get_argument` did).

A value from a form is text. A value from JSON keeps its type, and where text is wanted a number
counts as it was written, so an argument means the same in every form. `charsets` says how text is
read from bytes; halves of surrogate pairs in JSON, which are no characters, become U+FFFD, too.
"""

import json
import math
import re
from dataclasses import dataclass, field
from typing import Any, NoReturn
from urllib.parse import unquote_to_bytes

from server.airnotifier.charsets import DEFAULT, charset_of, decode
from server.airnotifier.errors import InvalidRequest
from server.airnotifier.multipart import MultipartError, boundary_of, parse_multipart

MAX_FIELDS = 200
MAX_DEPTH = 64
"""Of JSON; what fits into a push can hardly be deeper. Far below what Python's own limit leaves."""

_SURROGATE = re.compile("[\ud800-\udfff]")


class WrittenFloat(float):
    """A JSON number with a fraction or an exponent; `text` is how it was written."""

    text: str


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
        """A text argument, or None where it is absent or null. Raises InvalidRequest."""
        value = self.values.get(name)
        return None if value is None else _as_text(name, value)

    def texts(self, name: str) -> list[str]:
        """All texts under a name, without empty ones: repeated, or a JSON list.

        Raises InvalidRequest.
        """
        values = self.every.get(name) or [self.values.get(name)]
        items = [item for each in values for item in (each if isinstance(each, list) else [each])]
        texts = [_as_text(name, item).strip() for item in items if item is not None]
        return [text for text in dict.fromkeys(texts) if text]


def _as_text(name: str, value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, WrittenFloat):
        return value.text
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise InvalidRequest(f"Invalid argument {name}: text expected")


def read_arguments(query: str, content_type: str, body: bytes) -> Arguments:
    """Merge query string and body. Never raises: see `Arguments.malformed`."""
    arguments = Arguments()
    try:
        if query:
            _add_form(arguments, query.encode("utf-8", "surrogateescape"), DEFAULT)
        if body:
            _add_body(arguments, content_type, body)
    except ValueError as error:
        arguments.malformed = str(error)
    return arguments


def _add_body(arguments: Arguments, content_type: str, body: bytes) -> None:
    boundary, charset = boundary_of(content_type), charset_of(content_type)
    if boundary is not None:
        try:
            fields = parse_multipart(body, boundary, max_parts=MAX_FIELDS, charset=charset)
        except MultipartError as error:
            raise ValueError(f"Malformed multipart body: {error}") from error
        for name, value in fields:
            arguments.add(name, value)
        return
    start = body.lstrip()[:3]
    if start.startswith(b"{") or content_type.lower().startswith("application/json"):
        _add_json(arguments, decode(body, charset))
    elif start.lower() == b"%7b":
        _add_json(arguments, decode(_unquote(body), charset))
    else:
        _add_form(arguments, body, charset)


def _add_form(arguments: Arguments, form: bytes, charset: str) -> None:
    if form.count(b"&") >= MAX_FIELDS:
        raise ValueError("Malformed form: too many fields")
    for item in form.split(b"&"):
        if item:
            name, _, value = item.partition(b"=")
            arguments.add(decode(_unquote(name), charset), decode(_unquote(value), charset))


def _unquote(data: bytes) -> bytes:
    return unquote_to_bytes(data.replace(b"+", b" "))


def _add_json(arguments: Arguments, text: str) -> None:
    members: list[tuple[str, Any]] = []

    def note(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        members[:] = pairs  # the outermost object is complete last
        return dict(pairs)

    try:
        document = json.loads(
            text, parse_constant=_no_constant, parse_float=_written, object_pairs_hook=note
        )
        if not _is_shallow(document):
            raise ValueError("nested too deeply")
    except (ValueError, RecursionError) as error:
        detail = error.msg if isinstance(error, json.JSONDecodeError) else "not valid"
        raise ValueError(f"Malformed JSON: {detail}") from error
    if not isinstance(document, dict):
        raise ValueError("Malformed JSON: an object expected")
    if len(members) > MAX_FIELDS:
        raise ValueError("Malformed JSON: too many members")
    mend = "\\ud" in text.lower()
    for name, value in members:
        arguments.add(*(_mended((name, value)) if mend else (name, value)))


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


def _mended(value: Any) -> Any:
    """With U+FFFD for halves of surrogate pairs."""
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, list | tuple):
        return [_mended(item) for item in value]
    if isinstance(value, dict):
        return {_mended(name): _mended(item) for name, item in value.items()}
    return value


def _written(text: str) -> float:
    number = WrittenFloat(text)
    if math.isinf(number):
        raise ValueError("a number is too large")
    number.text = text
    return number


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
