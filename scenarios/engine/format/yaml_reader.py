"""Reads the YAML of a scenario file into nodes, collecting every mistake it can go on after.

A small part of YAML: one document; keys are texts and stand once in a mapping; anchors and aliases
may be used, tags and merge keys may not. A syntax error ends the reading, all else does not.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

from ruamel.yaml import YAML, events
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.reader import ReaderError

from scenarios.engine.format.diagnostics import Diagnostic, Span, did_you_mean
from scenarios.engine.format.limits import MAX_DEPTH, MAX_VALUES
from scenarios.engine.format.nodes import MappingNode, Node, ScalarNode, SequenceNode, read_plain

# What the YAML library says, and what it usually means.
_HINTS: Final = {
    "mapping values are not allowed": "put a text that contains ': ' in quotes",
    "cannot start any token": "indent with blanks, and put a text that starts with @, ` or % in"
    " quotes",
    "expected ',' or '}'": "is a ',' or the closing '}' missing?",
    "expected ',' or ']'": "is a ',' or the closing ']' missing?",
    "could not find expected ':'": "each key is followed by ': ' and its value",
    "while scanning a quoted scalar": "is the closing quote missing?",
    "expected <block end>": "lines of one mapping or list must be indented alike",
}

_NO_CHARACTER: Final = re.compile(r"\\U(?!0010|000)[0-9A-Fa-f]{8}")
_NOT_TEXT: Final = re.compile("[\0\ud800-\udfff]")
"""What escapes can write and nothing can take: half a surrogate pair has no bytes in UTF-8, and NUL
ends a text in databases and in PHP."""


class _Stop(Exception):
    """Reading cannot go on; the reason is the last diagnostic."""


class YamlReader:
    """Reads one text. After `read`, `diagnostics` holds what is wrong with it."""

    def __init__(self, text: str) -> None:
        self.diagnostics: list[Diagnostic] = []
        self._text = text
        self._anchors: dict[str, tuple[Node, int]] = {}
        self._open_anchors: list[str] = []

    def read(self) -> Node | None:
        """The root node, or None if there is none or the text is not YAML."""
        try:
            return self._document(self._events())
        except _Stop:
            return None

    def _events(self) -> Iterator[Any]:
        try:
            yield from YAML(typ="safe", pure=True).parse(self._text)
        except ReaderError as error:
            self._stop(
                "bad-character",
                "a control character, which YAML does not allow",
                Span(error.position, error.position + 1),
                "remove it",
            )
        except MarkedYAMLError as error:
            self._syntax_error(error)
        except ValueError:  # the library's, for an escape that it takes and Python does not
            match = _NO_CHARACTER.search(self._text)
            span = Span(*match.span()) if match else Span(0, 1)
            self._stop("bad-character", "this escape stands for no character", span, "remove it")
        except YAMLError as error:  # the library's other errors have no position
            self._stop("yaml", str(error).splitlines()[0], Span(0, 1))

    def _syntax_error(self, error: MarkedYAMLError) -> None:
        mark, context = error.problem_mark or error.context_mark, error.context_mark
        problem = error.problem or error.context or "this is not YAML"
        said = f"{error.context} {problem}"
        hint = next((text for part, text in _HINTS.items() if part in said), "")
        note = ""
        if context is not None and mark is not None and context.index < mark.index:
            note = f"in what starts at line {context.line + 1}, column {context.column + 1}"
            if "end of stream" in problem:  # the start is what has to be looked at
                mark, note = context, "it goes on to the end of the file"
        at = min(mark.index, max(0, len(self._text) - 1)) if mark else 0
        span = Span(at, at + 1)
        self.diagnostics.append(Diagnostic("yaml", " ".join(problem.split()), span, hint, note))
        raise _Stop

    def _document(self, stream: Iterator[Any]) -> Node | None:
        root = None
        for event in stream:
            if isinstance(event, events.DocumentStartEvent):
                if root is not None:
                    self._stop(
                        "several-documents",
                        "a second document starts here",
                        _span(event),
                        "write one scenario a file",
                    )
                root, _ = self._node(next(stream), stream, 0)
        return root

    def _node(self, event: Any, stream: Iterator[Any], depth: int) -> tuple[Node, int]:
        """The node that starts with an event, and how many nodes it stands for."""
        if isinstance(event, events.AliasEvent):
            return self._alias(event)
        if depth > MAX_DEPTH:
            self._stop("too-deep", f"nested more than {MAX_DEPTH} deep", _span(event))
        if event.tag is not None:
            self._report(
                "tag",
                "tags are not used in scenario files",
                _span(event),
                "remove the tag; quotes make a text of anything",
            )
        if event.anchor is not None:
            self._open_anchors.append(event.anchor)
        node: Node
        if isinstance(event, events.ScalarEvent):
            node, count = self._scalar(event), 1
        elif isinstance(event, events.SequenceStartEvent):
            node, count = self._sequence(event, stream, depth)
        else:
            node, count = self._mapping(event, stream, depth)
        if count > MAX_VALUES:
            self._stop("too-large", f"more than {MAX_VALUES} values", _span(event))
        if event.anchor is not None:
            self._open_anchors.pop()
            self._anchors[event.anchor] = node, count
        return node, count

    def _alias(self, event: Any) -> tuple[Node, int]:
        if event.anchor in self._open_anchors:
            self._stop("alias", f"'*{event.anchor}' contains itself", _span(event))
        known = self._anchors.get(event.anchor)
        if known is None:
            self._report(
                "alias",
                f"there is no anchor '&{event.anchor}' above",
                _span(event),
                did_you_mean(event.anchor, self._anchors),
            )
            return ScalarNode(None, _span(event)), 1
        return known

    def _scalar(self, event: Any) -> ScalarNode:
        span, value = _span(event), event.value
        if event.style is None:
            end = span.end
            try:
                value = read_plain(event.value)
            except ValueError as error:
                self._report("number", str(error), span, "put it in quotes if it is a text")
        else:
            end = span.end - 1
        if (bad := _NOT_TEXT.search(event.value)) is not None:
            self._report(
                "bad-character",
                f"the character U+{ord(bad[0]):04X}, which no text can have",
                span,
                "remove it; characters beyond U+FFFF are written as they are, or as \\UXXXXXXXX",
            )
            value = ""
        content = end - len(event.value)
        if content < 0 or self._text[content:end] != event.value:
            return ScalarNode(value, span)
        return ScalarNode(value, Span(content, end) if event.style is None else span, content)

    def _sequence(self, start: Any, stream: Iterator[Any], depth: int) -> tuple[Node, int]:
        node, count = SequenceNode(_span(start)), 1
        for event in stream:
            if isinstance(event, events.SequenceEndEvent):
                node.span = _whole(start, event)
                break
            item, size = self._node(event, stream, depth + 1)
            node.items.append(item)
            count += size
        return node, count

    def _mapping(self, start: Any, stream: Iterator[Any], depth: int) -> tuple[Node, int]:
        node, count = MappingNode(_span(start)), 1
        for event in stream:
            if isinstance(event, events.MappingEndEvent):
                node.span = _whole(start, event)
                break
            key, _ = self._node(event, stream, depth + 1)
            value, size = self._node(next(stream), stream, depth + 1)
            count += size + 1
            self._entry(node, event, key, value)
        return node, count

    def _entry(self, node: MappingNode, event: Any, key: Node, value: Node) -> None:
        if not isinstance(key, ScalarNode) or key.value is None:
            self._report("bad-key", "a key must be a text", key.span)
            return
        # A key is what is written: `1: x` has the key "1".
        text = event.value if isinstance(event, events.ScalarEvent) else str(key.value)
        if text == "<<":
            self._report(
                "merge-key",
                "merge keys are not part of YAML 1.2",
                key.span,
                "write the keys out, or use an alias for a whole value",
            )
        elif text in node.entries:
            first = self._text.count("\n", 0, node.entries[text][0].span.start) + 1
            self._report(
                "duplicate-key",
                f"the key '{text}' is there twice",
                key.span,
                f"line {first} has it first; keep one of the two",
            )
        else:
            node.entries[text] = key, value

    def _report(self, code: str, message: str, span: Span, help: str = "") -> None:
        self.diagnostics.append(Diagnostic(code, message, span, help))

    def _stop(self, code: str, message: str, span: Span, help: str = "") -> None:
        self._report(code, message, span, help)
        raise _Stop


def _span(event: Any) -> Span:
    return Span(event.start_mark.index, max(event.end_mark.index, event.start_mark.index + 1))


def _whole(start: Any, end: Any) -> Span:
    """From brace to brace; of an indented collection only its first character."""
    return Span(start.start_mark.index, end.end_mark.index) if start.flow_style else _span(start)
