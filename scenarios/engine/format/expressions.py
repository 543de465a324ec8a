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

from collections.abc import Iterator
from typing import Any, Protocol

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from scenarios.engine.format.expression_syntax import (
    ExpressionError,
    Literal,
    Lookup,
    Name,
    Node,
    Operation,
    Value,
    parse,
)


class Scope(Protocol):
    """Where an expression finds its values. Both raise LookupError with a message for people."""

    def reference(self, path: tuple[str, ...]) -> Any:
        """The value of `$a.b` for the path ("a", "b")."""

    def observation(self, path: tuple[str, ...]) -> Any:
        """The value of `a.b` for the path ("a", "b")."""


class Expression:
    """A parsed expression.

    >>> Expression.parse("1 + 2 == 3").names()
    ()

    Raises ExpressionError when the text is not an expression.
    """

    __slots__ = ("_root", "text")

    def __init__(self, text: str, root: Node) -> None:
        self.text = text
        self._root = root

    @classmethod
    def parse(cls, text: str) -> "Expression":
        return cls(text, parse(text))

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
            context = {"message": "expected a condition", "help": "such as fates.lost == 0"}
            raise PydanticCustomError("expression", "{message}", context)
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


def _names(node: Node) -> Iterator[Name]:
    pending = [node]
    while pending:
        at = pending.pop()
        if isinstance(at, Lookup):
            yield at.name
        elif isinstance(at, Operation):
            pending.extend(reversed(at.operands))


def _evaluate(node: Node, scope: Scope) -> Value:
    if isinstance(node, Literal):
        return node.value
    if isinstance(node, Lookup):
        return _look_up(node, scope)
    assert isinstance(node, Operation)
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


def _look_up(node: Lookup, scope: Scope) -> Value:
    find = scope.reference if node.name.kind == "reference" else scope.observation
    try:
        value = find(node.name.path)
    except LookupError as error:
        raise ExpressionError(str(error.args[0]), node.start, node.end) from None
    if not isinstance(value, bool | int | float | str):
        raise ExpressionError("this is not a single value", node.start, node.end)
    return value


def _truth(value: Value, node: Node) -> bool:
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


def _ordered(node: Operation, values: list[Value]) -> bool:
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


def _calculate(node: Operation, values: list[Value]) -> int | float:
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
