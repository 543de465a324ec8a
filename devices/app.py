"""An app on a phone: its life cycle, and what a push does in each of its states.

closed and background: the notification goes to the tray; a tap starts or resumes the app and
opens a page. open: the app pops it up for a few seconds; a tap on it opens the page. What popped
up stays in the app's own list, from where it can be opened later.

What page a notification is about is the app's business (`page_for`).
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import simpy

from devices.errors import NotPossible
from devices.notifications import Notification
from devices.phone import TRAY_SIZE, Match, Phone
from devices.settings import AppSettings

if TYPE_CHECKING:
    from sim.kernel.environment import Call

AppState = Literal["uninstalled", "closed", "background", "open"]


@dataclass(frozen=True, slots=True)
class Opened:
    """The app came to show a page because of a notification.

    `msgid`: the Moodle message the page is about, None when it is about none.
    """

    page: str
    msgid: int | str | None
    mid: str
    from_state: AppState


class App(ABC):
    """See the module. Installing it on a phone makes it the phone's app."""

    __slots__ = ("_list", "_popup", "_popup_timer", "page", "phone", "settings", "state")

    def __init__(self, phone: Phone, settings: AppSettings) -> None:
        self.phone = phone
        self.settings = settings
        self.state: AppState = "closed"
        self.page: str | None = None
        self._popup: Notification | None = None
        self._popup_timer: Call | None = None
        self._list: tuple[Notification, ...] = ()
        phone.app = self
        phone.apps_changed()

    @abstractmethod
    def page_for(self, notification: Notification) -> tuple[str, int | str | None]:
        """The page that the notification is about, and the message on it (or None)."""

    @abstractmethod
    def launched(self) -> None:
        """The app was started: what it does every time."""

    @abstractmethod
    def forget(self) -> None:
        """Lose everything stored: the app is being removed."""

    @property
    def app_id(self) -> str:
        return self.settings.app_id

    @property
    def sender_id(self) -> str:
        return self.settings.sender_id

    @property
    def installed(self) -> bool:
        return self.state != "uninstalled"

    @property
    def popup(self) -> Notification | None:
        """What the open app is popping up right now."""
        return self._popup

    @property
    def list(self) -> tuple[Notification, ...]:
        """The notifications that arrived while the app was open and were not opened yet."""
        return self._list

    def has(self, notification: Notification) -> bool:
        """Whether the notification can be tapped: in the tray, or in the app."""
        return notification in self.phone.tray or notification in self._list

    # -- what the user does

    def open(self) -> simpy.Event:
        """Start or resume the app by its icon; the event's value is None."""
        return self._bring_up(None)

    def set_state(self, state: AppState) -> simpy.Event:
        """Bring the app into a state as a user would; the event's value is None.

        `background` starts a closed app first. `uninstalled` removes the app and its data. Raises
        NotPossible for any other state of a removed app.
        """
        if state == "uninstalled":
            self._uninstall()
            return self.phone.env.timeout(0)
        if not self.installed:
            raise NotPossible(f"{self.phone.name}: the app is not installed")
        if state == "closed":
            self.stop()
            return self.phone.env.timeout(0)
        opening = self.open()
        if state == "background":
            assert opening.callbacks is not None
            opening.callbacks.insert(0, lambda done: self._leave() if done.ok else None)
        return opening

    def reinstall(self) -> None:
        """Install a removed app again; it is closed and knows nothing. Raises NotPossible when the
        app is on the phone.
        """
        if self.installed:
            raise NotPossible(f"{self.phone.name}: the app is installed")
        self._change("closed")
        self.phone.apps_changed()

    def tap(self, notification: Notification) -> simpy.Event:
        """Tap a notification in the tray, in the pop-up or in the app's list.

        The event's value is what was `Opened`. Raises NotPossible when it is at none of these.
        """
        if notification in self._list:
            self._end_popup()
            self._list = tuple(other for other in self._list if other is not notification)
        else:
            self.phone.take_from_tray(notification)
        return self._bring_up(notification)

    def open_at_page(self, match: Match | None = None) -> simpy.Event:
        """Tap the newest notification that can be seen (and matches); as `tap`."""
        seen = self._list if self.state == "open" and self._list else self.phone.tray
        for notification in reversed(seen):
            if match is None or match(notification):
                return self.tap(notification)
        raise NotPossible(f"{self.phone.name}: there is no such notification to tap")

    def stop(self) -> None:
        """Close the app."""
        if self.installed:
            self._end_popup()
            self._change("closed")

    # -- what happens to it

    def on_push(self, notification: Notification) -> None:
        """A push arrived for this app."""
        if notification.badge is not None:
            # An open app sets the badge and zeroes it at once (Moodle Mobile, May 2013).
            self.phone.badge = 0 if self.state == "open" else notification.badge
        if notification.alert is None:
            return
        if self.state != "open":
            self.phone.show(notification)
            return
        self._end_popup()
        self._popup = notification
        self._popup_timer = self.phone.env.call_later(self.settings.popup_seconds, self._end_popup)
        self._list = (*self._list[1 - TRAY_SIZE :], notification)
        self.phone.emit("app.popup", mid=notification.mid, msgid=notification.msgid)
        if self.phone.behaviour is not None:
            self.phone.behaviour.noticed(self.phone, notification)

    def _bring_up(self, notification: Notification | None) -> simpy.Event:
        if not self.phone.powered:
            raise NotPossible(f"{self.phone.name} is switched off")
        if not self.installed:
            raise NotPossible(f"{self.phone.name}: the app is not installed")
        self.phone.radio.hurry()
        delay = 0.0
        if self.state == "closed":
            delay = self.settings.launch_seconds
        elif self.state == "background":
            delay = self.settings.resume_seconds
        done = self.phone.env.event()
        self.phone.env.call_later(delay, self._is_up, done, notification, self.state)
        return done

    def _is_up(
        self, done: simpy.Event, notification: Notification | None, from_state: AppState
    ) -> None:
        if not (self.phone.powered and self.installed):
            done.fail(NotPossible(f"{self.phone.name}: the app went away while it was opening"))
            return
        if self.state == "closed":
            self.page = "main"
        self._change("open")
        if from_state == "closed":
            self.launched()
        if notification is None:
            done.succeed()
            return
        self.page, msgid = self.page_for(notification)
        self.phone.badge = 0
        self.phone.emit(
            "app.opened", page=self.page, msgid=msgid, mid=notification.mid, from_state=from_state
        )
        done.succeed(Opened(self.page, msgid, notification.mid, from_state))

    def _leave(self) -> None:
        self._end_popup()
        if self.state == "open":
            self._change("background")

    def _uninstall(self) -> None:
        if self.installed:
            self._end_popup()
            self._list = ()
            self.phone.clear_tray()
            self.phone.badge = 0
            self.forget()
            self._change("uninstalled")
            self.phone.apps_changed()

    def _end_popup(self) -> None:
        self._popup = None
        if self._popup_timer is not None:
            self._popup_timer.cancel()
            self._popup_timer = None

    def _change(self, state: AppState) -> None:
        if state != self.state:
            self.state = state
            if state != "open":
                self.page = None
            self.phone.emit("app.state", state=state)
