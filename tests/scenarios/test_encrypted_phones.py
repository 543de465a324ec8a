"""With `tls` a phone's push connection is encrypted; without it, it is not."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scenarios.engine.format.diagnostics import InvalidScenario
from scenarios.engine.format.loader import load

SHIPPED = Path(__file__).parents[2] / "scenarios" / "flows" / "encrypted_phones.yaml"


def encrypted(run: Any, service: str) -> set[bool]:
    """Of the phone's connections to its push service: whether they have TLS."""
    opened = run.happened("connection.opened", host="phone", to=service)
    return {event["connection"] in run.tap.encrypted for event in opened}


@pytest.mark.parametrize(("platform", "service"), [("ios", "apns"), ("android", "gcm")])
def test_phones_with_tls_send_nothing_in_the_clear(
    tapped: Callable[..., Any], platform: str, service: str
) -> None:
    run = tapped("flows/encrypted_phones.yaml", platform=platform)
    assert encrypted(run, service) == {True}


@pytest.mark.parametrize(("platform", "service"), [("ios", "apns"), ("android", "gcm")])
def test_phones_without_it_are_in_the_clear(
    tapped: Callable[..., Any], platform: str, service: str
) -> None:
    run = tapped("flows/phone_offline.yaml", platform=platform)
    assert encrypted(run, service) == {False}


@pytest.mark.parametrize(
    "other",
    [
        "  tablet: { platform: $matrix.platform, owner: ana }\n",
        "  fleet: { count: 2, mix: { ios: 50%, android: 50% } }\n",
    ],
)
def test_phones_of_a_platform_all_have_it_or_none(tmp_path: Path, other: str) -> None:
    text = SHIPPED.read_text().replace("devices:\n", f"devices:\n{other}")
    path = tmp_path / "mixed.yaml"
    path.write_text(text)
    with pytest.raises(InvalidScenario) as caught:
        load(path)
    messages = [each.message for each in caught.value.diagnostics]
    assert "some ios phones have 'tls' and others do not" in messages
