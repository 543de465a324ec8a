"""Many phones cheaply, already set up: known to their push service, registered and enabled.

A fleet's phones are the same objects as any other phone (nothing of the way of a push is left
out); they share settings, the random stream and the habits of their owners. While a phone is
idle it costs its objects, one timer and its push connection.

Simplification: how the servers come to know the tokens is the caller's business; the phones are
told what they would know if they had registered themselves.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from devices.android import AndroidPhone
from devices.ios import IosPhone
from devices.moodle_app import MoodleApp, Site
from devices.notifications import Notification
from devices.phone import Phone, ignore
from devices.settings import AndroidSettings, AppSettings, IosSettings

if TYPE_CHECKING:
    from sim.surface import Host


@dataclass(frozen=True, slots=True)
class Habits:
    """What owners do with notifications; times are virtual seconds.

    `opens`: the share of notifications that are opened, the others stay unread; `think`: the
    shortest and the longest time before that, any in between alike; `reads`: how long they then
    look at the page before they put the app into the background.
    """

    opens: float = 0.0
    think: tuple[float, float] = (2.0, 30.0)
    reads: float = 20.0

    def __post_init__(self) -> None:
        low, high = self.think
        if not (0 <= self.opens <= 1 and 0 <= low <= high and self.reads >= 0):
            raise ValueError("habits: opens is a share of 1, think a span, reads not negative")


class Owners:
    """The owners of a fleet's phones."""

    __slots__ = ("_habits", "_stream")

    def __init__(self, habits: Habits, stream: random.Random) -> None:
        self._habits = habits
        self._stream = stream

    def noticed(self, phone: Phone, notification: Notification) -> None:
        """Decide what to do about a notification."""
        habits = self._habits
        if habits.opens and self._stream.random() < habits.opens:
            thinking = self._stream.uniform(*habits.think)
            phone.env.call_later(thinking, self._open, phone, notification)

    def _open(self, phone: Phone, notification: Notification) -> None:
        app = phone.app
        if app is None or not (phone.powered and app.installed and app.has(notification)):
            return
        opening = app.tap(notification)
        assert opening.callbacks is not None
        opening.callbacks.append(ignore)
        phone.env.call_later(self._habits.reads, self._put_away, phone)

    def _put_away(self, phone: Phone) -> None:
        if phone.app is not None and phone.app.state == "open":
            phone.app.set_state("background")


class Fleet:
    """Phones of both systems in the order in which they were added."""

    def __init__(
        self,
        *,
        stream: random.Random,
        app: AppSettings,
        ios: IosSettings,
        android: AndroidSettings,
        habits: Habits,
    ) -> None:
        self._stream = stream
        self._app = app
        self._ios = ios
        self._android = android
        self._owners = Owners(habits, stream) if habits.opens else None
        self._phones: list[Phone] = []

    def add_ios(
        self, host: "Host", *, device_token: bytes, token: str, site: Site | None
    ) -> IosPhone:
        """An iPhone that APNs knows by `device_token` and that has the push token `token`."""
        phone = IosPhone(
            host, self._stream, self._ios, device_token=device_token, permission="accepted"
        )
        self._add(phone, token, site)
        return phone

    def add_android(
        self,
        host: "Host",
        *,
        android_id: int,
        security_token: int,
        token: str,
        site: Site | None,
    ) -> AndroidPhone:
        """An Android phone with its identity at Google and the registration id `token`."""
        phone = AndroidPhone(
            host,
            self._stream,
            self._android,
            android_id=android_id,
            security_token=security_token,
        )
        self._add(phone, token, site)
        return phone

    def power_on(self, over: float) -> None:
        """Switch all phones on, evenly spread over so many virtual seconds."""
        for index, phone in enumerate(self._phones):
            phone.env.call_later(over * index / len(self._phones), phone.power_on)

    @property
    def connected(self) -> int:
        """How many phones have a session with their push service, as far as they know."""
        return sum(phone.radio.connected for phone in self._phones)

    def __iter__(self) -> Iterator[Phone]:
        return iter(self._phones)

    def __len__(self) -> int:
        return len(self._phones)

    def __getitem__(self, index: int) -> Phone:
        return self._phones[index]

    def _add(self, phone: Phone, token: str, site: Site | None) -> None:
        app = MoodleApp(phone, self._app)
        app.token = token
        app.site = site
        phone.behaviour = self._owners
        self._phones.append(phone)
