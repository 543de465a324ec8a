"""What a call asks to have said."""

import pytest

from server.airnotifier.api.content import badge_number
from server.airnotifier.errors import InvalidRequest


def test_badge_zero_is_a_badge() -> None:
    assert badge_number("0") == 0


@pytest.mark.parametrize("text", ["x", "1.5", "-1", "9" * 5000, "4294967296", "", "1_0", "١٢"])
def test_a_badge_that_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match="Invalid badge"):
        badge_number(text)
