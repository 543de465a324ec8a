"""Reads the YAML of a configuration file: the core schema of YAML 1.2 (chapter 10.3), bounded.

ruamel.yaml scans and parses; this module builds values from its events. ruamel's own constructor
has no bound on depth or on what aliases repeat, reads `8_080` as a number and `2013-05-01` as a
date, and shows lines of the file, and so passwords, in its errors.

One document; keys are texts, each once in its mapping. Anchors and aliases are allowed, tags and
merge keys are not. The number of values is bounded with every alias counted as what it repeats.
"""

import re
from collections.abc import Iterator
from typing import Any

from ruamel.yaml import YAML, events
from ruamel.yaml.error import MarkedYAMLError, YAMLError

MAX_DEPTH = 30
MAX_VALUES = 100_000
_MAX_DIGITS = 30
_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", re.ASCII)
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", re.ASCII)
_WORDS = {"": None, "~": None, "null": None, "Null": None, "NULL": None} | {
    form: word == "true"
    for word in ("true", "false")
    for form in (word, word.title(), word.upper())
}


class YamlRefused(Exception):
    """The text cannot be read; the message says where and why, and repeats no value."""


def read_yaml(text: str) -> Any:
    """The document as dicts, lists and scalars; None if there is none. Raises YamlRefused."""
    try:
        return _Reader(text).read()
    except MarkedYAMLError as error:
        # Not its text, which shows the line: there may be a password in it.
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        said = ", ".join(part for part in (error.context, error.problem) if part)
        raise YamlRefused(where + said) from None
    except YAMLError:
        raise YamlRefused("it has a character that YAML does not allow") from None
    except ValueError as error:  # the library's, for escapes that stand for no character
        raise YamlRefused("an escape stands for no character") from error


class _Reader:
    def __init__(self, text: str) -> None:
        self._events: Iterator[Any] = YAML(typ="safe", pure=True).parse(text)
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._open: set[str] = set()

    def read(self) -> Any:
        document, seen = None, False
        for event in self._events:
            if isinstance(event, events.DocumentStartEvent):
                if seen:
                    raise _refused(event, "a second document starts here")
                document, _ = self._value(next(self._events), 0)
                seen = True
        return document

    def _value(self, event: Any, depth: int) -> tuple[Any, int]:
        """The value that starts with an event, and for how many it counts."""
        if isinstance(event, events.AliasEvent):
            if event.anchor not in self._anchors or event.anchor in self._open:
                raise _refused(event, "this alias has no anchor above it")
            return self._anchors[event.anchor]
        if depth > MAX_DEPTH:
            raise _refused(event, f"nested more than {MAX_DEPTH} deep")
        if event.tag is not None:
            raise _refused(event, "tags are not used here; quotes make a text of anything")
        if event.anchor is not None:
            self._open.add(event.anchor)
        if isinstance(event, events.ScalarEvent):
            found = (_plain(event) if event.style is None else event.value), 1
        elif isinstance(event, events.SequenceStartEvent):
            found = self._list(depth)
        else:
            found = self._mapping(depth)
        if found[1] > MAX_VALUES:
            raise _refused(event, f"more than {MAX_VALUES} values")
        if event.anchor is not None:
            self._open.discard(event.anchor)
            self._anchors[event.anchor] = found
        return found

    def _list(self, depth: int) -> tuple[list[Any], int]:
        items, count = [], 1
        for event in self._events:
            if isinstance(event, events.SequenceEndEvent):
                break
            item, size = self._value(event, depth + 1)
            items.append(item)
            count += size
        return items, count

    def _mapping(self, depth: int) -> tuple[dict[str, Any], int]:
        entries: dict[str, Any] = {}
        count = 1
        for event in self._events:
            if isinstance(event, events.MappingEndEvent):
                break
            if not isinstance(event, events.ScalarEvent):
                raise _refused(event, "a key must be a text")
            if event.style is None and event.value == "<<":
                raise _refused(event, "merge keys are not part of YAML 1.2: write the keys out")
            if event.value in entries:
                raise _refused(event, "a duplicate key: keep one of the two")
            entries[event.value], size = self._value(next(self._events), depth + 1)
            count += size + 1
        return entries, count


def _plain(event: Any) -> Any:
    """The value of an unquoted scalar."""
    text = event.value
    if text in _WORDS:
        return _WORDS[text]
    whole = _INT.fullmatch(text) is not None
    if not whole and not _FLOAT.fullmatch(text):
        return text
    if len(text) > _MAX_DIGITS:
        raise _refused(event, f"a number of more than {_MAX_DIGITS} characters")
    if whole:
        return int(text, 0 if text[:2] in ("0o", "0x") else 10)
    return float(text)


def _refused(event: Any, message: str) -> YamlRefused:
    mark = event.start_mark
    return YamlRefused(f"line {mark.line + 1}, column {mark.column + 1}: {message}")
