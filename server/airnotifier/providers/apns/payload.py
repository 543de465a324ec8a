"""What APNs gets to see of a notification: `{"aps": {sound, badge, alert}, <custom parameters>}`,
compact, in UTF-8.

The limit counts the bytes of exactly this text (AirNotifier counted characters and forgot the
custom parameters, so longer payloads left it and cost the whole connection). An alert that does not
fit is cut and ends in `...`; a notification that does not fit even so is refused before it is
accepted.
"""

import json
from collections.abc import Mapping
from typing import Any

from server.airnotifier.errors import InvalidRequest
from server.airnotifier.push import Content, Notification
from server.airnotifier.settings import AppSettings

ELLIPSIS = "..."
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


def compose(app: AppSettings, notification: Notification, now: float) -> Content:
    """The content of a push to APNs. Raises InvalidRequest."""
    settings = app.apns
    assert settings is not None
    payload = apns_payload(
        notification.alert,
        notification.sound,
        notification.badge,
        notification.custom,
        limit=settings.legacy_payload_limit,
    )
    return Content(payload, None, now, int(now) + settings.time_to_live)


def apns_payload(
    alert: str, sound: str | None, badge: int | None, custom: Mapping[str, Any], *, limit: int
) -> str:
    """The JSON text for APNs, at most `limit` bytes in UTF-8. Raises InvalidRequest.

    Line ends are removed from the alert, as AirNotifier has done since May 2014: some versions of
    iOS did not show such an alert.
    """
    if "aps" in custom:
        raise InvalidRequest("Invalid argument aps: reserved for the notification itself")
    alert = alert.replace("\r", "").replace("\n", "")
    aps: dict[str, Any] = {}
    if sound:
        aps["sound"] = sound
    if badge is not None:
        aps["badge"] = badge
    aps["alert"] = alert
    payload = _encode({"aps": aps, **custom})
    excess = len(payload.encode()) - limit
    if excess > 0:
        aps["alert"] = _cut(alert, _size(alert) - excess)
        payload = _encode({"aps": aps, **custom})
    return payload


def _cut(alert: str, budget: int) -> str:
    """The longest beginning of the alert that takes `budget` bytes of JSON with its ellipsis."""
    room = budget - len(ELLIPSIS)
    kept = 0
    for character in alert:
        room -= _size(character)
        if room < 0:
            break
        kept += 1
    if kept == 0:
        raise InvalidRequest("Payload too big: no room for the alert")
    return alert[:kept] + ELLIPSIS


def _size(text: str) -> int:
    """Bytes that a text takes inside a JSON string."""
    return len(_encode(text).encode()) - 2
