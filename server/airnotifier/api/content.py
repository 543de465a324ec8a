"""What a call asks to have said, from its arguments."""

import re
from decimal import Decimal

from server import clock
from server.airnotifier.arguments import Arguments
from server.airnotifier.auth import App
from server.airnotifier.errors import InvalidRequest, MissingArgument, NotConfigured
from server.airnotifier.names import channel_names, check_name
from server.airnotifier.providers.known import KnownProvider
from server.airnotifier.push import Content, Notification

OWN_ARGUMENTS = (
    *("token", "alert", "sound", "badge", "device", "channel", "collapse_key"),
    "appname",  # an application's name, see `call.admit`
)
"""What the gateway understands itself; every other argument is a custom parameter."""

_MAX_BADGE = 2**31 - 1
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?")
"""As JSON writes numbers, and with the plus and the leading zeros that Python's `int` took."""


def compose(app: App, provider: KnownProvider, arguments: Arguments) -> Content:
    """The content of a call's push to one push service. Raises Refused."""
    if not provider.configured(app.settings):
        # AirNotifier's words for "this application has no such provider".
        raise NotConfigured(
            f"{provider.title} is offline",
            f"no {provider.title} is configured for the application",
        )
    return provider.compose(app.settings, notification(arguments), clock.now())


def notification(arguments: Arguments) -> Notification:
    """What is to be said. Raises InvalidRequest."""
    alert = arguments.text("alert")
    if alert is None:
        raise MissingArgument("alert")
    badge = badge_number(arguments.text("badge"))
    sound = arguments.text("sound")
    collapse_key = arguments.text("collapse_key") or None
    if collapse_key is not None:
        check_name("collapse_key", collapse_key)
    custom = {name: value for name, value in arguments.values.items() if name not in OWN_ARGUMENTS}
    return Notification(alert, sound, badge, collapse_key, custom)


def badge_number(text: str | None) -> int | None:
    """The badge argument as a number; 0 clears the badge. Raises InvalidRequest."""
    if text is None:
        return None
    if len(text) <= 20 and _NUMBER.fullmatch(text):
        badge = Decimal(text)
        if 0 <= badge <= _MAX_BADGE and badge == badge.to_integral_value():
            return int(badge)
    raise InvalidRequest("Invalid badge: a whole number from 0 expected")


def channels_of(arguments: Arguments) -> list[str]:
    """The channels that a call names: one, repeated, or as a JSON list. Raises InvalidRequest."""
    return channel_names(arguments.texts("channel"))


def channel_of(arguments: Arguments) -> str:
    """The one channel of a broadcast. Raises InvalidRequest."""
    names = channels_of(arguments)
    if len(names) > 1:
        raise InvalidRequest("Invalid argument channel: a broadcast goes to one channel")
    return names[0]
