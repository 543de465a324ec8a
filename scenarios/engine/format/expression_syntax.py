"""The grammar of conditions: from a text to a tree. `expressions.py` says what it means.

condition   := and ("or" and)*                 and      := not ("and" not)*
not         := "not" not | comparison          comparison := sum [("==" | "<" | ...) sum]
sum         := product (("+" | "-") product)*  product  := sign (("*" | "/") sign)*
sign        := "-" sign | primary
primary     := number | text | word | reference | "(" condition ")"
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from scenarios.engine.format.limits import MAX_CONDITION, MAX_CONDITION_DEPTH

Value = bool | int | float | str

_TOKEN: Final = re.compile(
    r"""\s*(?:
      (?P<number>[0-9]+(?:\.[0-9]+)?)
    | (?P<reference>\$[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z0-9_]+)*)
    | (?P<word>[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z0-9_]+)*)
    | (?P<text>'[^']*'|"[^"]*")
    | (?P<symbol>==|!=|<=|>=|[-+*/()<>])
    )""",
    re.VERBOSE | re.ASCII,
)
_HABITS: Final = {"=": "==", "&": "and", "|": "or", "!": "not", "^": "and", "%": "/", "`": "'"}
_COMPARISONS: Final = ("==", "!=", "<", "<=", ">", ">=")


class ExpressionError(ValueError):
    """A condition that cannot be read or worked out; `start` and `end` are offsets in its text."""

    def __init__(self, message: str, start: int, end: int, help: str = "") -> None:
        super().__init__(message)
        self.start, self.end, self.help = start, end, help


class Name(NamedTuple):
    """A reference or an observation as it stands in the text."""

    kind: str  # "reference" or "observation"
    path: tuple[str, ...]
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Node:
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Literal(Node):
    value: Value


@dataclass(frozen=True, slots=True)
class Lookup(Node):
    name: Name


@dataclass(frozen=True, slots=True)
class Operation(Node):
    operator: str
    operands: tuple[Node, ...]


def parse(text: str) -> Node:
    """The tree of a condition. Raises ExpressionError."""
    return _Parser(text).parse()


class _Parser:
    """Recursive descent over the tokens; one method a level of precedence, lowest first."""

    def __init__(self, text: str) -> None:
        if len(text) > MAX_CONDITION:
            raise ExpressionError(
                f"the condition has {len(text)} characters, more than {MAX_CONDITION}", 0, len(text)
            )
        self._tokens = list(_tokenize(text))
        self._at = 0
        self._depth = 0

    def parse(self) -> Node:
        node = self._or()
        token = self._tokens[self._at]
        if token.kind != "end":
            raise _unexpected(token)
        return node

    def _or(self) -> Node:
        return self._chain(("or",), self._and)

    def _and(self) -> Node:
        return self._chain(("and",), self._not)

    def _not(self) -> Node:
        token = self._tokens[self._at]
        if token.text != "not" or token.kind != "word":
            return self._comparison()
        self._at += 1
        operand = self._nested(token, self._not)
        return Operation(token.start, operand.end, "not", (operand,))

    def _comparison(self) -> Node:
        left = self._sum()
        operator = self._take(_COMPARISONS)
        if operator is None:
            return left
        right = self._sum()
        again = self._take(_COMPARISONS)
        if again is not None:
            raise ExpressionError(
                "comparisons cannot be chained", again.start, again.end, "join two with 'and'"
            )
        return Operation(left.start, right.end, operator.text, (left, right))

    def _sum(self) -> Node:
        return self._chain(("+", "-"), self._product)

    def _product(self) -> Node:
        return self._chain(("*", "/"), self._sign)

    def _sign(self) -> Node:
        minus = self._take(("-",))
        if minus is None:
            return self._primary()
        operand = self._nested(minus, self._sign)
        return Operation(minus.start, operand.end, "negate", (operand,))

    def _primary(self) -> Node:
        token = self._tokens[self._at]
        self._at += 1
        where = token.start, token.end
        if token.kind == "number":
            return Literal(*where, float(token.text) if "." in token.text else int(token.text))
        if token.kind == "text":
            return Literal(*where, token.text[1:-1])
        if token.kind == "reference":
            path = tuple(token.text[1:].split("."))
            return Lookup(*where, Name("reference", path, *where))
        if token.kind == "word" and token.text not in ("and", "or", "not"):
            if "." in token.text:
                name = Name("observation", tuple(token.text.split(".")), *where)
                return Lookup(*where, name)
            return Literal(*where, {"true": True, "false": False}.get(token.text, token.text))
        if token.kind == "symbol" and token.text == "(":
            node = self._nested(token, self._or)
            if self._take((")",)) is None:
                raise ExpressionError("this parenthesis is not closed", *where, "add a ')'")
            return node
        raise _unexpected(token)

    def _chain(self, operators: tuple[str, ...], operand: Callable[[], Node]) -> Node:
        node = operand()
        while (token := self._take(operators)) is not None:
            right = operand()
            node = Operation(node.start, right.end, token.text, (node, right))
        return node

    def _take(self, texts: tuple[str, ...]) -> _Token | None:
        token = self._tokens[self._at]
        if token.kind in ("symbol", "word") and token.text in texts:
            self._at += 1
            return token
        return None

    def _nested(self, token: _Token, parse: Callable[[], Node]) -> Node:
        self._depth += 1
        if self._depth > MAX_CONDITION_DEPTH:
            raise ExpressionError(
                f"nested more than {MAX_CONDITION_DEPTH} deep",
                token.start,
                token.end,
                "simplify it",
            )
        node = parse()
        self._depth -= 1
        return node


def _tokenize(text: str) -> Iterator[_Token]:
    at = 0
    end = len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None:
            start = at + len(text[at:]) - len(text[at:].lstrip())
            character = text[start]
            if character in "'\"":
                raise ExpressionError("this text has no closing quote", start, end)
            habit = _HABITS.get(character)
            raise ExpressionError(
                f"'{character}' has no meaning here",
                start,
                start + 1,
                f"did you mean '{habit}'?" if habit else "",
            )
        kind = match.lastgroup
        assert kind is not None
        start, at = match.span(kind)
        if kind == "number" and at < end and (text[at].isalnum() or text[at] in "_.%"):
            raise ExpressionError(
                "a number in a condition has no unit", start, at + 1, "write the plain number"
            )
        yield _Token(kind, match[kind], start, at)
    yield _Token("end", "", end, end + 1)


def _unexpected(token: _Token) -> ExpressionError:
    if token.kind == "end":
        return ExpressionError("the condition ends too early", token.start, token.end)
    hint = "put a text of several words in quotes" if token.kind == "word" else ""
    return ExpressionError(f"unexpected '{token.text}'", token.start, token.end, hint)
