"""A notification on its way: as it is asked for, as a push service will get it, and under way."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Notification:
    """What a call asks to have said, whatever the push service. `custom` are JSON values."""

    alert: str
    sound: str | None
    badge: int | None
    collapse_key: str | None
    custom: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Content:
    """What a push says, apart from whom it is for: a notification as one push service gets it.

    `payload` is JSON text: the whole APNs payload, or the `data` object for GCM. `accepted` and
    `expires` are Unix seconds.
    """

    payload: str
    collapse_key: str | None
    accepted: float
    expires: int


@dataclass(slots=True, eq=False)
class Push:
    """One notification to one token, as the outbox holds it.

    `payload` to `expires` are its `Content`.

    What changes: `attempt` counts dispatches since the gateway's start. `writes` counts how often
    it was written without its outcome becoming known; one that an earlier process left counts as
    written once. `counted` is what the outbox says of that, perhaps with the next write in it.
    """

    id: int
    app: str
    provider: str
    token: str
    payload: str
    collapse_key: str | None
    broadcast: int | None
    accepted: float
    expires: int
    attempt: int = 0
    writes: int = 0
    counted: int = 0
