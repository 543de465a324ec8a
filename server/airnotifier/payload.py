"""What a push service gets to see of a notification.

APNs: `{"aps": {sound, badge, alert}, <custom parameters>}`, compact, in UTF-8. The limit counts the
bytes of exactly this text (AirNotifier counted characters and forgot the custom parameters, so
longer payloads left it and cost the whole connection). An alert that does not fit is cut and ends
in `...`; a notification that does not fit even so is refused before it is accepted.

GCM: a flat object of texts. The alert is under `message`, for single notifications and broadcasts
alike, because that is the key the phones read. `sound` and `badge` are Apple's and are left out.
"""

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from server.airnotifier.errors import Refused

GCM_DATA_LIMIT = 4096
"""Bytes of all keys and values together (GCM HTTP reference, `data`)."""

ELLIPSIS = "..."
_MAX_BADGE = 2**31 - 1
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?")
"""As JSON writes numbers, and with the plus and the leading zeros that Python's `int` took."""
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


def badge_number(text: str | None) -> int | None:
    """The badge argument as a number; 0 clears the badge. Raises Refused (400)."""
    if text is None:
        return None
    if len(text) <= 20 and _NUMBER.fullmatch(text):
        badge = Decimal(text)
        if 0 <= badge <= _MAX_BADGE and badge == badge.to_integral_value():
            return int(badge)
    raise Refused(400, "Invalid badge: a whole number from 0 expected")


def apns_payload(
    alert: str, sound: str | None, badge: int | None, custom: Mapping[str, Any], *, limit: int
) -> str:
    """The JSON text for APNs, at most `limit` bytes in UTF-8. Raises Refused (400).

    Line ends are removed from the alert, as AirNotifier has done since May 2014: some versions of
    iOS did not show such an alert.
    """
    if "aps" in custom:
        raise Refused(400, "Invalid argument aps: reserved for the notification itself")
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
        raise Refused(400, "Payload too big: no room for the alert")
    return alert[:kept] + ELLIPSIS


def _size(text: str) -> int:
    """Bytes that a text takes inside a JSON string."""
    return len(_encode(text).encode()) - 2


def gcm_data(alert: str, custom: Mapping[str, Any]) -> str:
    """The JSON text of `data` for GCM. Raises Refused (400)."""
    data = {name: _as_text(value) for name, value in custom.items()}
    for name in data:
        # Google refuses a message with such a key as a whole (InvalidDataKey).
        if not name:
            raise Refused(400, "Invalid argument: it has no name")
        if name == "from" or name.startswith("google."):
            shown = name if name == "from" else "google.*"
            raise Refused(400, f"Invalid argument {shown}: reserved by Google")
    data["message"] = alert
    size = sum(len(name.encode()) + len(value.encode()) for name, value in data.items())
    if size > GCM_DATA_LIMIT:
        raise Refused(400, f"Payload too big: {size} bytes of {GCM_DATA_LIMIT}")
    return _encode(data)


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else _encode(value)
