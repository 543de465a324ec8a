"""What is wrong with a settings file, in the words of whoever wrote it.

The validating library knows what is wrong and where; what it would say is about types of Python.
Nothing here repeats a value of the file: some are passwords and keys.
"""

import difflib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

_MOST_NAMES = 30
"""That a message lists."""

_EXPECTED: Final = {
    "string": "a text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "path": "the path of a file as a text",
    "list": "a list",
    "tuple": "a list",
    "dict": "a mapping",
    "model": "a mapping",
}
"""By the beginning of the error types that say it: int_type, int_parsing, ..."""
_OF_ANOTHER_TYPE: Final = ("type", "parsing", "parsing_size", "from_float", "attributes_type")
_LIMITS: Final = {
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "finite_number": "must be a number, neither infinite nor .nan",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
}


def mistakes(error: ValidationError, model: type[BaseModel]) -> list[str]:
    """Each mistake as `place: what is wrong and what to do`."""
    return [
        f"{_place(item['loc'])}: {describe(item, model)}"
        for item in error.errors(include_url=False)
    ]


def describe(item: ErrorDetails, model: type[BaseModel]) -> str:
    """One mistake, without its place."""
    kind, context, location = item["type"], item.get("ctx", {}), item["loc"]
    match kind:
        case "value_error":
            return str(context["error"])
        case "extra_forbidden":
            return f"there is no such setting; {_suggestion(location, model)}"
        case "missing":
            return "missing; this setting is required"
        case "literal_error":
            return f"must be {context['expected']}"
        case "too_short" | "too_long":
            return _length(kind, context)
    if kind in _LIMITS:
        return _LIMITS[kind].format(**context)
    begin, _, rest = kind.partition("_")
    expected = _EXPECTED.get(begin)
    if expected is not None and rest in _OF_ANOTHER_TYPE:
        return f"expected {expected}, found {_kind_of(item['input'])}"
    return "this value cannot be used here"


def _length(kind: str, context: Mapping[str, Any]) -> str:
    unit = "characters" if context["field_type"] == "Value" else "items"  # a secret, or a list
    if kind == "too_short":
        return f"must have at least {context['min_length']} {unit}"
    return f"must have at most {context['max_length']} {unit}"


def _place(location: tuple[int | str, ...]) -> str:
    return ".".join(str(step) for step in location if step != "[key]") or "file"


def _suggestion(location: tuple[int | str, ...], model: type[BaseModel]) -> str:
    known = list(_settings_at(location[:-1], model))
    close = difflib.get_close_matches(str(location[-1]).lower()[:100], known, n=1, cutoff=0.65)
    if close:
        return f"did you mean {close[0]}?"
    return f"known here: {', '.join(known[:_MOST_NAMES])}"


def _settings_at(location: Iterable[int | str], model: type[BaseModel]) -> Iterable[str]:
    """The names of the settings at a place of a file."""
    for step in location:
        field = model.model_fields.get(str(step))
        if field is not None:
            model = next(_models(field.annotation), model)
    return model.model_fields


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models that are in a type such as `tuple[App, ...]` or `Apns | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)


def _kind_of(value: Any) -> str:
    match value:
        case None:
            return "nothing"
        case bool():
            return "true or false"
        case float():
            return "a number with a fraction"
        case int():
            return "a number"
        case str():
            return "a text"
        case list() | tuple():
            return "a list"
        case dict():
            return "a mapping"
    return "a value"
