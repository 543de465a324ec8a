"""What an iPhone gets to see, and that it always fits."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.airnotifier.errors import InvalidRequest
from server.airnotifier.providers.apns.payload import apns_payload

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=400)


def test_sound_badge_and_alert_come_in_airnotifiers_order_before_the_custom_parameters() -> None:
    payload = apns_payload("hi", "ping", 3, {"id": "7"}, limit=256)
    assert payload == '{"aps":{"sound":"ping","badge":3,"alert":"hi"},"id":"7"}'


def test_badge_zero_is_sent_because_it_clears_the_badge() -> None:
    assert apns_payload("hi", None, 0, {}, limit=256) == '{"aps":{"badge":0,"alert":"hi"}}'


def test_line_ends_disappear_from_alerts() -> None:
    assert json.loads(apns_payload("a\r\nb", None, None, {}, limit=256))["aps"]["alert"] == "ab"


def test_a_long_alert_is_cut_to_exactly_the_limit() -> None:
    payload = apns_payload("x" * 500, None, None, {"id": "77"}, limit=256)
    assert len(payload) == 256
    assert json.loads(payload)["aps"]["alert"].endswith("xxx...")


def test_the_limit_counts_bytes_and_cuts_between_characters() -> None:
    payload = apns_payload("ü😀" * 100, None, None, {}, limit=256)
    assert 250 < len(payload.encode()) <= 256
    assert json.loads(payload)["aps"]["alert"].rstrip(".") == ("ü😀" * 100)[:77]


def test_an_alert_of_exactly_the_limit_is_not_cut() -> None:
    alert = "x" * (256 - len('{"aps":{"alert":""}}'))
    assert json.loads(apns_payload(alert, None, None, {}, limit=256))["aps"]["alert"] == alert


def test_custom_parameters_that_leave_no_room_are_refused() -> None:
    with pytest.raises(InvalidRequest, match="Payload too big"):
        apns_payload("hello", None, None, {"big": "x" * 240}, limit=256)


@given(alert=texts, sound=st.none() | st.text("abc.", max_size=20), custom=texts)
def test_whatever_is_accepted_fits_and_keeps_the_custom_parameters(
    alert: str, sound: str | None, custom: str
) -> None:
    try:
        payload = apns_payload(alert, sound, 5, {"c": custom}, limit=256)
    except InvalidRequest:
        return
    assert len(payload.encode()) <= 256
    document = json.loads(payload)
    assert document["c"] == custom
    shown = document["aps"]["alert"]
    plain = alert.replace("\r", "").replace("\n", "")
    assert shown == plain or (shown.endswith("...") and plain.startswith(shown[:-3]))
