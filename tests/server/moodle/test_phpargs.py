"""Arguments are read as PHP reads them."""

from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.moodle.phpargs import MAX_INPUT_VARS, MAX_NESTING, PhpArray, parse


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("a=1&b=2", {"a": "1", "b": "2"}),
        ("a", {"a": ""}),
        ("a=b=c", {"a": "b=c"}),
        ("&&a=1&", {"a": "1"}),
        ("=1", {}),
        ("a=1&a=2", {"a": "2"}),
        ("a=x+y%20z%2B", {"a": "x y z+"}),
        ("a=%zz%4", {"a": "%zz%4"}),
        ("a=%C3%A9", {"a": "é"}),
        # names
        ("a.b=1&c d=2&+e=3", {"a_b": "1", "c_d": "2", "e": "3"}),
        ("a%00b=1", {"a": "1"}),
        ("a[b.c]=1", {"a": {"b.c": "1"}}),
        ("a.b[c]=1", {"a_b": {"c": "1"}}),
        # arrays
        ("a[]=x&a[]=y", {"a": {"0": "x", "1": "y"}}),
        ("a%5B%5D=x", {"a": {"0": "x"}}),
        ("a[ ]=x", {"a": {"0": "x"}}),
        ("a[ b]=x", {"a": {" b": "x"}}),
        ("a[5]=x&a[]=y", {"a": {"5": "x", "6": "y"}}),
        ("a[-5]=x&a[]=y", {"a": {"-5": "x", "0": "y"}}),
        ("a[05]=x&a[]=y", {"a": {"05": "x", "0": "y"}}),
        ("a[b][c]=1&a[b][d]=2&a[e]=3", {"a": {"b": {"c": "1", "d": "2"}, "e": "3"}}),
        ("m[0][t]=1&m[0][u]=2&m[][t]=3", {"m": {"0": {"t": "1", "u": "2"}, "1": {"t": "3"}}}),
        ("m[][t]=1&m[][u]=2", {"m": {"0": {"t": "1"}, "1": {"u": "2"}}}),
        # overwriting
        ("a=1&a[b]=2", {"a": {"b": "2"}}),
        ("a[b]=1&a=2", {"a": "2"}),
        ("a[b]=1&a[b][c]=2", {"a": {"b": {"c": "2"}}}),
        # brackets that go nowhere
        ("a[b=1", {"a_b": "1"}),
        ("a[b.c=1", {"a_b.c": "1"}),
        ("a[b][c=1", {"a": {"b": "1"}}),
        ("a[b]c=1", {"a": {"b": "1"}}),
        ("a[b]c[d]=1", {"a": {"b": "1"}}),
        ("a]b=1", {"a]b": "1"}),
        ("[a]=1", {}),
    ],
)
def test_names_and_values_become_what_php_makes_of_them(text, expected):
    assert parse(text) == expected


def test_bytes_that_are_not_utf_8_stay_recognisable():
    assert parse("a=%C3")["a"] == "\udcc3"


def test_appending_after_the_largest_integer_does_nothing():
    assert parse(f"a[{2**63 - 1}]=x&a[]=y") == {"a": {str(2**63 - 1): "x"}}


def test_variables_beyond_the_limit_are_dropped():
    text = "&".join(f"a{number}=1" for number in range(MAX_INPUT_VARS + 1))

    result = parse(text)

    assert len(result) == MAX_INPUT_VARS
    assert list(result)[-1] == f"a{MAX_INPUT_VARS - 1}"


def test_a_variable_with_too_many_brackets_is_dropped_alone():
    deep = "a" + "[b]" * MAX_NESTING
    assert set(parse(f"{deep}=1&{deep.replace('a', 'c', 1)}[b]=2&d=3")) == {"a", "d"}


NAMES = st.text(st.characters(codec="utf-8", exclude_characters="[]=&\0. "), min_size=1).filter(
    lambda name: name == name.strip()
)
VALUES = st.text(st.characters(codec="utf-8"))
TREES = st.recursive(
    VALUES, lambda inner: st.dictionaries(NAMES, inner, min_size=1, max_size=3), max_leaves=8
)


def flatten(name, tree):
    if isinstance(tree, str):
        yield f"{quote_plus(name)}={quote_plus(tree)}"
        return
    for key, value in tree.items():
        yield from flatten(f"{name}[{key}]", value)


@given(st.dictionaries(NAMES, TREES, max_size=4))
def test_what_http_build_query_writes_is_read_back(tree):
    text = "&".join(part for name, value in tree.items() for part in flatten(name, value))
    assert parse(text) == tree


@given(st.text() | st.text("a[]=&%.+ 0\0", max_size=40))
def test_any_text_gives_an_array_of_arrays_and_texts(text):
    def check(value):
        if isinstance(value, PhpArray):
            for key, item in value.items():
                assert isinstance(key, str)
                check(item)
        else:
            assert isinstance(value, str)

    check(parse(text))


def test_bytes_that_are_no_text_are_kept_beside_escapes():
    assert parse("a=\udcff%41%fe") == {"a": "\udcffA\udcfe"}
