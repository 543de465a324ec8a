"""References in values: `$token`, `$matrix.platform`, `$result.id`, and `$$` for a dollar sign.

A value that is nothing but a reference takes the type of what it refers to; a reference inside a
longer text is put in as text. A name may be put in braces where a letter follows: `${msg}th`.

Who resolves what: `$matrix.x` when the file is loaded (one value a cell), `$result.x` when the step
ends (only in `save`), `$name.path` when a step starts (saved by an earlier step).
"""

import re
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

from scenarios.engine.format.limits import MAX_TEXT

_PATH: Final = r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z0-9_]+)*"
_DOLLAR: Final = re.compile(rf"\$(?:(?P<escape>\$)|(?P<plain>{_PATH})|\{{(?P<braced>{_PATH})\}})?")

RESULT: Final = "result"  # references to the results of the step itself start with this name

_TOO_LONG: Final = f"with what it refers to, this text has more than {MAX_TEXT} characters"

Lookup = Callable[[tuple[str, ...]], Any]
"""Gives the value for a path ("matrix", "platform"). Raises LookupError with a message."""


class Reference(NamedTuple):
    """A reference as it stands in a text; `start` and `end` are offsets."""

    path: tuple[str, ...]
    start: int
    end: int


class StrayDollar(ValueError):
    """A dollar sign that starts no reference; `start` and `end` are offsets in the text."""

    def __init__(self, message: str, start: int, end: int) -> None:
        super().__init__(message)
        self.start, self.end = start, end


class TextTooLong(LookupError):
    """What a text refers to makes it longer than any text may be."""


def references(text: str) -> Iterator[Reference]:
    """The references of a text, in order. Raises StrayDollar for a stray dollar sign."""
    for match in _DOLLAR.finditer(text):
        name = match["plain"] or match["braced"]
        if name:
            yield Reference(tuple(name.split(".")), match.start(), match.end())
        elif not match["escape"]:
            raise StrayDollar("this '$' starts no reference", match.start(), match.start() + 1)


def has_reference(value: object) -> bool:
    """Whether a value is a text with at least one reference in it."""
    return isinstance(value, str) and any(
        match["plain"] or match["braced"] for match in _DOLLAR.finditer(value)
    )


def whole_reference(value: str) -> tuple[str, ...] | None:
    """The path of a text that is nothing but one reference."""
    match = _DOLLAR.fullmatch(value)
    name = match and (match["plain"] or match["braced"])
    return tuple(name.split(".")) if name else None


def resolve(value: Any, lookup: Lookup) -> Any:
    """A value (texts, lists and mappings to any depth) with every reference replaced.

    `$$` becomes `$`. Raises what `lookup` raises, and LookupError for a text that becomes too long.
    """
    if isinstance(value, dict):
        return {key: resolve(item, lookup) for key, item in value.items()}
    if isinstance(value, list):
        return [resolve(item, lookup) for item in value]
    if not isinstance(value, str) or "$" not in value:
        return value
    path = whole_reference(value)
    if path is not None:
        return lookup(path)

    def find(match: re.Match[str]) -> Any:
        name = match["plain"] or match["braced"]
        return lookup(tuple(name.split("."))) if name else "$"

    return _put_in(value, find)


def _put_in(text: str, find: Callable[[re.Match[str]], Any]) -> str:
    """A text with something else in the place of each reference. Raises TextTooLong, early."""
    length = len(text)

    def replace(match: re.Match[str]) -> str:
        nonlocal length
        found = as_text(find(match))
        length += len(found) - len(match[0])
        if length > MAX_TEXT:
            raise TextTooLong(_TOO_LONG)
        return found

    return _DOLLAR.sub(replace, text)


def substitute(value: Any, root: str, lookup: Lookup) -> Any:
    """A scalar with the references below `$<root>` replaced, and all others left as they are.

    What `lookup` does not know stays, too. A dollar sign in a replacement is doubled, so that
    resolving the result later gives it back. Raises TextTooLong.
    """
    if not isinstance(value, str) or "$" not in value:
        return value

    def find(match: re.Match[str]) -> Any:
        path = tuple((match["plain"] or match["braced"] or "").split("."))
        if path[0] != root:
            return match[0]
        try:
            found = lookup(path)
        except LookupError:
            return match[0]
        return found.replace("$", "$$") if isinstance(found, str) else found

    whole = _DOLLAR.fullmatch(value)
    if whole is not None:
        return find(whole)
    return _put_in(value, find)


def as_text(value: object) -> str:
    """How a value reads inside a longer text: as YAML writes it."""
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)
