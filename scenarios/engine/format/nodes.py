"""A YAML document as nodes that know where they stand in the file.

Plain scalars are read by the core schema of YAML 1.2 (chapter 10.3): `no` and `on` are texts,
`0o17` is a number, dates are texts.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from scenarios.engine.format.diagnostics import Span
from scenarios.engine.format.limits import MAX_DIGITS

Location = tuple[str | int, ...]
"""The way to a node: keys of mappings and places in lists, from the root."""

_INT: Final = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", re.ASCII)
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", re.ASCII)
_WORDS: Final[dict[str, bool | None]] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True,
    "false": False, "False": False, "FALSE": False,
}  # fmt: skip


@dataclass(slots=True)
class ScalarNode:
    """A single value. `content` is where its characters stand one by one in the file, None if they
    do not (escapes, several lines)."""

    value: Any
    span: Span
    content: int | None = None

    def part(self, start: int, end: int) -> Span:
        """Where a part of a text stands, by offsets in the text; the whole if it cannot be said."""
        if self.content is None:
            return self.span
        return Span(self.content + start, self.content + end)


@dataclass(slots=True)
class SequenceNode:
    """A list."""

    span: Span
    items: list["Node"] = field(default_factory=list)


@dataclass(slots=True)
class MappingNode:
    """A mapping; keys are texts, each once."""

    span: Span
    entries: dict[str, tuple[ScalarNode, "Node"]] = field(default_factory=dict)


Node = ScalarNode | SequenceNode | MappingNode


def read_plain(text: str) -> Any:
    """The value of an unquoted scalar. Raises ValueError for numbers nobody means."""
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        if len(text) > MAX_DIGITS:
            raise ValueError(f"a number of more than {MAX_DIGITS} digits")
        return int(text, 0 if text[:2] in ("0o", "0x") else 10)
    if _FLOAT.fullmatch(text):
        number = float(text)
        if len(text) > MAX_DIGITS or abs(number) > 1e300:
            raise ValueError("a number out of range")
        return number
    return text


def plain(node: Node) -> Any:
    """The document as ordinary dicts, lists and scalars."""
    if isinstance(node, ScalarNode):
        return node.value
    if isinstance(node, SequenceNode):
        return [plain(item) for item in node.items]
    return {key: plain(value) for key, (_, value) in node.entries.items()}


def size_of(node: Node) -> int:
    """How many values a node stands for, with every alias as what it stands for."""
    if isinstance(node, ScalarNode):
        return 1
    if isinstance(node, SequenceNode):
        return 1 + sum(map(size_of, node.items))
    return 1 + sum(1 + size_of(value) for _, value in node.entries.values())


def find(root: Node, location: Location) -> Node:
    """The node at a location, or the nearest one above it that exists.

    Steps that the file does not have are passed over: validation names the branch of a union.
    """
    node = root
    for step in location:
        if isinstance(node, MappingNode) and step in node.entries:
            node = node.entries[str(step)][1]
        elif isinstance(node, SequenceNode) and isinstance(step, int) and step < len(node.items):
            node = node.items[step]
    return node


def find_key(root: Node, location: Location) -> Span:
    """Where the last key of a location is written; the item itself in a list."""
    parent = find(root, location[:-1])
    if location and isinstance(parent, MappingNode) and location[-1] in parent.entries:
        return parent.entries[str(location[-1])][0].span
    return find(root, location).span


def whole(root: Node, location: Location) -> Span:
    """Where to point when a whole value is meant: at its key, if it has one."""
    node = find(root, location)
    if location and isinstance(location[-1], str):
        return find_key(root, location)
    if isinstance(node, MappingNode) and not location and node.entries:
        return next(iter(node.entries.values()))[0].span
    return node.span


def texts(value: Any, location: Location = ()) -> Iterator[tuple[Location, str]]:
    """All texts in a plain value, each with its location."""
    if isinstance(value, str):
        yield location, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from texts(item, (*location, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from texts(item, (*location, index))
