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
from sim.vendors.apns.storage import Notification, Stage, surplus
from sim.vendors.overrides import Overrides
from sim.vendors.seams import FieldValue, Trace, token_ref


@dataclass(slots=True)
class ApnsStatistics:
    """Counters since the service was made."""

    connections_opened: int = 0
    accepted: int = 0
    rejected: int = 0
    discarded_bytes: int = 0
    sent: int = 0
    redelivered: int = 0
    acknowledged: int = 0
    collapsed: int = 0
    expired: int = 0
    undeliverable: int = 0


@dataclass(frozen=True, slots=True)
class Removal:
    """A delivery attempt found that the app is gone from the device; `at` is in Unix seconds."""

    token: bytes
    topic: bytes
    at: float


class PushCore:
    """Delivers, stores and expires notifications of one environment."""

    def __init__(
        self,
        settings: ApnsSettings,
        registry: Registry,
        *,
        host_name: str,
        trace: Trace,
        rng: Random,
    ) -> None:
        self.settings = settings
        self.overrides = Overrides(settings, self._set)
        self.registry = registry
        self.statistics = ApnsStatistics()
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
            f"a{number}",
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
        waiting, device.held = device.held, None
        if waiting is None:
            return
        last = waiting[-1]
        for notification in waiting:
            notification.stop_timer()
            if self._has_expired(notification):
                self._expire(notification)
            else:
                self._send_or_report(notification, from_storage=True, last=notification is last)

    def acknowledged(self, device: Device, message_id: int, *, received: bool) -> None:
        """The phone answered for a notification; not `received` means no app for it there."""
        notification = self._take(device, message_id)
        if notification is None:
            return
        if received:
            self.statistics.acknowledged += 1
            self.emit("vendor.acked", nid=notification.nid)
        else:
            self._undeliverable(notification)

    def session_ended(self, device: Device) -> None:
        """The device is offline. What was sent and not acknowledged waits for the next session."""
        for notification in list(device.held or ()):
            if notification.stage is not Stage.SENT:
                continue
            if notification.expires is None:
                self._drop(notification)
                self._expire(notification)
            else:
                self._watch_expiry(notification)

    # -- one notification

    def _attempt(self, notification: Notification) -> None:
        session = notification.app.device.session
        if session is not None and session.topics is not None:
            self._send_or_report(notification, from_storage=False, last=False)
        elif self._has_expired(notification) or notification.expires is None:
            self._expire(notification)
        else:
            self._store(notification)

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
        redelivery = notification.attempts > 0
        notification.attempts += 1
        notification.stage = Stage.SENT
        self._hold(notification)
        session.send_notification(notification, from_storage=from_storage, last=last)
        self.statistics.sent += 1
        self.statistics.redelivered += redelivery
        self.emit(
            "vendor.sent",
            nid=notification.nid,
            device=token_ref(app.device.token.hex()),
            mid=str(notification.message_id),
            redelivery=redelivery,
        )

    def _store(self, notification: Notification) -> None:
        device = notification.app.device
        victim = surplus(
            [
                held
                for held in device.held or ()
                if held.stage is Stage.STORED and held.app is notification.app
            ],
            notification,
            limit=self.settings.stored_per_app,
            pick=self.settings.coalesce_pick,
            rng=self._rng,
        )
        self.emit("vendor.stored", nid=notification.nid)
        self._hold(notification)
        self._watch_expiry(notification)
        if victim is not None:
            self._drop(victim)
            by = self._survivor(victim) if victim is notification else notification
            self.statistics.collapsed += 1
            self.emit("vendor.collapsed", nid=victim.nid, by=by.nid)

    @staticmethod
    def _survivor(victim: Notification) -> Notification:
        return next(
            held
            for held in victim.app.device.held or ()
            if held.stage is Stage.STORED and held.app is victim.app
        )

    def _undeliverable(self, notification: Notification) -> None:
        app = notification.app
        if not app.reported:
            app.reported = True
            self.removals.append(Removal(app.value, app.topic, time.time()))
        self.statistics.undeliverable += 1
        self.emit("vendor.undeliverable", nid=notification.nid)

    def _expire(self, notification: Notification) -> None:
        self.statistics.expired += 1
        self.emit("vendor.expired", nid=notification.nid)

    def _has_expired(self, notification: Notification) -> bool:
        return notification.expires is not None and notification.expires <= time.time()

    # -- what a device has not acknowledged

    @staticmethod
    def _hold(notification: Notification) -> None:
        device = notification.app.device
        if device.held is None:
            device.held = [notification]
        else:
            device.held.append(notification)

    @staticmethod
    def _take(device: Device, message_id: int) -> Notification | None:
        held = device.held or ()
        for index, notification in enumerate(held):
            if notification.message_id == message_id and notification.stage is Stage.SENT:
                assert device.held is not None
                del device.held[index]
                if not device.held:
                    device.held = None
                return notification
        return None

    @staticmethod
    def _drop(notification: Notification) -> None:
        notification.stop_timer()
        device = notification.app.device
        assert device.held is not None
        device.held.remove(notification)
        if not device.held:
            device.held = None

    def _watch_expiry(self, notification: Notification) -> None:
        assert notification.expires is not None
        notification.timer = asyncio.get_running_loop().call_later(
            max(0.0, notification.expires - time.time()), self._expired_in_storage, notification
        )

    def _expired_in_storage(self, notification: Notification) -> None:
        notification.timer = None
        self._drop(notification)
        self._expire(notification)
