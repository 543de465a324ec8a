"""What the site may log of a gateway's refusal."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.moodle.gateway_words import LONGEST, refusal

KEY, TOKEN = "0123456789abcdef" * 2, "APA91bH" + "x" * 140


def words(status: int, body: str | bytes, *private: str, **headers: str) -> str | None:
    data = body if isinstance(body, bytes) else body.encode()
    return refusal(status, headers, data, private)


@pytest.mark.parametrize("body", ["", "{}", '{"status": "ok"}', "ok", "[1]", "[" * 50_000])
@pytest.mark.parametrize("status", [200, 202, 204])
def test_a_status_of_success_without_error_is_none(status: int, body: str) -> None:
    assert words(status, body) is None


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (200, '{"error": "Invalid access key"}', "Invalid access key"),
        (200, '{"status": "ok", "error": "APNs is offline"}', "APNs is offline"),
        (400, '{"error": "Unknow token and you have no permission to create"}',
         "Unknow token and you have no permission to create"),
        (400, '{"regids": ["x"], "error": "Not Registered"}', "Not Registered"),
        (500, "Traceback (most recent call last):\n  File x\nTypeError: takes 3 arguments\n",
         "TypeError: takes 3 arguments"),
        (502, "<html>\n<h1>Bad &amp; Gateway</h1></html>", "Bad & Gateway"),
        (200, "<html><h1>Welcome</h1></html>", "Welcome"),
        (403, b"\xff\xfe", "��"),
        (500, "", "an empty body"),
        (400, '{"error": 7}', '{"error": 7}'),
        (400, "a\x00b\nc", "a b c"),
    ],
)  # fmt: skip
def test_a_refusal_says_why(status: int, body: str | bytes, said: str) -> None:
    assert words(status, body) == said


def test_a_redirect_says_where_to() -> None:
    told = words(302, "<html>", Location="http://other/login?next=%2F" + KEY)
    assert told == "a redirect to http://other/login?next=/***"


@pytest.mark.parametrize(
    "repeated",
    [
        "{}", "alert={}", "<p>{}</p>", "x{}", "'{}'.", "%7B{}%7D",
    ],
)  # fmt: skip
def test_what_was_sent_is_left_out_however_it_is_wrapped(repeated: str) -> None:
    for private in (TOKEN, KEY, "Meeting", "müde"):
        told = words(400, repeated.format(private), private)
        assert told is not None
        assert private not in told


def test_a_part_of_a_token_is_left_out_too() -> None:
    assert words(400, f"bad token {TOKEN[:20]}", TOKEN) == "bad token ***"
    assert words(400, f"bad token {TOKEN[3:11]}...", TOKEN) == "bad token ***..."


def test_what_looks_like_a_token_of_somebody_else_is_left_out() -> None:
    assert words(400, f"not {'a1' * 32}") == "not ***"


@given(st.text(min_size=4), st.binary(max_size=300), st.integers(300, 599))
def test_the_text_of_a_message_never_comes_back(text: str, around: bytes, status: int) -> None:
    told = words(status, around + text.encode("utf-8", "replace") + around, text)
    assert told is not None
    assert len(told) <= LONGEST
    assert told.isprintable()
    long_words = [word for word in text.split() if len(word) >= 4 and word.isalnum()]
    sent = told.replace("***", " ").split()
    assert not set(long_words) & set(sent)


@pytest.mark.parametrize(
    "escaped", [r"Pr\u00fcfung", "Pr%C3%BCfung", "Pr%25C3%25BCfung", "Pr&uuml;fung"]
)
def test_what_was_sent_is_left_out_however_it_is_escaped(escaped: str) -> None:
    assert words(500, f"<p>cannot send {escaped}</p>", "Prüfung") == "cannot send ***"
