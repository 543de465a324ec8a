"""Conditions mean what they say, and a wrong one is pointed at."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.engine.format.expression_syntax import ExpressionError
from scenarios.engine.format.expressions import Expression
from scenarios.engine.format.limits import MAX_CONDITION


class Names:
    """References and observations from two dictionaries."""

    def __init__(self, references: dict[str, Any], observations: dict[str, Any]) -> None:
        self._references, self._observations = references, observations

    def reference(self, path: tuple[str, ...]) -> Any:
        return self._find(self._references, path)

    def observation(self, path: tuple[str, ...]) -> Any:
        return self._find(self._observations, path)

    def _find(self, known: dict[str, Any], path: tuple[str, ...]) -> Any:
        try:
            return known[".".join(path)]
        except KeyError:
            raise LookupError(f"nobody knows {'.'.join(path)}") from None


NAMES = Names(
    {"matrix.recovery": "none", "matrix.position": 37, "msg": "12", "everything": [1]},
    {"fates.lost": 62, "gateway.resent": 62},
)


def evaluate(text: str) -> Any:
    return Expression.parse(text).evaluate(NAMES)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("$matrix.recovery == none", True),
        ("$matrix.recovery == replay", False),
        ("$matrix.recovery == none and $matrix.position < 99", True),
        ("gateway.resent <= 99 - $matrix.position", True),
        ("fates.lost > 0", True),
        ("fates.lost == 99 - $matrix.position or false", True),
        ("not fates.lost == 0", True),
        ("not false and false", False),
        ("true or true and false", True),
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("7 - 2 - 1", 4),
        ("8 / 4 / 2", 1.0),
        ("-2 * -3", 6),
        ("- - 2", 2),
        ("1 == 1.0", True),
        ("'two words' == \"two words\"", True),
        ("abc < abd", True),
        ("replay", "replay"),
        ("12 == $msg", False),  # a text, not a number
        ("true == 1", False),
        ("no != 0", True),
        ("false and $nobody == 1", False),  # not looked at
    ],
)
def test_a_condition_has_the_value_that_it_says(text: str, value: object) -> None:
    assert evaluate(text) == value
    assert type(evaluate(text)) is type(value)


@pytest.mark.parametrize(
    ("text", "message", "part"),
    [
        ("", "the condition ends too early", ""),
        ("1 +", "the condition ends too early", ""),
        ("(1 + 2", "this parenthesis is not closed", "("),
        ("1 2", "unexpected '2'", "2"),
        ("a b == c", "unexpected 'b'", "b"),
        ("1 < 2 < 3", "comparisons cannot be chained", "<"),
        ("1 = 1", "'=' has no meaning here", "="),
        ("a && b", "'&' has no meaning here", "&"),
        ("4s < 5", "a number in a condition has no unit", "4s"),
        ("5% < 1", "a number in a condition has no unit", "5%"),
        ("'open", "this text has no closing quote", "'open"),
        ("$ == 1", "'$' has no meaning here", "$"),
        ("and", "unexpected 'and'", "and"),
        ("1 < a", "'<' needs two numbers or two texts", "1 < a"),
        ("2 * (1 + a)", "arithmetic needs numbers", "a"),
        ("true + 1", "arithmetic needs numbers", "true"),
        ("5 / (2 - 2)", "division by zero", "5 / (2 - 2"),
        ("3 and true", "a condition must be true or false", "3"),
        ("not replay", "a condition must be true or false", "replay"),
        ("$nobody == 1", "nobody knows nobody", "$nobody"),
        ("1 == $everything", "this is not a single value", "$everything"),
        ("x.y == 1", "nobody knows x.y", "x.y"),
    ],
)
def test_a_mistake_is_pointed_at(text: str, message: str, part: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        evaluate(text)
    assert str(caught.value) == message
    assert text[caught.value.start : caught.value.end] == part


def test_a_condition_must_hold_or_not() -> None:
    assert Expression.parse("1 < 2").holds(NAMES) is True
    with pytest.raises(ExpressionError, match="must be true or false"):
        Expression.parse("1 + 2").holds(NAMES)


def test_the_names_of_a_condition_come_in_the_order_of_its_text() -> None:
    names = Expression.parse("$a.b < 3 and (fates.lost == $c or not d == x.y)").names()
    assert [(name.kind, ".".join(name.path)) for name in names] == [
        ("reference", "a.b"),
        ("observation", "fates.lost"),
        ("reference", "c"),
        ("observation", "x.y"),
    ]


@pytest.mark.parametrize(
    "text", ["(" * 100 + "1" + ")" * 100, "not " * 100 + "true", "-" * 400 + "1", "1+" * 5000 + "1"]
)
def test_a_condition_that_is_a_program_is_refused(text: str) -> None:
    with pytest.raises(ExpressionError):
        Expression.parse(text)


def test_the_longest_condition_is_worked_out() -> None:
    text = "1" + "+1" * ((MAX_CONDITION - 1) // 2)
    assert evaluate(text) == 1 + (MAX_CONDITION - 1) // 2


def test_huge_numbers_are_a_mistake_not_a_crash() -> None:
    with pytest.raises(ExpressionError, match="too large"):
        evaluate("9" * 240 + " * " + "9" * 240 + " / 3")


numbers = st.integers(0, 1000).map(lambda n: (str(n), n))


def _binary(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    def build(parts: tuple[Any, str, Any]) -> tuple[str, int]:
        (left, a), operator, (right, b) = parts
        value = {"+": a + b, "-": a - b, "*": a * b}[operator]
        return f"({left} {operator} {right})", value

    return st.tuples(inner, st.sampled_from("+-*"), inner).map(build)


@given(st.recursive(numbers, _binary, max_leaves=8))
def test_arithmetic_agrees_with_arithmetic(pair: tuple[str, int]) -> None:
    text, value = pair
    assert evaluate(text) == value


tokens = st.sampled_from(
    ["1", "2.5", "a", "a.b", "$a", "$matrix.x", "'t t'", "==", "!=", "<", "<=", ">", ">=", "+",
     "-", "*", "/", "(", ")", "and", "or", "not", "true", "false", "$", "=", "%", " ", "é"]
)  # fmt: skip


@given(st.one_of(st.lists(tokens, max_size=25).map(" ".join), st.text(max_size=60)))
def test_any_text_is_a_condition_or_a_mistake_inside_it(text: str) -> None:
    mistake = None
    try:
        evaluate(text)
    except ExpressionError as error:
        mistake = error
    assert mistake is None or 0 <= mistake.start <= mistake.end <= len(text) + 1
