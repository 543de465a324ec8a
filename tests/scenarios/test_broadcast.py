"""A broadcast goes to one channel, and a phone on another channel is on another channel."""

from collections.abc import Callable
from hashlib import md5
from typing import Any

import pytest

CHANNEL = md5(b"http://school.example", usedforsecurity=False).hexdigest()


@pytest.fixture(scope="module")
def run(tapped: Callable[..., Any]) -> Any:
    return tapped("flows/broadcast.yaml", seed=1)


def test_the_site_asks_once_with_its_channel_and_its_key(run: Any) -> None:
    said = run.sent("site", "gateway")
    assert said.count(b"POST /broadcast/ HTTP/1.1\r\n") == 1
    assert CHANNEL.encode() in said
    assert f"X-AN-APP-KEY: {run.deployment.services.site_key}\r\n".encode() in said


def test_every_phone_of_the_channel_is_told_once(run: Any) -> None:
    [accepted] = run.happened("broadcast.accepted")
    assert (accepted["channel"], accepted["pushes"]) == (CHANNEL, 20)
    told = [event["host"] for event in run.happened("phone.received", duplicate=False)]
    assert sorted(told) == [f"fleet-{number:05d}" for number in range(20)]


def test_the_stranger_is_registered_on_a_channel_of_its_own(run: Any) -> None:
    [registered] = run.happened("token.registered")
    assert registered["channels"] == "elsewhere"
