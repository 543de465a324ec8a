"""Conditions on events of a trace: `kind == vendor.rejected and host == apns`.

The language is that of scenario files (`expressions.py`). What stands to the right of a
comparison is a value, and needs no quotes; a word anywhere else names a field of the event:

    status >= 500      kind == push.retry and delay > 10      duplicate      not new

A comparison with a field that an event does not have, or that is empty there, is false.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from scenarios.engine.format.expression_syntax import (
    ExpressionError,
    Literal,
    Lookup,
    Name,
    Node,
    Operation,
    parse,
)
from scenarios.engine.format.expressions import Expression, Scope

_COMPARISONS: Final = frozenset({"==", "!=", "<", "<=", ">", ">="})
_LOGIC: Final = frozenset({"and", "or", "not"})


class EventCondition:
    """A parsed condition. Raises ExpressionError when the text is none."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._root = self._read(parse(text), a_value=False)

    def fields(self) -> list[str]:
        """The fields that it names, each once."""
        return list(dict.fromkeys(_fields(self._root)))

    def holds(self, event: Mapping[str, Any]) -> bool:
        """Whether it is true of an event. Raises ExpressionError (types, division by zero)."""
        return self._holds(self._root, event)

    def _read(self, node: Node, *, a_value: bool) -> Node:
        """The tree with fields for words, and texts for values."""
        if isinstance(node, Operation):
            left, *others = (
                self._read(each, a_value=a_value or (place == 1 and node.operator in _COMPARISONS))
                for place, each in enumerate(node.operands)
            )
            return replace(node, operands=(left, *others))
        word = self.text[node.start : node.end]
        if isinstance(node, Lookup):
            if node.name.kind == "reference":
                message = "events have fields and no references"
                raise ExpressionError(message, node.start, node.end, f"write {word[1:]}")
            if not a_value:
                hint = "a value with a dot stands to the right: kind == push.accepted"
                raise ExpressionError(f"no field is named {word}", node.start, node.end, hint)
            return Literal(node.start, node.end, word)
        assert isinstance(node, Literal)
        if a_value or not isinstance(node.value, str) or word[0] in "'\"":
            return node
        name = Name("observation", (word,), node.start, node.end)
        return Lookup(node.start, node.end, name)

    def _holds(self, node: Node, event: Mapping[str, Any]) -> bool:
        if isinstance(node, Operation) and node.operator in _LOGIC:
            if node.operator == "not":
                return not self._holds(node.operands[0], event)
            left, right = node.operands
            if self._holds(left, event) is (node.operator == "or"):
                return node.operator == "or"
            return self._holds(right, event)
        if any(event.get(name) is None for name in _fields(node)):
            return False
        return Expression(self.text, node).holds(_Fields(event))


class _Fields(Scope):
    def __init__(self, event: Mapping[str, Any]) -> None:
        self._event = event

    def reference(self, path: tuple[str, ...]) -> Any:
        raise LookupError("events have no references")

    def observation(self, path: tuple[str, ...]) -> Any:
        return self._event[path[0]]


def _fields(node: Node) -> Iterator[str]:
    if isinstance(node, Lookup):
        yield node.name.path[0]
    elif isinstance(node, Operation):
        for operand in node.operands:
            yield from _fields(operand)
