"""The push core of GCM: what happens to a message after the sender has got its message id.

accept -> (latency) -> attempt -> sent to the phone's session -> acknowledged
                          |            `-> session ends: stored
                          |-> no session, or asleep and `delay_while_idle`: stored
                          `-> app gone: undeliverable; its id answers NotRegistered from then on

Simplifications: no throttling; priorities of later years do not exist.
"""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from itertools import count
from random import Random

from sim.vendors.delivery import DeliveryCore
from sim.vendors.gcm.mcs_messages import app_data_fields
from sim.vendors.gcm.registry import Device, Registration
from sim.vendors.gcm.settings import GcmSettings
from sim.vendors.gcm.storage import Deletions, Message
from sim.vendors.seams import Trace, token_ref
from sim.vendors.store import DeliveryStatistics, Stage


@dataclass(slots=True)
class GcmStatistics(DeliveryStatistics):
    """Counters since the service was made."""

    connections_opened: int = 0
    requests: int = 0
    accepted: int = 0
    rejected: int = 0


class PushCore(DeliveryCore[GcmSettings, Message]):
    """Delivers messages."""

    service = "gcm"

    def __init__(self, settings: GcmSettings, *, host_name: str, trace: Trace, rng: Random) -> None:
        self.statistics = GcmStatistics()
        super().__init__(settings, self.statistics, host_name=host_name, trace=trace, rng=rng)
        self._numbers = count(1)

    # -- sender's side

    def accept(
        self,
        registration: Registration,
        *,
        sender: str,
        app_data: bytes,
        collapse_key: str | None,
        ttl: int,
        delay_while_idle: bool,
    ) -> Message:
        """Take responsibility for a message to one registration and start its way."""
        message = Message(
            f"g{next(self._numbers)}",
            self._message_id(),
            registration,
            sender=sender,
            app_data=app_data,
            collapse_key=collapse_key,
            ttl=ttl,
            waits_while_idle=delay_while_idle,
            accepted=time.time(),
        )
        self.statistics.accepted += 1
        self.emit(
            "vendor.accepted",
            nid=message.nid,
            token_ref=token_ref(registration.id),
            message_id=message.id,
        )
        self.forward(message)
        return message

    def _message_id(self) -> str:
        # As Google's: a digit, microseconds, 16 hex digits.
        return f"0:{int(time.time() * 1e6)}%{self._rng.getrandbits(64):016x}"

    # -- phone's side

    def logged_in(self, device: Device, received: Collection[str]) -> None:
        """The device has a new session; `received` are persistent ids that it already has."""
        self.acknowledged_ids(device, received)
        self.session_ended(device)  # the one before, if this one took its place
        for message in self._store.take_waiting(device):
            self._send_or_report(message)
        self._tell_deletions(device)

    def woke_up(self, device: Device) -> None:
        """The device's screen is on: what was only waiting for that may go."""
        for message in self._store.take_waiting(device, lambda each: each.stage is Stage.STORED):
            self._send_or_report(message)

    def acknowledged_up_to(self, device: Device, stream_id: int) -> None:
        """The phone has all frames of this session up to `stream_id`."""
        for message in self._store.of(device):
            if message.stage is Stage.SENT and message.stream_id <= stream_id:
                self._store.acknowledge(message)
        self._forget_deletions(device, lambda notice: notice.stream_id <= stream_id)

    def acknowledged_ids(self, device: Device, persistent_ids: Collection[str]) -> None:
        """The phone has these messages."""
        held: dict[str, Message] | None = None  # a phone may name thousands, and mostly names none
        for persistent_id in dict.fromkeys(persistent_ids):
            if held is None:
                held = {message.id: message for message in self._store.of(device)}
            if persistent_id in held:
                self._store.acknowledge(held[persistent_id])
        if held is not None:
            named = frozenset(persistent_ids)
            self._forget_deletions(device, lambda notice: notice.id in named)

    def refused(self, device: Device, persistent_id: str) -> None:
        """The phone has no receiver for a message."""
        for message in self._store.of(device):
            if message.id == persistent_id:
                self._store.drop(message)
                self._undeliverable(message)
        self._forget_deletions(device, lambda notice: notice.id == persistent_id)

    def unregistered(self, registration: Registration) -> None:
        """The id answers NotRegistered from now on, or after the settings' delay."""
        if registration.dead_from is None:
            registration.dead_from = time.time() + self.settings.unregister_delay

    # -- one message

    def _is_taken(self, item: Message) -> bool:
        session = item.device.session
        if session is not None and session.has_fallen_silent():
            session.give_up()
            return False
        return session is not None and not (session.idle and item.waits_while_idle)

    def _send_or_report(self, item: Message) -> None:
        registration = item.registration
        device = registration.device
        session = device.session
        assert session is not None
        if registration.removed:
            self._undeliverable(item)
            return
        self._displace_with(item)
        redelivery = self._store.sent(item)
        item.stream_id = session.send_message(item)
        self.emit(
            "vendor.sent",
            nid=item.nid,
            device=device.name,
            mid=item.id,
            redelivery=redelivery,
        )

    def _tell_deletions(self, device: Device) -> None:
        """One special message per app whose pending messages were thrown away, the same at every
        login until the phone has it."""
        session = device.session
        assert session is not None
        for app, deletions in (device.deleted or {}).items():
            registration = device.registration(app)
            if registration is None or registration.removed:
                continue
            total = deletions.total
            if deletions.notice is None:
                deletions.notice = self._notice(registration, total)
            deletions.notice.stream_id = session.send_message(deletions.notice)
            self.emit("vendor.notice", device=device.name, mid=deletions.notice.id, deleted=total)

    def _notice(self, registration: Registration, total: int) -> Message:
        return Message(
            f"g{next(self._numbers)}",
            self._message_id(),
            registration,
            sender=registration.senders[0],
            app_data=app_data_fields(
                [("message_type", "deleted_messages"), ("total_deleted", str(total))]
            ),
            collapse_key=None,
            ttl=self.settings.default_ttl,
            waits_while_idle=False,
            accepted=time.time(),
        )

    def _forget_deletions(self, device: Device, told: Callable[[Message], bool]) -> None:
        """The phone has the notices that `told` names."""
        if device.deleted is not None:
            left = {
                app: deletions
                for app, deletions in device.deleted.items()
                if deletions.notice is None or not told(deletions.notice)
            }
            device.deleted = left or None

    def _limit(self, item: Message) -> None:
        if item.collapse_key is None:
            self._limit_pending(item)
        else:
            self._displace_with(item)
            self._limit_keys(item)

    def _displace_with(self, item: Message) -> None:
        """A message takes the place of one that is stored under its collapse key, whether it is
        stored itself or can be sent."""
        if item.collapse_key is not None:
            for held in self._stored_beside(item):
                if held.collapse_key == item.collapse_key and held is not item:
                    self._store.collapse(held, item.nid)

    def _limit_keys(self, message: Message) -> None:
        stored = [held for held in self._stored_beside(message) if held.collapse_key is not None]
        if len(stored) > self.settings.max_collapse_keys:
            victim = self._rng.choice(stored)
            by = stored[-2] if victim is message else message
            self._store.collapse(victim, by.nid)

    def _limit_pending(self, message: Message) -> None:
        pending = [held for held in self._stored_beside(message) if held.collapse_key is None]
        if len(pending) <= self.settings.max_pending:
            return
        registration = message.registration
        device = registration.device
        for victim in pending:
            self._store.collapse(victim, "deleted_messages")
        if device.deleted is None:
            device.deleted = {}
        deletions = device.deleted.setdefault(registration.app, Deletions())
        deletions.total += len(pending)
        deletions.notice = None

    def _stored_beside(self, message: Message) -> list[Message]:
        app = message.registration.app
        return [
            held
            for held in self._store.of(message.registration.device)
            if held.stage is Stage.STORED and held.registration.app == app
        ]

    def _undeliverable(self, message: Message) -> None:
        self.unregistered(message.registration)
        self._store.undeliverable(message)
