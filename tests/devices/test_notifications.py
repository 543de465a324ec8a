"""Reading what a push service brought."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.notifications import Notification, from_apns, from_gcm

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def apns(content: Any) -> Notification | None:
    return from_apns("1", "app", json.dumps(content).encode(), 5.0)


def test_an_alert_may_be_a_text_or_an_object() -> None:
    plain = apns({"aps": {"alert": "hi", "badge": 3, "sound": "default"}})
    rich = apns({"aps": {"alert": {"title": "Ana", "body": "hi"}}})
    assert plain is not None
    assert rich is not None
    assert (plain.alert, plain.title, plain.badge, plain.sound) == ("hi", None, 3, "default")
    assert (rich.alert, rich.title, rich.badge, rich.sound) == ("hi", "Ana", None, None)


def test_the_senders_own_keys_are_those_beside_aps() -> None:
    read = apns({"aps": {"alert": "hi"}, "id": "77", "userfrom": "Ana"})
    assert read is not None
    assert read.custom == {"id": "77", "userfrom": "Ana"}


def test_gcm_brings_the_alert_as_message_or_as_alert() -> None:
    single = from_gcm("1", "app", {"message": "hi", "id": "77"}, 5.0)
    broadcast = from_gcm("1", "app", {"alert": "all"}, 5.0)
    assert (single.alert, single.custom) == ("hi", {"id": "77"})
    assert (broadcast.alert, broadcast.custom) == ("all", {})


@pytest.mark.parametrize(
    ("value", "msgid"),
    [
        ("77", 77),
        (77, 77),
        ("a7", "a7"),
        ("\u0667", "\u0667"),
        ("", ""),
        ("9" * 30, "9" * 30),
        (None, None),
        ([1], None),
    ],
)
def test_the_message_id_is_a_number_whenever_it_is_one(value: Any, msgid: Any) -> None:
    read = apns({"aps": {}, "id": value})
    assert read is not None
    assert read.msgid == msgid


@pytest.mark.parametrize(
    ("value", "parameters"),
    [
        ('{"user":3,"id":2}', {"user": 3, "id": 2}),
        ({"user": 3}, {"user": 3}),
        ("null", {}),
        ("[1]", {}),
        ("{", {}),
        ("[" * 100_000, {}),
        (7, {}),
    ],
)
def test_the_parameters_of_the_page_are_an_object_or_nothing(value: Any, parameters: Any) -> None:
    assert from_gcm("1", "app", {"urlparams": value}, 0.0).parameters() == parameters


@given(st.binary(max_size=100) | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_payload_is_read_or_dropped(payload: bytes) -> None:
    read = from_apns("1", "app", payload, 0.0)
    if read is not None:
        assert read.alert is None or isinstance(read.alert, str)
        assert read.badge is None or read.badge >= 0
        assert isinstance(read.parameters(), dict)


@given(st.fixed_dictionaries({"aps": st.dictionaries(st.sampled_from(["alert", "badge"]), JSON)}))
def test_any_aps_object_is_read(content: dict[str, Any]) -> None:
    assert apns(content) is not None
