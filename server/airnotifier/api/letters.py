"""From the arguments of a call to what a push service will get."""

from typing import Any

from server import clock
from server.airnotifier.arguments import Arguments
from server.airnotifier.auth import App
from server.airnotifier.errors import MissingArgument, Refused
from server.airnotifier.names import channel_names, check_name
from server.airnotifier.outbox import Letter
from server.airnotifier.payload import apns_payload, badge_number, gcm_data
from server.airnotifier.targets import PROVIDER_TITLES, Provider

OWN_ARGUMENTS = (
    *("token", "alert", "sound", "badge", "device", "channel", "collapse_key"),
    "appname",  # an application's name, see `call.admit`
)
"""What the gateway understands itself; every other argument is a custom parameter."""


def compose(app: App, provider: Provider, arguments: Arguments) -> Letter:
    """Build the message of a call for one push service. Raises Refused."""
    if not configured(app, provider):
        # AirNotifier's words for "this application has no such provider".
        title = PROVIDER_TITLES[provider]
        raise Refused(500, f"{title} is offline", f"no {title} is configured for the application")
    alert = arguments.text("alert")
    if alert is None:
        raise MissingArgument("alert")
    badge = badge_number(arguments.text("badge"))
    sound = arguments.text("sound")
    collapse_key = arguments.text("collapse_key") or None
    if collapse_key is not None:
        check_name("collapse_key", collapse_key)
    custom: dict[str, Any] = {
        name: value for name, value in arguments.values.items() if name not in OWN_ARGUMENTS
    }
    now = clock.now()
    if provider == "apns":
        assert app.settings.apns is not None
        limit = app.settings.apns.legacy_payload_limit
        payload = apns_payload(alert, sound, badge, custom, limit=limit)
        return Letter(payload, None, now, int(now) + app.settings.apns.time_to_live)
    assert app.settings.gcm is not None
    if "aps" in custom:
        raise Refused(400, "Invalid argument aps: reserved for the notification itself")
    return Letter(
        gcm_data(alert, custom), collapse_key, now, int(now) + app.settings.gcm.time_to_live
    )


def configured(app: App, provider: Provider) -> bool:
    """Whether the application has this push service."""
    return (app.settings.apns if provider == "apns" else app.settings.gcm) is not None


def channels_of(arguments: Arguments) -> list[str]:
    """The channels that a call names: one, repeated, or as a JSON list. Raises Refused (400)."""
    return channel_names(arguments.texts("channel"))


def channel_of(arguments: Arguments) -> str:
    """The one channel of a broadcast. Raises Refused (400)."""
    names = channels_of(arguments)
    if len(names) > 1:
        raise Refused(400, "Invalid argument channel: a broadcast goes to one channel")
    return names[0]
