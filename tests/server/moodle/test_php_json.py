"""JSON in PHP's spelling."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.moodle import php_json


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a/b", r'"a\/b"'),
        ("é", r'"\u00e9"'),
        ("😀", r'"\ud83d\ude00"'),
        ('"\\\b\f\n\r\t\x01', r'"\"\\\b\f\n\r\t\u0001"'),
        ("\x7f", '"\x7f"'),
        ("\\u007f\x7f", '"\\\\u007f\x7f"'),
        ({"user": 3, "id": 2}, '{"user":3,"id":2}'),
        (None, "null"),
        ([True, 1, "x"], '[true,1,"x"]'),
    ],
)
def test_values_are_written_as_json_encode_does(value, expected):
    assert php_json.encode(value) == expected


@given(st.text(st.characters(codec="utf-8")))
def test_it_is_json_and_its_length_is_known(text):
    encoded = php_json.encode(text)
    assert json.loads(encoded, strict=False) == text
    assert php_json.encoded_length(text.encode()) == len(encoded)


def test_what_is_not_utf_8_has_no_length():
    assert php_json.encoded_length(b"abc\xc3") == 0
