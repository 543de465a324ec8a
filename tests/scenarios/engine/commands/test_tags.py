"""Tag expressions choose by the words of logic, and a wrong one says what is missing."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.engine.commands.tags import TagError, parse_tags


@pytest.mark.parametrize(
    ("text", "tags", "chosen"),
    [
        ("smoke", {"smoke", "flow"}, True),
        ("smoke", {"flow"}, False),
        ("ten-step", {"ten-step"}, True),
        ("smoke and not slow", {"smoke"}, True),
        ("smoke and not slow", {"smoke", "slow"}, False),
        ("a or b and c", {"a"}, True),
        ("(a or b) and c", {"a"}, False),
        ("not not a", {"a"}, True),
        ("not(a or b)", set(), True),
        ("android", {"android"}, True),  # begins with a word of logic
    ],
)
def test_tags_choose(text: str, tags: set[str], chosen: bool) -> None:
    assert parse_tags(text)(tags) is chosen


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a tag is missing before the end"),
        ("a and", "a tag is missing before the end"),
        ("or a", "a tag is missing before 'or'"),
        ("a b", "unexpected 'b': join tags with 'and' or 'or'"),
        ("(a", "a ')' is missing"),
        ("a)", "unexpected ')': join tags with 'and' or 'or'"),
        ("a, b", "', b' is not a tag: tags have lowercase letters, digits, _, -"),
        ("Smoke", "'Smoke' is not a tag: tags have lowercase letters, digits, _, -"),
        ("not " * 100 + "a", "nested more than 50 deep"),
    ],
)
def test_a_wrong_expression_says_what_is_wrong(text: str, message: str) -> None:
    with pytest.raises(TagError) as caught:
        parse_tags(text)
    assert str(caught.value) == message


@given(st.lists(st.sampled_from(["a", "b", "and", "or", "not", "(", ")", "&"]), max_size=12))
def test_any_words_are_an_expression_or_refused(words: list[str]) -> None:
    with contextlib.suppress(TagError):
        parse_tags(" ".join(words))({"a"})
