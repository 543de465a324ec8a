"""Devices, and the registrations of apps on them.

A registration id stands for (device, app) and the senders that may use it. When an app holds
several valid ids on one device the newest is canonical: sends to an older one are delivered and
answered with it.
"""

import base64
import re
import time
from collections.abc import Iterator, Sequence
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sim.vendors.gcm.mtalk import MtalkConnection
    from sim.vendors.gcm.storage import Deletions, Message

ID_SYNTAX = re.compile(r"[0-9A-Za-z_:-]{100,4096}")
"""What can be a registration id at all; real ones have 140 to 200 characters."""

_ID_PREFIX = "APA91b"
_ID_BYTES = 100


class Registration:
    """An app on a device. Times are Unix seconds."""

    __slots__ = ("app", "dead_from", "device", "id", "instance", "newer", "removed", "senders")

    def __init__(
        self,
        id: str,
        device: "Device",
        app: str,
        senders: tuple[str, ...],
        instance: str | None = None,
    ) -> None:
        self.id = id
        self.instance = instance
        """The installation of the app that registered, as far as it said."""
        self.device = device
        self.app = app
        self.senders = senders
        self.newer: Registration | None = None
        """The registration that took this one's place."""
        self.removed = False
        """The app is gone, which Google finds out when it next tries to deliver."""
        self.dead_from: float | None = None
        """From then on sends get NotRegistered."""

    def canonical(self) -> "Registration":
        """The newest registration of the app on the device."""
        newest = self
        while newest.newer is not None:
            newest = newest.newer
        return newest


class Device:
    """A phone as the service knows it, online or not."""

    __slots__ = ("android_id", "deleted", "held", "registrations", "security_token", "session")

    def __init__(self, android_id: int, security_token: int) -> None:
        self.android_id = android_id
        self.security_token = security_token
        self.registrations: tuple[Registration, ...] = ()
        self.session: MtalkConnection | None = None
        self.held: list[Message] | None = None
        """Stored, or sent and not acknowledged; None when there is nothing."""
        self.deleted: dict[str, Deletions] | None = None
        """By app: messages thrown away of which it has not heard yet; None when there are none."""

    @property
    def name(self) -> str:
        """The device id as MCS writes it."""
        return f"android-{self.android_id:x}"

    def registration(self, app: str) -> Registration | None:
        """The newest registration of an app."""
        for registration in reversed(self.registrations):
            if registration.app == app:
                return registration
        return None


class Registry:
    """All devices and registrations."""

    def __init__(self, rng: Random, *, old_id_ttl: float | None) -> None:
        self._rng = rng
        self._old_id_ttl = old_id_ttl
        self._devices: dict[int, Device] = {}
        self._registrations: dict[str, Registration] = {}
        self._texts: dict[str, str] = {}
        self._sender_lists: dict[tuple[str, ...], tuple[str, ...]] = {}

    def devices(self) -> Iterator[Device]:
        """All devices in the order in which they first appeared."""
        return iter(self._devices.values())

    def device(self, android_id: int) -> Device | None:
        """The device with this android id."""
        return self._devices.get(android_id)

    def authenticated(self, android_id: str, security_token: str) -> Device | None:
        """The device with these credentials in decimal; None if they are wrong."""
        if not (_is_decimal(android_id) and _is_decimal(security_token)):
            return None
        device = self._devices.get(int(android_id))
        return device if device and device.security_token == int(security_token) else None

    def find(self, id: str) -> Registration | None:
        """The registration that an id names."""
        return self._registrations.get(id)

    def add_device(self) -> Device:
        """A new device with new credentials."""
        device = Device(self._rng.getrandbits(62) | 1 << 62, self._rng.getrandbits(62) | 1 << 62)
        self._devices[device.android_id] = device
        return device

    def register(
        self, device: Device, app: str, senders: Sequence[str], instance: str | None = None
    ) -> Registration:
        """The app's registration for these senders: the present one, or a new one.

        For another installation of the app, or for other senders, the id is new and the old one
        becomes an alias.
        """
        present = device.registration(app)
        wanted = tuple(senders)
        if (
            present is not None
            and not present.removed
            and present.dead_from is None
            and present.senders == wanted
            and present.instance == instance
        ):
            return present
        return self.refresh(device, app, wanted, instance)

    def refresh(
        self, device: Device, app: str, senders: tuple[str, ...], instance: str | None
    ) -> Registration:
        """A new id for an app on a device; it becomes canonical."""
        present = device.registration(app)
        random_part = base64.urlsafe_b64encode(self._rng.randbytes(_ID_BYTES)).rstrip(b"=")
        new = Registration(
            _ID_PREFIX + random_part.decode(),
            device,
            self._texts.setdefault(app, app),
            self._sender_lists.setdefault(senders, senders),
            instance,
        )
        self._registrations[new.id] = new
        device.registrations = (*device.registrations, new)
        if present is not None and present.dead_from is None:
            present.removed = False
            present.newer = new
            if self._old_id_ttl is not None:
                present.dead_from = time.time() + self._old_id_ttl
        return new

    def forget(self, id: str) -> bool:
        """Forget an id as if it had never been given. False if it was unknown."""
        known = self._registrations.pop(id, None)
        if known is None:
            return False
        device = known.device
        device.registrations = tuple(r for r in device.registrations if r is not known)
        for registration in device.registrations:
            if registration.newer is known:
                registration.newer = known.newer
        return True


def _is_decimal(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 20
