"""Documents of two scenarios that differ in one key, and a look at what they differ in."""

import copy
import json
from collections.abc import Iterator
from typing import Any, Final

from tests.scenarios.setting_differences import BASE, FLOW, LEFT_OUT, Document, Two

_NOTHING: Final = object()


def written(two: Two, key: str, value: Any) -> Document:
    """The scenario with this value of the key."""
    document = copy.deepcopy(BASE)
    document["flow"] = copy.deepcopy(list(two.flow or FLOW))
    for path, given in two.given.items():
        put(document, path, given)
    if value is not LEFT_OUT:
        put(document, two.at or key, value)
    return document


def text(document: Document) -> str:
    """As a file says it: JSON is YAML."""
    return json.dumps(document)


def put(document: Document, path: str, value: Any) -> None:
    """Write a value at a path: `devices.phone.nat`."""
    *places, last = path.split(".")
    inner: Any = document
    for place in places:
        inner = inner[int(place)] if isinstance(inner, list) else inner.setdefault(place, {})
    inner[last] = copy.deepcopy(value)


def differing(one: Any, other: Any, path: str = "") -> Iterator[str]:
    """The paths at which two documents differ."""
    if isinstance(one, list) and isinstance(other, list):
        one, other = (dict(enumerate(each)) for each in (one, other))
    if isinstance(one, dict) or isinstance(other, dict):
        sides = [{} if each is _NOTHING else each for each in (one, other)]
        if all(isinstance(each, dict) for each in sides):
            for name in {**sides[0], **sides[1]}:
                values = [each.get(name, _NOTHING) for each in sides]
                yield from differing(*values, path=f"{path}.{name}" if path else str(name))
            return
    if one != other:
        yield path


def is_at(key: str, path: str) -> bool:
    """Whether a path is that of the key, or below it."""
    parts, places = key.split("."), path.split(".")
    return len(places) >= len(parts) and all(
        part in ("*", place) for part, place in zip(parts, places, strict=False)
    )
