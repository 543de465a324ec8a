"""Where a token leads: syntax of tokens, names of devices, and the push service behind them.

AirNotifier's generations disagreed about device names and rewrote some silently. This gateway
keeps the declared name and derives only the push service from it:

* `ios` (any case) with 64 hexadecimal digits: APNs. With more than 64 characters: Google's
  service, since Moodle sites declared Google tokens of iPhones that way.
* `android`, and every name that ends in `fcm`: Google's service.
* no name: 64 hexadecimal digits are `ios`, longer is `android`, anything else is no token.
* other names are refused.
"""

import re
from dataclasses import dataclass

from server.airnotifier.errors import InvalidRequest

APNS_TOKEN_DIGITS = 64
MAX_TOKEN_LENGTH = 4096
"""Google advised to foresee 4 KiB for a registration id."""

_APNS_TOKEN = re.compile("[0-9a-fA-F]{64}")
_OPAQUE_TOKEN = re.compile(f"[!-~]{{1,{MAX_TOKEN_LENGTH}}}")
_DEVICE = re.compile("[a-z0-9-]{1,32}")


@dataclass(frozen=True, slots=True)
class Target:
    """One installation of an app. `token` is lower-case hexadecimal for APNs, else as given."""

    device: str
    provider: str
    token: str


class RegisteredElsewhere(Exception):
    """A token is registered for another push service than a call assumed from its looks."""

    def __init__(self, target: Target) -> None:
        super().__init__()
        self.target = target
        """Where the registration leads."""


def target(token: str, device: str | None, *, explain: bool = False) -> Target:
    """Judge a token and the device name sent with it. Raises InvalidRequest.

    `explain`: say of a token of 64 characters that they are not all hexadecimal digits. AirNotifier
    did so where the token is an argument of a push, and not where it is to be registered.
    """
    name = (device or "").lower()
    if not name:
        name = "ios" if len(token) <= APNS_TOKEN_DIGITS else "android"
    if name == "ios" and len(token) <= APNS_TOKEN_DIGITS:
        if _APNS_TOKEN.fullmatch(token):
            return Target(name, "apns", token.lower())
        if explain and len(token) == APNS_TOKEN_DIGITS:
            raise InvalidRequest("Invalid token: Non-hexadecimal digit found")
        raise InvalidRequest("Invalid token")
    if not known_device(name):
        raise InvalidRequest("Invalid device type")
    if not is_opaque_token(token):
        raise InvalidRequest("Invalid token")
    return Target(name, "gcm", token)


def is_opaque_token(value: object) -> bool:
    """Whether something can be a token of Google's service: printable ASCII, 4 KiB at most."""
    return isinstance(value, str) and _OPAQUE_TOKEN.fullmatch(value) is not None


def known_device(name: str) -> bool:
    """Whether a lower-case device name is one that tokens can be registered under."""
    return name in ("ios", "android") or (
        name.endswith("fcm") and _DEVICE.fullmatch(name) is not None
    )


def providers_behind(device: str | None) -> tuple[str, ...]:
    """The push services that tokens of a device can have, or tokens of any."""
    return ("apns", "gcm") if device in (None, "ios") else ("gcm",)


def provider_of(token: str, device: str) -> str:
    """The push service of a registered token."""
    return "apns" if device == "ios" and len(token) == APNS_TOKEN_DIGITS else "gcm"
