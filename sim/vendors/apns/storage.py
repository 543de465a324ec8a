"""Notifications on their way, and which of them APNs keeps for a device that is offline.

That is one notification per device and app; a newer one replaces it (Apple). Notifications that
were written to a connection and not acknowledged when it died are kept by the same rule.
"""

from random import Random
from typing import Literal

from sim.vendors.apns.registry import AppToken, Device
from sim.vendors.store import Held


class Notification(Held):
    """An accepted notification on its way to a device.

    `expires` is in Unix seconds; None for a notification that must not be stored (expiry 0 on the
    wire). `accepted` is in Unix nanoseconds. `message_id` is the number the phone sees, the same
    at every attempt.
    """

    __slots__ = ("_expires", "accepted", "app", "message_id", "payload")

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
        super().__init__(nid)
        self.message_id = message_id
        self.app = app
        self.payload = payload
        self._expires = expires
        self.accepted = accepted

    @property
    def device(self) -> Device:
        return self.app.device

    @property
    def expires(self) -> float | None:
        return self._expires


def surplus(
    stored: list[Notification],
    *,
    limit: int,
    pick: Literal["last", "random", "first"],
    rng: Random,
) -> Notification | None:
    """Which notification has to go so that at most `limit` of one app stay stored; None if none
    has to.

    `stored` are those of the app, oldest first; the last of them has just come.
    """
    if len(stored) <= limit:
        return None
    if pick == "last":
        return stored[0]
    if pick == "first":
        return stored[-1]
    return rng.choice(stored)
