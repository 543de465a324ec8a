"""What the connections to both push services have in common: login in time, and heartbeats.

One object per connection and one timer: first for the login, then for the heartbeat. The timer
is not moved by traffic; when it fires, the phone asks for a sign of life only if there was none
since. A connection that stays silent after that is dead and is given up, and so is one that stays
silent in the middle of a message (a second timer, only then).
"""

import asyncio
from abc import abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from devices.errors import FrameError

if TYPE_CHECKING:
    from devices.phone import Phone
    from sim.kernel.environment import Call

READ_TIMEOUT = 30.0
"""Virtual seconds that the rest of a message may take without a byte (Chromium's GCM client)."""


class PushConnection(asyncio.Protocol):
    """Base of the two clients. `_read` consumes bytes and returns those that remain."""

    __slots__ = ("_buffer", "_heard", "_incomplete", "_interval", "_timer", "_transport", "phone")

    def __init__(self, phone: "Phone") -> None:
        self.phone = phone
        self._transport: asyncio.Transport | None = None
        self._timer: Call | None = None
        self._incomplete: Call | None = None  # runs from the first part of a message
        self._buffer = b""
        self._heard = 0.0
        self._interval = 0.0  # seconds between heartbeats; 0 before the login

    @abstractmethod
    def _say_hello(self) -> None:
        """Send the login."""

    @abstractmethod
    def _read(self, data: bytes) -> bytes:
        """Act on the complete messages in `data`; return the rest. Raises FrameError."""

    @abstractmethod
    def _ask_for_life(self) -> None:
        """Send the heartbeat."""

    # -- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        if not self.phone.radio.accept(self):
            self.give_up()
            return
        self._set_timer(self.phone.radio_settings.login_timeout, self.give_up)
        self.phone.count_anew()
        self._say_hello()

    def data_received(self, data: bytes) -> None:
        self._heard = self.phone.env.now
        try:
            self._buffer = self._read(self._buffer + data if self._buffer else data)
        except FrameError:
            self.give_up()
            return
        if self._buffer and self._incomplete is None:
            self._incomplete = self.phone.env.call_later(READ_TIMEOUT, self._expect_the_rest)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._cancel_timers()
        self.phone.radio.connection_lost(self)

    # -- for the phone

    @property
    def logged_in(self) -> bool:
        return self._interval > 0

    def send(self, data: bytes) -> None:
        """Send one message."""
        if self._transport is not None:
            self._transport.write(data)

    def close(self) -> None:
        """End the connection in good order."""
        self._cancel_timers()
        if self._transport is not None:
            self._transport.close()

    def give_up(self) -> None:
        """Drop a connection that is dead or makes no sense; the radio opens another."""
        self._cancel_timers()
        if self._transport is not None:
            self._transport.abort()

    # -- for the subclasses

    def _welcome(self, heartbeat: float) -> None:
        """The login was accepted; `heartbeat` seconds of silence call for a sign of life."""
        self._interval = heartbeat
        self._set_timer(heartbeat, self._listen)
        self.phone.radio.logged_in(self)

    def _listen(self) -> None:
        due = self._heard + self._interval
        if due > self.phone.env.now:
            # An absolute moment: a remaining delay may be too small to move the clock at all.
            self._timer = self.phone.env.call_at(due, self._listen)
        else:
            self._set_timer(self.phone.radio_settings.heartbeat_timeout, self._decide)
            self._ask_for_life()

    def _decide(self) -> None:
        if self.phone.env.now - self._heard >= self.phone.radio_settings.heartbeat_timeout:
            self.give_up()
        else:
            self._listen()

    def _expect_the_rest(self) -> None:
        self._incomplete = None
        due = self._heard + READ_TIMEOUT
        if self._buffer and due > self.phone.env.now:
            self._incomplete = self.phone.env.call_at(due, self._expect_the_rest)
        elif self._buffer:
            self.give_up()

    def _set_timer(self, delay: float, action: Callable[[], None]) -> None:
        self._cancel_timer()
        self._timer = self.phone.env.call_later(delay, action)

    def _cancel_timers(self) -> None:
        self._cancel_timer()
        if self._incomplete is not None:
            self._incomplete.cancel()
            self._incomplete = None

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
