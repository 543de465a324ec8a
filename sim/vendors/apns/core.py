"""The push core of APNs: what happens to a notification after the gateway has accepted it.

accept -> (latency) -> attempt -> sent to the phone's session -> acknowledged
                          |            `-> session ends: sent again on the next one
                          |-> no session: stored (coalesced) -> sent on connect, or expired
                          `-> app gone: undeliverable, noted for the feedback service

Simplifications: priority is not used for timing (both priorities are delivered at once); a phone's
connection counts as present until it ends or a newer one replaces it.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from random import Random

from sim.vendors.apns.registry import AppToken, Device, Registry
from sim.vendors.apns.settings import ApnsSettings
from sim.vendors.apns.storage import Notification, surplus
from sim.vendors.overrides import Overrides
from sim.vendors.seams import FieldValue, Trace, token_ref
from sim.vendors.store import DeliveryStatistics, Stage, Store


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


class PushCore:
    """Delivers notifications of one environment."""

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
        self.settings = settings
        self._letter = letter
        self.overrides = Overrides(settings, self._set)
        self.registry = registry
        self.statistics = ApnsStatistics()
        self._store: Store[Notification] = Store(self.statistics, self.emit)
        self.removals: list[Removal] = []
        self._trace = trace
        self._host_name = host_name
        self._rng = rng
        self._numbers = count(1)
        self._topic_lists: dict[tuple[bytes, ...], tuple[bytes, ...]] = {}

    def _set(self, settings: ApnsSettings) -> None:
        self.settings = settings

    def emit(self, kind: str, **fields: FieldValue) -> None:
        """Record an event of this service."""
        self._trace.emit(kind, self._host_name, service="apns", **fields)

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

    def forward(self, notification: Notification) -> None:
        """Start the way of an accepted notification to its device."""
        delay = self.settings.latency.sample(self._rng)
        if delay > 0:
            asyncio.get_running_loop().call_later(delay, self._attempt, notification)
        else:
            self._attempt(notification)

    # -- phone's side

    def interned(self, topics: Sequence[bytes]) -> tuple[bytes, ...]:
        """One object for equal topic lists: the phones of a fleet have the same apps."""
        key = tuple(topics)
        return self._topic_lists.setdefault(key, key)

    def ready(self, device: Device) -> None:
        """The device's session has told its topics: deliver what waits for it."""
        waiting = self._store.take_waiting(device)
        for notification in waiting:
            last = notification is waiting[-1]
            self._send_or_report(notification, from_storage=True, last=last)

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

    def session_ended(self, device: Device) -> None:
        """The device is offline. What was sent and not acknowledged waits for the next session."""
        self._store.session_ended(device)

    # -- one notification

    def _attempt(self, notification: Notification) -> None:
        session = notification.app.device.session
        if session is not None and session.topics is not None:
            self._send_or_report(notification, from_storage=False, last=False)
        elif notification.has_expired():
            self._store.expire(notification)
        else:
            self._keep(notification)

    def _send_or_report(
        self, notification: Notification, *, from_storage: bool, last: bool
    ) -> None:
        app = notification.app
        session = app.device.session
        assert session is not None
        assert session.topics is not None
        if app.removed or app.topic not in session.topics:
            self._undeliverable(notification)
            return
        redelivery = self._store.sent(notification)
        session.send_notification(notification, from_storage=from_storage, last=last)
        self.emit(
            "vendor.sent",
            nid=notification.nid,
            device=token_ref(app.device.token.hex()),
            mid=str(notification.message_id),
            redelivery=redelivery,
        )

    def _keep(self, notification: Notification) -> None:
        stored = self._stored_beside(notification)
        victim = surplus(
            stored,
            notification,
            limit=self.settings.stored_per_app,
            pick=self.settings.coalesce_pick,
            rng=self._rng,
        )
        self._store.keep(notification)
        if victim is not None:
            by = stored[0] if victim is notification else notification
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
