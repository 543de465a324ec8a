"""Texts are cut where the plugin of 2013 cut them. The vectors were made with the original."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.moodle.php_json import encoded_length
from server.moodle.truncation import allowance, truncate

PARAMS = {"user": 3, "id": 2}


def test_the_companions_of_the_vectors_leave_111_bytes():
    assert allowance(PARAMS, 77, "moodle_instantmessage", "Ann Sender") == 111


def test_slashes_and_letters_outside_ascii_in_the_name_cost_their_escapes():
    plain = allowance(PARAMS, 77, "moodle_instantmessage", "xx")
    assert allowance(PARAMS, 77, "moodle_instantmessage", "/é") == plain - 1 - 5


@pytest.mark.parametrize(
    ("text", "alert"),
    [
        ("hello", b"hello"),
        ("x" * 110, b"x" * 110),
        ("x" * 111, b"x" * 107 + b"..."),
        ("x" * 300, b"x" * 107 + b"..."),
        ("é" * 200, "é".encode() * 53 + b"\xc3" + b"..."),
        ('"' * 150, b'"' * 105 + b"..."),
        ("日本語" * 60, ("日本語" * 60).encode()[:107] + b"..."),
    ],
)
def test_the_vectors_of_the_original(text, alert):
    assert truncate(text.encode(), 111) == alert


def test_a_cut_character_prevents_the_second_cut():
    # 53 letters and a lead byte have no JSON form, so their escapes do not count; those of 54
    # letters do, and leave nothing.
    assert truncate("é".encode() * 200, 111) == "é".encode() * 53 + b"\xc3..."
    assert truncate("é".encode() * 200, 112) == b"..."


@pytest.mark.parametrize(
    ("text", "allowed", "alert"),
    [
        (b"", -10, b"..."),
        (b"0123456789", 3, b"012345..."),
        (b"0123456789", -3, b"..."),
        (b"0123456789", 4, b"..."),
    ],
)
def test_a_name_that_leaves_no_room_still_gives_an_alert(text, allowed, alert):
    assert truncate(text, allowed) == alert


@given(st.binary(max_size=300), st.integers(-300, 205))
def test_the_alert_is_the_text_or_a_beginning_of_it_with_dots(text, allowed):
    alert = truncate(text, allowed)
    if len(text) < allowed:
        assert alert == text
    else:
        assert alert.endswith(b"...")
        assert text.startswith(alert[:-3])


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126, exclude_characters='"\\/')))
def test_plain_letters_never_need_more_than_what_is_allowed(text):
    assert encoded_length(truncate(text.encode(), 111)) <= 112
