"""The push core of APNs: what happens to a notification after the gateway has accepted it.

accept -> (latency) -> attempt -> sent to the phone's session -> acknowledged
                          |            `-> session ends: stored (coalesced)
                          |-> no session: stored (coalesced) -> sent on connect, or expired
                          `-> app gone: undeliverable, noted for the feedback service

Simplification: priority is not used for timing (both priorities are delivered at once).
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from random import Random

from sim.vendors.apns.registry import AppToken, Device, Registry
from sim.vendors.apns.settings import ApnsSettings
from sim.vendors.apns.storage import Notification, surplus
from sim.vendors.delivery import DeliveryCore
from sim.vendors.seams import Trace, token_ref
from sim.vendors.store import DeliveryStatistics, Stage


@dataclass(slots=True)
class ApnsStatistics(DeliveryStatistics):
    """Counters since the service was made."""

    connections_opened: int = 0
    accepted: int = 0
    rejected: int = 0
    discarded_bytes: int = 0
    discarded: int = 0
    """Notifications among them, as far as they were complete."""


@dataclass(frozen=True, slots=True)
class Removal:
    """A delivery attempt found that the app is gone from the device; `at` is in Unix seconds."""

    token: bytes
    topic: bytes
    at: float


class PushCore(DeliveryCore[ApnsSettings, Notification]):
    """Delivers notifications of one environment."""

    service = "apns"

    def __init__(
        self,
        settings: ApnsSettings,
        registry: Registry,
        *,
        host_name: str,
        trace: Trace,
        rng: Random,
        letter: str = "a",
    ) -> None:
        """`letter` begins the names of its notifications in the trace."""
        self.statistics = ApnsStatistics()
        super().__init__(settings, self.statistics, host_name=host_name, trace=trace, rng=rng)
        self._letter = letter
        self.registry = registry
        self.removals: list[Removal] = []
        self._numbers = count(1)
        self._topic_lists: dict[tuple[bytes, ...], tuple[bytes, ...]] = {}

    # -- provider's side

    def accept(self, app: AppToken, payload: bytes, expiry: int | None) -> Notification:
        """Take responsibility for a notification. `expiry` as in `frames.Frame`."""
        number = next(self._numbers)
        accepted = time.time()
        longest = accepted + self.settings.max_storage
        notification = Notification(
            f"{self._letter}{number}",
            number & 0xFFFFFFFF,
            app,
            payload,
            expires=None if expiry == 0 else longest if expiry is None else min(expiry, longest),
            accepted=int(accepted * 1e9),
        )
        self.statistics.accepted += 1
        return notification

    # -- phone's side

    def interned(self, topics: Sequence[bytes]) -> tuple[bytes, ...]:
        """One object for equal topic lists: the phones of a fleet have the same apps."""
        key = tuple(topics)
        return self._topic_lists.setdefault(key, key)

    def ready(self, device: Device) -> None:
        """The device's session has told its topics: deliver what waits for it."""
        wanted = []
        for notification in self._store.take_waiting(device):
            if self._is_wanted(notification):
                wanted.append(notification)
            else:
                self._undeliverable(notification)
        for notification in wanted:
            self._send(notification, from_storage=True, last=notification is wanted[-1])

    def acknowledged(self, device: Device, message_id: int, *, received: bool) -> None:
        """The phone answered for a notification; not `received` means no app for it there."""
        for notification in self._store.of(device):
            if notification.message_id == message_id and notification.stage is Stage.SENT:
                if received:
                    self._store.acknowledge(notification)
                else:
                    self._store.drop(notification)
                    self._undeliverable(notification)
                return

    # -- one notification

    def _is_taken(self, item: Notification) -> bool:
        session = item.app.device.session
        if session is not None and session.has_fallen_silent():
            session.give_up()
            return False
        return session is not None and session.topics is not None

    def _send_or_report(self, item: Notification) -> None:
        if self._is_wanted(item):
            self._send(item)
        else:
            self._undeliverable(item)

    def _is_wanted(self, notification: Notification) -> bool:
        app = notification.app
        session = app.device.session
        assert session is not None
        assert session.topics is not None
        return not app.removed and app.topic in session.topics

    def _send(
        self, notification: Notification, *, from_storage: bool = False, last: bool = False
    ) -> None:
        app = notification.app
        session = app.device.session
        assert session is not None
        redelivery = self._store.sent(notification)
        session.send_notification(notification, from_storage=from_storage, last=last)
        self.emit(
            "vendor.sent",
            nid=notification.nid,
            device=token_ref(app.device.token.hex()),
            mid=str(notification.message_id),
            redelivery=redelivery,
        )

    def _limit(self, item: Notification) -> None:
        stored = self._stored_beside(item)
        victim = surplus(
            stored,
            limit=self.settings.stored_per_app,
            pick=self.settings.coalesce_pick,
            rng=self._rng,
        )
        if victim is not None:
            by = stored[0] if victim is item else item
            self._store.collapse(victim, by.nid)

    def _stored_beside(self, notification: Notification) -> list[Notification]:
        return [
            held
            for held in self._store.of(notification.app.device)
            if held.stage is Stage.STORED and held.app is notification.app
        ]

    def _undeliverable(self, notification: Notification) -> None:
        app = notification.app
        if not app.reported:
            app.reported = True
            self.removals.append(Removal(app.value, app.topic, time.time()))
        self._store.undeliverable(notification)
