"""References are found, replaced with their type, and escaped."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.engine.format.references import (
    StrayDollar,
    has_reference,
    references,
    resolve,
    substitute,
    whole_reference,
)

KNOWN: dict[tuple[str, ...], Any] = {
    ("token",): "ab$12",
    ("msg", "id"): 7,
    ("matrix", "on"): True,
    ("nothing",): None,
}


def look_up(path: tuple[str, ...]) -> Any:
    try:
        return KNOWN[path]
    except KeyError:
        raise LookupError(f"nothing is called {'.'.join(path)}") from None


@pytest.mark.parametrize(
    ("value", "resolved"),
    [
        ("$token", "ab$12"),
        ("$msg.id", 7),
        ("${msg.id}", 7),
        ("message $msg.id.", "message 7."),
        ("the ${msg.id}th", "the 7th"),
        ("$matrix.on/$nothing", "true/null"),
        ("$$5 and $$", "$5 and $"),
        ("$$token", "$token"),
        ({"a": ["$token", {"b": "$msg.id"}], "c": 3}, {"a": ["ab$12", {"b": 7}], "c": 3}),
        (None, None),
    ],
)
def test_references_are_replaced_at_any_depth(value: Any, resolved: Any) -> None:
    assert resolve(value, look_up) == resolved


def test_an_unknown_reference_is_the_lookups_error() -> None:
    with pytest.raises(LookupError, match="nothing is called tokn"):
        resolve({"a": "x $tokn"}, look_up)


def test_only_references_below_one_name_are_substituted() -> None:
    assert substitute("$matrix.on and $token and $$", "matrix", look_up) == "true and $token and $$"
    assert substitute("$matrix.off", "matrix", look_up) == "$matrix.off"
    assert substitute("$matrix.on", "matrix", look_up) is True
    assert substitute("$token", "token", look_up) == "ab$$12"  # resolving gives it back


def test_references_know_where_they_stand() -> None:
    assert [(r.path, r.start, r.end) for r in references("a $b.c ${d}e $$f")] == [
        (("b", "c"), 2, 6),
        (("d",), 7, 11),
    ]


@pytest.mark.parametrize("text", ["5$", "$ 5", "$5", "${", "${a", "${}", "$$$"])
def test_a_stray_dollar_sign_is_a_mistake(text: str) -> None:
    with pytest.raises(StrayDollar):
        list(references(text))


def test_whole_references_are_told_from_texts() -> None:
    assert whole_reference("$result.id") == ("result", "id")
    assert whole_reference("$$result") is None
    assert whole_reference("$a$b") is None
    assert has_reference("x$a")
    assert not has_reference("$$a")
    assert not has_reference(5)


@given(st.text())
def test_a_text_with_its_dollar_signs_doubled_is_the_text(text: str) -> None:
    escaped = text.replace("$", "$$")
    assert list(references(escaped)) == []
    assert resolve(escaped, look_up) == text
    assert resolve(substitute("$x.y", "x", lambda path: text), look_up) == text
