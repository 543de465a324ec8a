"""A push notification as the phone understands it, whatever service brought it.

APNs payloads are JSON: `aps.alert` (text, or an object with `title` and `body`), `aps.badge`, and
the sender's own keys beside `aps`. GCM brings text pairs (`app_data`): the gateway puts the alert
under `message` (a single push) or `alert` (a broadcast); the rest is the sender's own.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, eq=False)
class Notification:
    """What the phone got.

    `mid`: the id on the wire; `alert`: the text to show, None for a silent one; `custom`: the
    sender's own keys as they came (the Moodle plugin's `id`, `type`, `userfrom`, `urlparams`,
    `date` are texts); `badge`: the number for the app's icon, None to leave it; `received_at`:
    virtual seconds. `sound`: the name of the sound to play, None for none.
    """

    mid: str
    app_id: str
    alert: str | None
    title: str | None
    custom: Mapping[str, Any]
    badge: int | None
    sound: str | None
    received_at: float

    @property
    def msgid(self) -> int | str | None:
        """The Moodle message it is about (custom key `id`), a number whenever it is one."""
        value = self.custom.get("id")
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
            return int(value)
        return value if isinstance(value, int | str) else None

    def parameters(self) -> dict[str, Any]:
        """The `urlparams` of the Moodle plugin, an empty dict if absent or malformed."""
        value = self.custom.get("urlparams")
        if isinstance(value, str):
            try:
                value = json.loads(value)
            except (ValueError, RecursionError):
                return {}
        return value if isinstance(value, dict) else {}


def from_apns(mid: str, app_id: str, payload: bytes, now: float) -> Notification | None:
    """Read an APNs payload; None when the phone has to drop it as malformed."""
    try:
        content = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    if not isinstance(content, dict) or not isinstance(content.get("aps"), dict):
        return None
    aps: dict[str, Any] = content.pop("aps")
    alert: Any = aps.get("alert")
    title = None
    if isinstance(alert, dict):
        title = _text(alert.get("title"))
        alert = alert.get("body")
    badge = aps.get("badge")
    if not isinstance(badge, int) or isinstance(badge, bool) or badge < 0:
        badge = None
    return Notification(
        mid, app_id, _text(alert), title, content, badge, _text(aps.get("sound")), now
    )


def from_gcm(mid: str, app_id: str, data: Mapping[str, str], now: float) -> Notification:
    """Read the text pairs of a GCM message."""
    alert = data.get("message", data.get("alert"))
    custom = {key: value for key, value in data.items() if key not in ("message", "alert")}
    return Notification(mid, app_id, alert, data.get("title"), custom, None, None, now)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
