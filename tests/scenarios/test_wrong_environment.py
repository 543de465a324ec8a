"""Production and sandbox of APNs: who has a token of the other one gets code 8."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scenarios.engine.format.diagnostics import InvalidScenario
from scenarios.engine.format.loader import load

NAME = "faults/wrong_environment.yaml"
ENVIRONMENTS = ("production", "sandbox")
HOSTS = {"production": "apns", "sandbox": "apns-sandbox"}


@pytest.mark.parametrize("gateway", ENVIRONMENTS)
@pytest.mark.parametrize("phone", ENVIRONMENTS)
def test_only_the_apns_that_issued_a_token_takes_it(
    tapped: Callable[..., Any], gateway: str, phone: str
) -> None:
    run = tapped(NAME, gateway=gateway, phone=phone)
    taken = run.happened("vendor.accepted", host=HOSTS[gateway])
    rejected = run.happened("vendor.rejected", host=HOSTS[gateway], reason="invalid_token")
    assert (len(taken), len(rejected)) == ((1, 0) if gateway == phone else (0, 1))
    if gateway != phone:
        assert bytes([8, 8]) in run.answered("gateway", HOSTS[gateway])


def test_a_phone_has_its_session_where_its_token_is_from(tapped: Callable[..., Any]) -> None:
    run = tapped(NAME, gateway="production", phone="sandbox")
    assert run.happened("connection.opened", host="phone", to="apns-sandbox")
    assert not run.happened("connection.opened", host="phone", to="apns")


def test_without_a_sandbox_in_the_scenario_there_is_none(tapped: Callable[..., Any]) -> None:
    assert (
        tapped("flows/phone_offline.yaml", platform="ios").deployment.services.push.sandbox is None
    )


def test_an_android_phone_has_no_sandbox(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "scenarios" / NAME).read_text()
    path = tmp_path / "android.yaml"
    path.write_text(text.replace("platform: ios", "platform: android"))
    with pytest.raises(InvalidScenario) as caught:
        load(path)
    assert {each.message for each in caught.value.diagnostics} == {"GCM has no sandbox"}
