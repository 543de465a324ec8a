"""Query strings and forms as PHP reads them into `$_GET` and `$_POST`.

`a[b][]=1` builds nested arrays, names lose their blanks and dots, later values overwrite earlier
ones, everything beyond PHP's limits is dropped without an error. Source: the PHP manual,
"Variables From External Sources" and the settings max_input_vars and max_input_nesting_level.

Text is UTF-8; bytes that are not become surrogates, so that whoever validates the value can tell.
An array keeps the order of arrival. Its keys are text even where PHP has integers; the two agree
everywhere except in `next_index`, which is kept for `[]`.
"""

import re
from urllib.parse import unquote_to_bytes

MAX_INPUT_VARS = 1000
MAX_NESTING = 64
_MAX_INTEGER = 2**63 - 1
_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,18}")
_BLANKS = " \t\n\v\f\r"


class PhpArray(dict[str, "PhpValue"]):
    """A PHP array: ordered, with the integer key that `[]` would take next."""

    __slots__ = ("next_index",)

    def __init__(self) -> None:
        super().__init__()
        self.next_index = 0

    def put(self, key: str | None, value: "PhpValue") -> None:
        """Set a key, or append when it is None."""
        if key is None:
            if self.next_index > _MAX_INTEGER:
                return
            key = str(self.next_index)
        self[key] = value
        if _INTEGER.fullmatch(key):
            index = int(key)
            if self.next_index <= index <= _MAX_INTEGER:
                self.next_index = index + 1


PhpValue = str | PhpArray


def parse(text: str, *, max_vars: int = MAX_INPUT_VARS) -> PhpArray:
    """The variables of a URL-encoded query string or form."""
    result = PhpArray()
    count = 0
    for pair in text.split("&"):
        if not pair:
            continue
        count += 1
        if count > max_vars:
            break
        name, _, value = pair.partition("=")
        register(result, _decode(name), _decode(value))
    return result


def register(variables: PhpArray, name: str, value: str) -> None:
    """Add one variable under a decoded name, as PHP does for each that arrives."""
    path = _path(name)
    if path is None:
        return
    array = variables
    for key in path[:-1]:
        inner = None if key is None else array.get(key)
        if not isinstance(inner, PhpArray):
            inner = PhpArray()
            array.put(key, inner)
        array = inner
    array.put(path[-1], value)


def _path(name: str) -> list[str | None] | None:
    """Keys from the outside in (None: append), or None if PHP ignores a variable of this name."""
    name = name.partition("\0")[0].lstrip(" ")
    base, bracket, rest = name.partition("[")
    base = base.replace(" ", "_").replace(".", "_")
    if not base:
        return None
    path: list[str | None] = [base]
    while bracket:
        if len(path) > MAX_NESTING:
            return None
        key, closing, after = rest.partition("]")
        if not closing:
            # A bracket that nobody closes is a character of the name, and at the first level
            # everything after it, too.
            return [f"{base}_{rest}"] if len(path) == 1 else path
        # One blank counts as nothing, but is part of a longer key.
        path.append(None if key == "" or (len(key) == 1 and key in _BLANKS) else key)
        bracket = after[:1] if after[:1] == "[" else ""
        rest = after[1:]
    return path


def _decode(text: str) -> str:
    if "+" in text:
        text = text.replace("+", " ")
    if "%" not in text:
        return text
    return unquote_to_bytes(text.encode("utf-8", "surrogateescape")).decode(
        "utf-8", "surrogateescape"
    )
