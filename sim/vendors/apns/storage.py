"""Store and forward: the notifications that a device has not acknowledged.

While a device is offline APNs keeps one notification per device and app; a newer one replaces it
(Apple). Notifications that were already written to a connection when it died are not part of that
rule: nobody knows whether they arrived, so all of them are sent again.
"""

from asyncio import TimerHandle
from enum import Enum
from random import Random
from typing import Literal

from sim.vendors.apns.registry import AppToken


class Stage(Enum):
    """Where an accepted notification is."""

    STORED = "stored"
    SENT = "sent"


class Notification:
    """An accepted notification on its way to a device.

    `expires` is in Unix seconds; None for a notification that must not be stored (expiry 0 on the
    wire). `accepted` is in Unix nanoseconds. `message_id` is the number the phone sees, the same
    at every attempt.
    """

    __slots__ = (
        "accepted",
        "app",
        "attempts",
        "expires",
        "message_id",
        "nid",
        "payload",
        "stage",
        "timer",
    )

    def __init__(
        self,
        nid: str,
        message_id: int,
        app: AppToken,
        payload: bytes,
        *,
        expires: float | None,
        accepted: int,
    ) -> None:
        self.nid = nid
        self.message_id = message_id
        self.app = app
        self.payload = payload
        self.expires = expires
        self.accepted = accepted
        self.attempts = 0
        self.stage = Stage.STORED
        self.timer: TimerHandle | None = None

    def __repr__(self) -> str:
        return f"<Notification {self.nid} [{self.stage.name}, attempts={self.attempts}]>"

    def stop_timer(self) -> None:
        """The notification leaves storage or its waiting for an acknowledgement ends."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None


def surplus(
    stored: list[Notification],
    new: Notification,
    *,
    limit: int,
    pick: Literal["last", "random", "first"],
    rng: Random,
) -> Notification | None:
    """Which notification has to go so that at most `limit` of one app stay stored; None if none
    has to.

    `stored` are those of the app, oldest first.
    """
    if len(stored) < limit:
        return None
    if pick == "last":
        return stored[0]
    if pick == "first":
        return new
    return rng.choice([*stored, new])
