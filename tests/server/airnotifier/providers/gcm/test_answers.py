"""What the gateway reads from an answer of Google's service."""

import time
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server import clock
from server.airnotifier.providers.gcm.answers import Answer, Result, read_answer, retry_after


@pytest.mark.parametrize(
    ("status", "body", "answer"),
    [
        (200, b'{"results":[{"message_id":"a"}]}', Answer("done", results=(Result("a"),))),
        (
            200,
            b'{"results":[{"message_id":1,"registration_id":"n"}]}',
            Answer("done", results=(Result("1", "n"),)),
        ),
        (200, b'{"results":[{"error":"E"}]}', Answer("done", results=(Result(error="E"),))),
        (200, b'{"results":[]}', Answer("later", "malformed_answer")),
        (200, b'{"results":[{}]}', Answer("later", "malformed_answer")),
        (200, b'{"results":7}', Answer("later", "malformed_answer")),
        (200, b'{"results":["ab"]}', Answer("later", "malformed_answer")),
        (200, b'{"results":[{"message_id":null}]}', Answer("later", "malformed_answer")),
        (200, b'{"results":[{"message_id":true}]}', Answer("later", "malformed_answer")),
        (200, b'{"results":[{"message_id":""}]}', Answer("later", "malformed_answer")),
        (200, b'{"results":[{"message_id":{}}]}', Answer("later", "malformed_answer")),
        (200, b'{"results":[{"error":{"a":1}}]}', Answer("later", "malformed_answer")),
        (
            200,
            b'{"results":[{"error":"' + b"E" * 300 + b'"}]}',
            Answer("later", "malformed_answer"),
        ),
        (
            200,
            b'{"results":[{"message_id":' + b"9" * 300 + b"}]}",
            Answer("later", "malformed_answer"),
        ),
        # Two results for one id, whatever the sums say; and sums that contradict the result.
        (
            200,
            b'{"success":1,"failure":0,"results":[{"message_id":"a"},{"error":"E"}]}',
            Answer("later", "malformed_answer"),
        ),
        (
            200,
            b'{"success":0,"failure":9,"canonical_ids":-1,"results":[{"message_id":"a"}]}',
            Answer("done", results=(Result("a"),)),
        ),
        (200, b'["results"]', Answer("later", "malformed_answer")),
        (200, b"\xff", Answer("later", "malformed_answer")),
        (413, b"", Answer("refused", "http_413")),
        (302, b"", Answer("later", "http_302")),
    ],
)
def test_answers_are_understood_or_asked_again(status: int, body: bytes, answer: Answer) -> None:
    assert read_answer(status, body, 1) == answer


NOON = "Wed, 01 May 2013 12:00:00 GMT"


@pytest.mark.parametrize(
    ("value", "date", "seconds"),
    [
        (None, NOON, 0.0),
        ("120", None, 120.0),
        (" 120 ", None, 120.0),
        ("0", None, 0.0),
        ("31536000", None, 86_400.0),
        ("9" * 5000, None, 86_400.0),
        ("-5", None, 0.0),
        ("+5", None, 0.0),
        ("1.5", None, 0.0),
        ("1e3", None, 0.0),
        ("٣٠", None, 0.0),
        ("soon", None, 0.0),
        ("", None, 0.0),
        # By the answer's own Date, whatever our clock says.
        ("Wed, 01 May 2013 12:02:00 GMT", NOON, 120.0),
        ("Wednesday, 01-May-13 12:02:00 GMT", NOON, 120.0),
        ("Wed May  1 12:02:00 2013", NOON, 120.0),
        ("Wed, 01 May 2013 14:02:00 +0200", NOON, 120.0),
        ("Wed, 01 May 2013 11:00:00 GMT", NOON, 0.0),
        ("Thu, 01 May 2014 12:00:00 GMT", NOON, 86_400.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", NOON, 86_400.0),
        ("Wed, 99 May 2013 12:00:00 GMT", NOON, 0.0),
        ("Wed, 01 May 2013 12:00:00 +9999", NOON, 0.0),
        # Only without a Date that can be read: by our clock, where it is eight.
        ("Wed, 01 May 2013 08:02:00 GMT", None, 120.0),
        ("Wed, 01 May 2013 08:02:00 GMT", "yesterday", 120.0),
        ("Wed, 01 May 2013 08:02:00 -0000", None, 120.0),
    ],
)
def test_retry_after_is_a_number_or_a_date_by_the_servers_clock(
    monkeypatch: pytest.MonkeyPatch, value: str | None, date: str | None, seconds: float
) -> None:
    monkeypatch.setattr(clock, "now", lambda: 1_367_395_200.0)
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        assert retry_after(value, date) == seconds
    finally:
        monkeypatch.undo()
        time.tzset()


header_texts = st.one_of(
    st.text(),
    st.integers().map(str),
    st.text("0123456789:,+- GMTWedMayJan", max_size=40),
    st.datetimes().map(lambda moment: format_datetime(moment)),
)


@given(value=header_texts, date=st.none() | header_texts)
def test_no_retry_after_is_below_zero_or_above_a_day(value: str, date: str | None) -> None:
    assert 0 <= retry_after(value, date) <= 86_400
