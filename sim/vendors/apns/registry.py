"""Who has which token: devices, and the apps on them that may receive notifications.

One registry is one environment: a sandbox token is simply unknown to the production registry, as
it is in reality. Devices and apps are kept as small objects because a fleet has many of them.
"""

import hashlib
from collections.abc import Collection, Iterator
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sim.vendors.apns.courier import CourierConnection
    from sim.vendors.apns.storage import Notification

TOKEN_LENGTH = 32


def topic_hash(app: str) -> bytes:
    """The 20 bytes that stand for a bundle id on the courier connection: its SHA-1."""
    return hashlib.sha1(app.encode(), usedforsecurity=False).digest()


class AppToken:
    """An app on a device: what a push token stands for."""

    __slots__ = ("device", "removed", "reported", "topic", "value", "was_gone")

    def __init__(self, value: bytes, device: "Device", topic: bytes) -> None:
        self.value = value
        self.device = device
        self.topic = topic
        self.removed = False
        """The app is gone from the device, which the next delivery attempt finds out."""
        self.was_gone = False
        """The device told its topics without it; an app that is there now was installed again."""
        self.reported = False
        """A delivery attempt found it gone; said once per removal."""


class Device:
    """A phone as the service knows it, online or not."""

    __slots__ = ("apps", "held", "session", "token")

    def __init__(self, token: bytes) -> None:
        self.token = token
        self.apps: tuple[AppToken, ...] = ()
        self.session: CourierConnection | None = None
        self.held: list[Notification] | None = None
        """Stored, or sent and not acknowledged; None when there is nothing."""

    def app(self, topic: bytes) -> AppToken | None:
        """The newest token of the app on this device."""
        for token in reversed(self.apps):
            if token.topic == topic:
                return token
        return None


class Registry:
    """All devices and tokens of one environment."""

    def __init__(self, rng: Random, *, reinstall_keeps_token: bool) -> None:
        self._rng = rng
        self._reinstall_keeps_token = reinstall_keeps_token
        self._devices: dict[bytes, Device] = {}
        self._tokens: dict[bytes, AppToken] = {}
        self._topics: dict[bytes, bytes] = {}

    def devices(self) -> Iterator[Device]:
        """All devices in the order in which they first appeared."""
        return iter(self._devices.values())

    def device(self, token: bytes) -> Device | None:
        """The device that a device token names."""
        return self._devices.get(token)

    def find(self, token: bytes) -> AppToken | None:
        """The app on a device that a push token names."""
        return self._tokens.get(token)

    def add_device(self) -> Device:
        """A new device with a new device token."""
        device = Device(self._rng.randbytes(TOKEN_LENGTH))
        self._devices[device.token] = device
        return device

    def issue(self, device: Device, topic: bytes) -> AppToken:
        """The app's token on this device: the present one, or a new one.

        An app that was removed and asks again keeps its token or gets another (a setting).
        """
        topic = self._topics.setdefault(topic, topic)
        present = device.app(topic)
        if present is not None:
            is_new = present.removed or present.was_gone
            if not is_new or self._reinstall_keeps_token:
                present.removed = present.reported = present.was_gone = False
                return present
            present.removed = True  # for good: that token leads nowhere any more
        token = AppToken(self._rng.randbytes(TOKEN_LENGTH), device, topic)
        device.apps = (*device.apps, token)
        self._tokens[token.value] = token
        return token

    def installed(self, device: Device, topics: Collection[bytes]) -> None:
        """The device has told its topics: other apps are gone from it, for now."""
        for app in device.apps:
            if app.topic not in topics:
                app.was_gone = True

    def invalidate(self, token: bytes) -> bool:
        """Forget a push token as if it had never been issued. False if it was unknown."""
        known = self._tokens.pop(token, None)
        if known is None:
            return False
        known.removed = True
        known.device.apps = tuple(app for app in known.device.apps if app is not known)
        return True
