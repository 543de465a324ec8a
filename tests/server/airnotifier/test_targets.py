"""Which tokens and devices are accepted, and where they lead."""

import pytest

from server.airnotifier.errors import InvalidRequest
from server.airnotifier.targets import Target, provider_of, target

HEX = "ABCDEF01" * 8
LONG = "APA91b:" + "x-_" * 50


@pytest.mark.parametrize(
    ("token", "device", "expected"),
    [
        (HEX, None, Target("ios", "apns", HEX.lower())),
        (HEX, "iOS", Target("ios", "apns", HEX.lower())),
        (HEX, "Android", Target("android", "gcm", HEX)),
        (LONG, None, Target("android", "gcm", LONG)),
        (LONG, "ios", Target("ios", "gcm", LONG)),
        (LONG, "iOS-FCM", Target("ios-fcm", "gcm", LONG)),
        ("short", "android", Target("android", "gcm", "short")),
    ],
)
def test_a_token_leads_to_its_push_service(
    token: str, device: str | None, expected: Target
) -> None:
    found = target(token, device)
    assert found == expected
    assert provider_of(found.token, found.device) == expected.provider


@pytest.mark.parametrize(
    ("token", "device", "reason"),
    [
        ("testtoken", None, "Invalid token"),
        ("g" * 64, None, "Invalid token"),
        ("g" * 64, "ios", "Invalid token"),
        (HEX[1:], "ios", "Invalid token"),
        ("", "android", "Invalid token"),
        ("a b", "android", "Invalid token"),
        ("x" * 5000, "android", "Invalid token"),
        ("x\x00" * 50, None, "Invalid token"),
        (LONG, "wns", "Invalid device type"),
        (LONG, "<b>fcm", "Invalid device type"),
    ],
)
def test_what_is_no_token_is_refused(token: str, device: str | None, reason: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        target(token, device)
    assert caught.value.reason == reason


@pytest.mark.parametrize("device", [None, "", "ios", "iOS"])
def test_the_addressee_of_a_push_is_refused_with_the_reason(device: str | None) -> None:
    for token, reason in [
        ("g" * 64, "Invalid token: Non-hexadecimal digit found"),
        ("g" * 63, "Invalid token"),
    ]:
        with pytest.raises(InvalidRequest) as caught:
            target(token, device, explain=True)
        assert caught.value.reason == reason
