"""Servers, push services and phones each have the rule for naming a token; it is one rule."""

from collections.abc import Callable

import pytest

import devices.tokens
import server.logs
import sim.vendors.seams


@pytest.mark.parametrize(
    "token_ref",
    [server.logs.token_ref, sim.vendors.seams.token_ref, devices.tokens.token_ref],
    ids=["servers", "push services", "phones"],
)
@pytest.mark.parametrize(
    ("token", "name"),
    [
        ("00" * 32, "28704b917371"),
        ("APA91b:é", "5a91b0229ae4"),
        ("x\ud800y", "7bbe05c6b35b"),  # JSON may hold half a surrogate pair
    ],
)
def test_a_token_has_the_same_name_wherever_it_shows_up(
    token_ref: Callable[[str], str], token: str, name: str
) -> None:
    assert token_ref(token) == name
