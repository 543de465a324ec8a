"""What GCM gets to see of a notification: `data`, a flat object of texts.

The alert is under `message`, for single notifications and broadcasts alike, because that is the key
the phones read. `sound` and `badge` are Apple's and are left out.
"""

import json
from collections.abc import Mapping
from typing import Any

from server.airnotifier.errors import InvalidRequest
from server.airnotifier.push import Content, Notification
from server.airnotifier.settings import AppSettings

DATA_LIMIT = 4096
"""Bytes of all keys and values together (GCM HTTP reference, `data`)."""

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


def compose(app: AppSettings, notification: Notification, now: float) -> Content:
    """The content of a push to GCM. Raises InvalidRequest."""
    assert app.gcm is not None
    if "aps" in notification.custom:
        raise InvalidRequest("Invalid argument aps: reserved for the notification itself")
    payload = gcm_data(notification.alert, notification.custom)
    return Content(payload, notification.collapse_key, now, int(now) + app.gcm.time_to_live)


def gcm_data(alert: str, custom: Mapping[str, Any]) -> str:
    """The JSON text of `data`. Raises InvalidRequest."""
    data = {name: _as_text(value) for name, value in custom.items()}
    for name in data:
        # Google refuses a message with such a key as a whole (InvalidDataKey).
        if not name:
            raise InvalidRequest("Invalid argument: it has no name")
        if name == "from" or name.startswith("google."):
            shown = name if name == "from" else "google.*"
            raise InvalidRequest(f"Invalid argument {shown}: reserved by Google")
    data["message"] = alert
    size = sum(len(name.encode()) + len(value.encode()) for name, value in data.items())
    if size > DATA_LIMIT:
        raise InvalidRequest(f"Payload too big: {size} bytes of {DATA_LIMIT}")
    return _encode(data)


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else _encode(value)
