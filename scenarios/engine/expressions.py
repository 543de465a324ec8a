"""Conditions in scenario files: `when: $matrix.recovery == none and $matrix.position < 99`.

A small language with its own recursive-descent parser; nothing is ever handed to Python's `eval`.

    comparison   == != < <= > >=        logic       and, or, not
    arithmetic   + - * /                grouping    ( )
    reference    $matrix.position, $token          observation  fates.lost, gateway.resent
    literal      3, 0.5, true, false, 'two words', replay

A word without quotes and without a dot is a text, so that matrix values read as they are written;
a word with a dot is an observation: a figure that the run measures. Numbers and texts are never
equal and cannot be ordered against each other.

Not here: function calls, indexing, powers, chained comparisons (`1 < x < 3`).
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Protocol

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

Value = bool | int | float | str

MAX_LENGTH: Final = 500  # characters; a condition longer than this is a program
MAX_DEPTH: Final = 40  # nested parentheses, `not` and minus signs

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


class Scope(Protocol):
    """Where an expression finds its values. Both raise LookupError with a message for people."""

    def reference(self, path: tuple[str, ...]) -> Any:
        """The value of `$a.b` for the path ("a", "b")."""

    def observation(self, path: tuple[str, ...]) -> Any:
        """The value of `a.b` for the path ("a", "b")."""


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
class _Node:
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Literal(_Node):
    value: Value


@dataclass(frozen=True, slots=True)
class _Lookup(_Node):
    name: Name


@dataclass(frozen=True, slots=True)
class _Operation(_Node):
    operator: str
    operands: tuple[_Node, ...]


class Expression:
    """A parsed expression.

    >>> Expression.parse("1 + 2 == 3").names()
    ()

    Raises ExpressionError when the text is not an expression.
    """

    __slots__ = ("_root", "text")

    def __init__(self, text: str, root: _Node) -> None:
        self.text = text
        self._root = root

    @classmethod
    def parse(cls, text: str) -> "Expression":
        return cls(text, _Parser(text).parse())

    def names(self) -> tuple[Name, ...]:
        """All references and observations, in the order of the text."""
        return tuple(_names(self._root))

    def evaluate(self, scope: Scope) -> Value:
        """The value in a scope. Raises ExpressionError (types, division by zero, unknown name)."""
        return _evaluate(self._root, scope)

    def holds(self, scope: Scope) -> bool:
        """The value as a condition. Raises ExpressionError if it is neither true nor false."""
        return _truth(self.evaluate(scope), self._root)

    def __repr__(self) -> str:
        return f"<Expression {self.text}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Expression) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)

    @classmethod
    def _from_value(cls, value: object) -> "Expression":
        if isinstance(value, Expression):
            return value
        if isinstance(value, bool):
            return cls.parse(str(value).lower())
        if not isinstance(value, str):
            raise PydanticCustomError(
                "expression", "expected a condition", {"help": "write for example fates.lost == 0"}
            )
        try:
            return cls.parse(value)
        except ExpressionError as error:
            raise PydanticCustomError(
                "expression",
                "{message}",
                {
                    "message": str(error),
                    "start": error.start,
                    "end": error.end,
                    "help": error.help,
                },
            ) from None

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls._from_value,
            serialization=core_schema.plain_serializer_function_ser_schema(lambda e: e.text),
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"anyOf": [{"type": "string", "minLength": 1}, {"type": "boolean"}]}


class _Parser:
    """Recursive descent over the tokens; one method a level of precedence, lowest first."""

    def __init__(self, text: str) -> None:
        if len(text) > MAX_LENGTH:
            raise ExpressionError(
                f"the condition has {len(text)} characters, more than {MAX_LENGTH}", 0, len(text)
            )
        self._tokens = list(_tokenize(text))
        self._at = 0
        self._depth = 0

    def parse(self) -> _Node:
        node = self._or()
        token = self._tokens[self._at]
        if token.kind != "end":
            raise _unexpected(token)
        return node

    def _or(self) -> _Node:
        return self._chain(("or",), self._and)

    def _and(self) -> _Node:
        return self._chain(("and",), self._not)

    def _not(self) -> _Node:
        token = self._tokens[self._at]
        if token.text != "not" or token.kind != "word":
            return self._comparison()
        self._at += 1
        operand = self._nested(token, self._not)
        return _Operation(token.start, operand.end, "not", (operand,))

    def _comparison(self) -> _Node:
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
        return _Operation(left.start, right.end, operator.text, (left, right))

    def _sum(self) -> _Node:
        return self._chain(("+", "-"), self._product)

    def _product(self) -> _Node:
        return self._chain(("*", "/"), self._sign)

    def _sign(self) -> _Node:
        minus = self._take(("-",))
        if minus is None:
            return self._primary()
        operand = self._nested(minus, self._sign)
        return _Operation(minus.start, operand.end, "negate", (operand,))

    def _primary(self) -> _Node:
        token = self._tokens[self._at]
        self._at += 1
        where = token.start, token.end
        if token.kind == "number":
            return _Literal(*where, float(token.text) if "." in token.text else int(token.text))
        if token.kind == "text":
            return _Literal(*where, token.text[1:-1])
        if token.kind == "reference":
            path = tuple(token.text[1:].split("."))
            return _Lookup(*where, Name("reference", path, *where))
        if token.kind == "word" and token.text not in ("and", "or", "not"):
            if "." in token.text:
                name = Name("observation", tuple(token.text.split(".")), *where)
                return _Lookup(*where, name)
            return _Literal(*where, {"true": True, "false": False}.get(token.text, token.text))
        if token.kind == "symbol" and token.text == "(":
            node = self._nested(token, self._or)
            if self._take((")",)) is None:
                raise ExpressionError("this parenthesis is not closed", *where, "add a ')'")
            return node
        raise _unexpected(token)

    def _chain(self, operators: tuple[str, ...], operand: Callable[[], _Node]) -> _Node:
        node = operand()
        while (token := self._take(operators)) is not None:
            right = operand()
            node = _Operation(node.start, right.end, token.text, (node, right))
        return node

    def _take(self, texts: tuple[str, ...]) -> _Token | None:
        token = self._tokens[self._at]
        if token.kind in ("symbol", "word") and token.text in texts:
            self._at += 1
            return token
        return None

    def _nested(self, token: _Token, parse: Callable[[], _Node]) -> _Node:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise ExpressionError(
                f"nested more than {MAX_DEPTH} deep", token.start, token.end, "simplify it"
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
    help = "put a text of several words in quotes" if token.kind == "word" else ""
    return ExpressionError(f"unexpected '{token.text}'", token.start, token.end, help)


def _names(node: _Node) -> Iterator[Name]:
    pending = [node]
    while pending:
        at = pending.pop()
        if isinstance(at, _Lookup):
            yield at.name
        elif isinstance(at, _Operation):
            pending.extend(reversed(at.operands))


def _evaluate(node: _Node, scope: Scope) -> Value:
    if isinstance(node, _Literal):
        return node.value
    if isinstance(node, _Lookup):
        return _look_up(node, scope)
    assert isinstance(node, _Operation)
    if node.operator in ("and", "or"):
        left = _truth(_evaluate(node.operands[0], scope), node.operands[0])
        if left is (node.operator == "or"):
            return left
        return _truth(_evaluate(node.operands[1], scope), node.operands[1])
    values = [_evaluate(operand, scope) for operand in node.operands]
    if node.operator == "not":
        return not _truth(values[0], node.operands[0])
    if node.operator in ("==", "!="):
        return _equal(*values) is (node.operator == "==")
    if node.operator in ("<", "<=", ">", ">="):
        return _ordered(node, values)
    return _calculate(node, values)


def _look_up(node: _Lookup, scope: Scope) -> Value:
    find = scope.reference if node.name.kind == "reference" else scope.observation
    try:
        value = find(node.name.path)
    except LookupError as error:
        raise ExpressionError(str(error.args[0]), node.start, node.end) from None
    if not isinstance(value, bool | int | float | str):
        raise ExpressionError("this is not a single value", node.start, node.end)
    return value


def _truth(value: Value, node: _Node) -> bool:
    if isinstance(value, bool):
        return value
    raise ExpressionError(
        "a condition must be true or false", node.start, node.end, "compare it with something"
    )


def _is_number(value: Value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _equal(left: Value, right: Value) -> bool:
    if _is_number(left) and _is_number(right):
        return left == right
    return type(left) is type(right) and left == right


def _ordered(node: _Operation, values: list[Value]) -> bool:
    left, right = values
    less: bool
    if not all(map(_is_number, values)) and not all(isinstance(v, str) for v in values):
        raise ExpressionError(
            f"'{node.operator}' needs two numbers or two texts", node.start, node.end
        )
    less = left < right  # type: ignore[operator]  # checked just above
    return {
        "<": less,
        ">": not less and left != right,
        "<=": less or left == right,
        ">=": not less,
    }[node.operator]


def _calculate(node: _Operation, values: list[Value]) -> int | float:
    for value, operand in zip(values, node.operands, strict=True):
        if not _is_number(value):
            raise ExpressionError("arithmetic needs numbers", operand.start, operand.end)
    numbers: list[Any] = values
    try:
        match node.operator:
            case "+":
                result = numbers[0] + numbers[1]
            case "-":
                result = numbers[0] - numbers[1]
            case "*":
                result = numbers[0] * numbers[1]
            case "/":
                result = numbers[0] / numbers[1]
            case _:
                result = -numbers[0]
    except ZeroDivisionError:
        raise ExpressionError("division by zero", node.start, node.end) from None
    except OverflowError:
        raise ExpressionError("the result is too large", node.start, node.end) from None
    assert isinstance(result, int | float)
    return result
