"""What is shown of an answer that was not the one hoped for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.excerpt import LONGEST, excerpt

KEY, TOKEN = "0123456789abcdef" * 2, "APA91bH" + "x" * 140


TOKEN_WITH_COLONS = "AbCdEfGh:xY_z-qRs:" * 6 + "end_of_it"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"error": "Invalid access key"}', "Invalid access key"),
        (b'{"status": "queued"}', '{"status": "queued"}'),
        (b"", "an empty body"),
        (b"<html><style>a{}</style><h1>502 Bad\nGateway</h1></html>", "502 Bad Gateway"),
        (b"<html>", "6 bytes without words"),
        (b"\xff", "1 bytes that are no text"),
        (b"Traceback (most recent call last):\n  File\nKeyError: 10\n", "KeyError: 10"),
        (b"x" * 500, "x" * LONGEST),
    ],
)
def test_an_answer_is_shown_as_a_person_would_read_it(body: bytes, said: str) -> None:
    assert excerpt(body) == said


def test_a_redirect_says_where_it_leads_to() -> None:
    assert excerpt(b"<html>", (KEY,), location=f"/login?key={KEY}") == (
        "a redirect to /login?key=***"
    )


@pytest.mark.parametrize("wrapped", ["{}", "x{}x", "token={}", "<p>{}</p>", '{{"error": "no {}"}}'])
def test_private_values_are_left_out(wrapped: str) -> None:
    for private in (KEY, TOKEN):
        assert private not in excerpt(wrapped.format(private).encode(), (private,))


def test_a_part_of_a_private_value_is_left_out() -> None:
    assert excerpt(f"bad {TOKEN[3:11]}...".encode(), (TOKEN,)) == "bad ***..."


@pytest.mark.parametrize(
    "escaped",
    [
        TOKEN_WITH_COLONS.replace(":", "%3A"),
        TOKEN_WITH_COLONS.replace(":", "%253A"),
        TOKEN_WITH_COLONS.replace(":", "\\u003a"),
        TOKEN_WITH_COLONS.lower(),
    ],
)
def test_a_private_value_is_left_out_however_it_is_written(escaped: str) -> None:
    said = excerpt(f"bad token {escaped}!".encode(), [TOKEN_WITH_COLONS])
    assert said == "bad token ***!"


def test_what_looks_like_a_token_of_somebody_else_is_left_out() -> None:
    assert excerpt(f"bad {'a1' * 32}".encode()) == "bad ***"


@given(st.binary(max_size=500))
def test_an_excerpt_is_one_short_line_of_anything(body: bytes) -> None:
    said = excerpt(body, (KEY,))
    assert said.isprintable()
    assert 0 < len(said) <= LONGEST
