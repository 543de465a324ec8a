"""Notifications on their way, and which of them APNs keeps for a device that is offline.

That is one notification per device and app; a newer one replaces it (Apple). Notifications that
were already written to a connection when it died are not part of that rule: nobody knows whether
they arrived, so all of them are sent again.
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
