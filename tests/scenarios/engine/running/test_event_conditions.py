"""Conditions on events say what they mean, and refuse what they cannot mean."""

from typing import Any

import pytest

from scenarios.engine.format.expression_syntax import ExpressionError
from scenarios.engine.running.event_conditions import EventCondition

EVENT: dict[str, Any] = {
    "t": 2_000_000_000,
    "host": "gateway",
    "kind": "push.requested",
    "status": 503,
    "duplicate": True,
    "error": None,
    "reason": "a b",
}


@pytest.mark.parametrize(
    "text",
    [
        "kind == push.requested",
        "host == gateway and kind == push.requested",
        "kind == 'push.requested'",
        "kind != push.accepted",
        "status >= 500",
        "status - 3 == 500",
        "t / 1000000000 > 1.5",
        "duplicate",
        "not duplicate or status > 1",
        "reason == 'a b'",
        "(host == site) or (status == 503)",
        "not gone == 1",
        "true",
    ],
)
def test_it_holds(text: str) -> None:
    assert EventCondition(text).holds(EVENT)


@pytest.mark.parametrize(
    "text",
    [
        "kind == push.accepted",
        "host == site",
        "status == status",  # to the right there are values, not fields
        "gone == 1",
        "gone != 1",
        "error == None",
        "gone",
        "status > 600 and gone > 1",
        "duplicate == yes",
    ],
)
def test_it_does_not_hold(text: str) -> None:
    assert not EventCondition(text).holds(EVENT)


@pytest.mark.parametrize(
    ("text", "start", "message"),
    [
        ("kind = x", 5, "'=' has no meaning here"),
        ("$token == x", 0, "events have fields and no references"),
        ("push.requested == kind", 0, "no field is named push.requested"),
        ("kind ==", 7, "ends too early"),
        ("", 0, "empty"),
    ],
)
def test_what_is_no_condition_is_refused_at_its_place(text: str, start: int, message: str) -> None:
    with pytest.raises(ExpressionError, match=r"(?s).*") as caught:
        EventCondition(text)
    assert caught.value.start == start
    assert message in str(caught.value) or message in caught.value.help or start == len(text)


@pytest.mark.parametrize(("text", "start"), [("status", 0), ("host > 5", 0), ("host + 1 == 2", 0)])
def test_a_field_of_the_wrong_sort_is_an_error_at_its_place(text: str, start: int) -> None:
    with pytest.raises(ExpressionError) as caught:
        EventCondition(text).holds(EVENT)
    assert caught.value.start == start


def test_its_fields_are_known() -> None:
    condition = EventCondition("kind == push.retry and (delay > 10 or not kind == host)")
    assert condition.fields() == ["kind", "delay"]
