"""What an Android phone gets to see, and that it always fits."""

import json

import pytest

from server.airnotifier.errors import InvalidRequest
from server.airnotifier.providers.gcm.payload import gcm_data


def test_line_ends_stay_in_alerts() -> None:
    assert json.loads(gcm_data("a\r\nb", {})) == {"message": "a\r\nb"}


def test_values_are_texts_and_the_alert_is_the_message() -> None:
    data = json.loads(
        gcm_data("hi", {"n": 5, "b": True, "o": {"x": [1]}, "s": "t", "message": "?"})
    )
    assert data == {"n": "5", "b": "true", "o": '{"x":[1]}', "s": "t", "message": "hi"}


@pytest.mark.parametrize("name", ["from", "google.x"])
def test_names_that_google_reserves_are_refused(name: str) -> None:
    with pytest.raises(InvalidRequest, match="reserved by Google"):
        gcm_data("hi", {name: "x"})


def test_data_of_more_than_4096_bytes_is_refused() -> None:
    gcm_data("x" * (4096 - len("message")), {})
    with pytest.raises(InvalidRequest, match="Payload too big"):
        gcm_data("x" * (4097 - len("message")), {})
