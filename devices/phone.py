"""A phone, whatever its system: power, radio, what it received, its notification tray.

A phone is a set of callback objects; while it is idle nothing of it runs but one timer of its
push connection. `IosPhone` and `AndroidPhone` know their push service; `MoodleApp` is the app.

Simplifications: one app; the tray keeps the newest `TRAY_SIZE` notifications; the phone never
forgets anything but what an uninstall removes.
"""

import random
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import simpy

from devices.errors import NothingReceived, NotPossible
from devices.notifications import Notification
from devices.radio import Radio
from devices.settings import RadioSettings

if TYPE_CHECKING:
    from devices.app import App
    from sim.kernel.environment import SimEnvironment
    from sim.surface import Host

TRAY_SIZE = 50
"""Notifications kept in the tray, and kept for `wait_for_notification`."""

SEEN_SIZE = 1000
"""The most ids of received messages kept to recognise a repetition. Push services repeat only what
was not acknowledged when a connection broke; an id is kept until the service has said that it got
the answer, which is few messages later."""

Match = Callable[[Notification], bool]


class Behaviour(Protocol):
    """What the phone's owner does when a notification shows up."""

    def noticed(self, phone: "Phone", notification: Notification) -> None:
        """Called for each notification shown in the tray or popped up in the app."""


class Phone(ABC):
    """See the module.

    `stream` is the source of the phone's random draws; phones of a fleet share one.
    `device_name` is what its owner calls it. Nothing happens before `power_on()`.
    """

    platform: ClassVar[str]

    __slots__ = (
        "_received",
        "_seen",
        "_waiters",
        "_was_on",
        "app",
        "badge",
        "behaviour",
        "device_name",
        "host",
        "powered",
        "radio",
        "stream",
        "tray",
    )

    def __init__(self, host: "Host", stream: random.Random) -> None:
        self.host = host
        self.device_name = host.name
        self.stream = stream
        self.radio = Radio(self)
        self.app: App | None = None
        self.behaviour: Behaviour | None = None
        self.powered = False
        self._was_on = False
        self.badge = 0
        self.tray: tuple[Notification, ...] = ()
        self._received: tuple[Notification, ...] = ()
        self._seen: dict[str, int] | None = None
        self._waiters: tuple[_Waiter, ...] = ()

    # -- what each system does its own way

    @property
    @abstractmethod
    def radio_settings(self) -> RadioSettings:
        """How the push connection is kept."""

    @abstractmethod
    def ready_to_connect(self) -> bool:
        """Whether the push connection can be opened now; if not, the phone starts what is missing
        and calls `radio.start()` again."""

    @abstractmethod
    def open_connection(self) -> simpy.Event:
        """Open the push connection; as `Host.connect`."""

    @abstractmethod
    def ask_permission(self) -> None:
        """The app wants to receive pushes: ask the user, if this system asks."""

    @abstractmethod
    def answer_permission(self, accepted: bool) -> None:
        """The user answers the question. Raises NotPossible when nothing was asked."""

    @abstractmethod
    def push_token(self) -> simpy.Event:
        """The app's push token, as the text that servers use (the event's value).

        Fails with NotPossible without the user's permission.
        """

    @abstractmethod
    def apps_changed(self) -> None:
        """The app was installed, removed or installed again."""

    # -- power and network

    @property
    def name(self) -> str:
        return self.host.name

    @property
    def env(self) -> "SimEnvironment":
        return self.host.env

    def emit(self, kind: str, **fields: str | int | float | bool | None) -> None:
        """Record something that happened on this phone."""
        self.host.trace.emit(kind, self.host.name, **fields)

    def power_on(self) -> None:
        """Boot: connect to the push service."""
        if not self.powered:
            self.powered = True
            if self._was_on:
                self.emit("phone.on")
            self._was_on = True
            self.radio.start()

    def power_off(self) -> None:
        """The battery is empty: the app is closed, the connections are gone, and nobody is told."""
        if self.powered:
            self.powered = False
            self.radio.stop()
            if self.app is not None:
                self.app.stop()
            self.emit("phone.off")

    def session_open(self, service: str, device: str) -> None:
        """The push service knows this phone as `device` from now on."""
        self.emit("phone.session", service=service, device=device)

    # -- receiving

    def unconfirmed(self) -> tuple[str, ...]:
        """The ids of messages received that the service may send again, oldest first."""
        return tuple(self._seen or ())

    def count_anew(self) -> None:
        """From now on answers are numbered from 1; those before all have the number 0."""
        if self._seen is not None:
            self._seen = dict.fromkeys(self._seen, 0)

    def confirmed(self, number: int) -> None:
        """The service has got the answers up to `number`: what these were for does not come
        again."""
        seen = self._seen
        if seen is not None and next(iter(seen.values())) <= number:
            self._seen = {mid: answer for mid, answer in seen.items() if answer > number} or None

    def deliver(
        self, mid: str, app_id: str, read: Callable[[], Notification | None], *, answer: int
    ) -> bool:
        """A message arrived for the app `app_id`; `read` understands it, or gives None. `answer` is
        the number of the answer to it.

        Returns False when there is no such app. A repeated or malformed message goes no further.
        """
        seen = self._seen
        duplicate = seen is not None and seen.pop(mid, None) is not None
        service = "apns" if self.platform == "ios" else "gcm"
        self.emit("phone.received", service=service, mid=mid, app=app_id, duplicate=duplicate)
        app = self.app
        if app is None or not app.installed or app.app_id != app_id:
            self.emit("phone.undeliverable", mid=mid)
            return False
        if seen is None:
            seen = self._seen = {}
        elif len(seen) >= SEEN_SIZE:
            del seen[next(iter(seen))]
        seen[mid] = answer
        if not duplicate:
            notification = read()
            if notification is None:
                self.emit("phone.dropped", mid=mid, reason="malformed payload")
            else:
                app.on_push(notification)
                self._hand_out(notification)
        return True

    def show(self, notification: Notification) -> None:
        """Put a notification into the tray."""
        self.tray = (*self.tray[1 - TRAY_SIZE :], notification)
        self.emit("phone.displayed", mid=notification.mid)
        if self.behaviour is not None:
            self.behaviour.noticed(self, notification)

    def take_from_tray(self, notification: Notification) -> None:
        """Remove it. Raises NotPossible when it is not there."""
        if notification not in self.tray:
            raise NotPossible(f"{self.name}: that notification is not in the tray")
        self.tray = tuple(other for other in self.tray if other is not notification)

    def dismiss(self, notification: Notification) -> None:
        """Swipe a notification away unread. Raises NotPossible when it is not in the tray."""
        self.take_from_tray(notification)
        self.emit("phone.dismissed", mid=notification.mid)

    def clear_tray(self) -> None:
        """Remove all notifications of an app that goes away."""
        self.tray = ()

    def wait_for_notification(
        self, match: Match | None = None, *, timeout: float | None = None
    ) -> simpy.Event:
        """The oldest received notification that matches and was not given out by this before.

        The event's value is a `Notification`; it fails with NothingReceived after `timeout`
        virtual seconds. Repeated messages and malformed ones do not count.
        """
        waiter = _Waiter(self.env.event(), match)
        for notification in self._received:
            if waiter.wants(notification):
                self._received = tuple(n for n in self._received if n is not notification)
                waiter.event.succeed(notification)
                return waiter.event
        self._waiters = (*self._waiters, waiter)
        if timeout is not None:
            self.env.call_later(timeout, self._stop_waiting, waiter, timeout)
        return waiter.event

    def _hand_out(self, notification: Notification) -> None:
        for waiter in self._waiters:
            if waiter.wants(notification):
                self._waiters = tuple(other for other in self._waiters if other is not waiter)
                waiter.event.succeed(notification)
                return
        self._received = (*self._received[1 - TRAY_SIZE :], notification)

    def _stop_waiting(self, waiter: "_Waiter", timeout: float) -> None:
        if waiter in self._waiters:
            self._waiters = tuple(other for other in self._waiters if other is not waiter)
            text = f"{self.name}: no matching notification within {timeout:g} s"
            waiter.event.fail(NothingReceived(text))

    def __repr__(self) -> str:
        power = "on" if self.powered else "off"
        radio = "connected" if self.radio.connected else "not connected"
        return f"<{type(self).__name__} {self.name} [{power}, {radio}, tray={len(self.tray)}]>"


class _Waiter:
    """Somebody who waits for a notification."""

    __slots__ = ("_match", "event")

    def __init__(self, event: simpy.Event, match: Match | None) -> None:
        self.event = event
        self._match = match

    def wants(self, notification: Notification) -> bool:
        return self._match is None or self._match(notification)


def ignore(event: Any) -> None:
    """A callback for an event whose failure is nobody's business."""
    event.defused = True
