"""A phone's connection to its push service, server's side, as far as both protocols are alike.

One object per connection; idle it holds no buffer, and after a push at most one timer. It reads one
message after the other and keeps the beginning of an incomplete one, whose length the protocols
limit. Malformed input closes the connection without an answer. What arrives after the service
decided to close is not read: it may be about a session that another connection has taken over.

Who has not logged in after `LOGIN_SECONDS` is disconnected, whatever it said, and so is one that
does not finish a message in time. An address has so many connections that are not logged in, and no
more (`sim.vendors.doorkeeper`).

A device has one session, that of its newest login. What a login is, and what else is said on the
connection, is each protocol's own business.

A phone that vanishes sends no FIN, but its heartbeats stay away. So a session that has heard
nothing for `dead_after` heartbeat intervals is dead: it is given up when a push wants to go there,
or while one waits for its acknowledgement. Simplification: a dead session on which nothing waits is
not closed before that.
"""

import asyncio
from abc import ABC, abstractmethod
from typing import Any, Generic, Protocol, TypeVar

from sim.vendors.delivery import DeliveryCore
from sim.vendors.doorkeeper import Doorkeeper
from sim.vendors.errors import MalformedInput
from sim.vendors.store import Holder

LOGIN_SECONDS = 60.0
"""A phone logs in with its first bytes. Of our own: what Apple and Google allow is not known."""
USUAL_HEARTBEAT = 900.0
"""Seconds between the heartbeats of a phone that has not told: those of Chromium's GCM client on
Wi-Fi, and the middle of what is seen of APNs (10 to 20 minutes)."""
SHORTEST_HEARTBEAT, LONGEST_HEARTBEAT = 30.0, 1800.0
"""Seconds: what a phone tells is taken from Chromium's least to the half an hour for which Google
and Apple want firewalls to keep connections."""


class SessionHolder(Holder, Protocol):
    """A device as its connections see it."""

    session: Any | None


Core = TypeVar("Core", bound=DeliveryCore[Any, Any])
Device = TypeVar("Device", bound=SessionHolder)


class PhoneSession(asyncio.Protocol, ABC, Generic[Core, Device]):
    """One phone's connection; see the module."""

    __slots__ = (
        "_buffer",
        "_core",
        "_device",
        "_doorkeeper",
        "_heard",
        "_heartbeat",
        "_loop",
        "_slow",
        "_transport",
        "_watch",
    )

    _transport: asyncio.Transport

    def __init__(self, core: Core, doorkeeper: Doorkeeper) -> None:
        self._core = core
        self._doorkeeper = doorkeeper
        self._device: Device | None = None
        self._buffer: bytearray | None = None
        self._loop = asyncio.get_running_loop()
        self._heard = self._loop.time()
        self._heartbeat = USUAL_HEARTBEAT
        self._watch: asyncio.TimerHandle | None = None
        self._slow: asyncio.TimerHandle | None = None  # runs while a message is incomplete

    @abstractmethod
    def _read(self, data: bytes | bytearray, start: int) -> int | None:
        """Act on the message at `start`. The position after it; None if it is not complete.

        Raises MalformedInput.
        """

    @abstractmethod
    def replace(self) -> None:
        """A newer session of the device takes over: end this one."""

    # -- called by the transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        if not self._doorkeeper.admits(self, transport.get_extra_info("peername")):
            transport.abort()
            return
        self._watch = self._loop.call_later(LOGIN_SECONDS, self._look)

    def data_received(self, data: bytes) -> None:
        self._heard = self._loop.time()
        source: bytes | bytearray = data
        if self._buffer is not None:
            self._buffer += data
            source, self._buffer = self._buffer, None
        position = 0
        try:
            while not self._transport.is_closing():
                after = self._read(source, position)
                if after is None:
                    if position < len(source):
                        self._keep(source, position)
                    return
                position = after
                self._stop_waiting()
        except MalformedInput:
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._doorkeeper.leave(self)
        self._stop_waiting()
        self._log_out()

    # -- called by the service

    def has_fallen_silent(self) -> bool:
        """Whether the phone has not been heard of for longer than any that is there."""
        return self._loop.time() >= self._dead_at()

    def give_up(self) -> None:
        """The phone is not there: end the session without waiting for anybody."""
        self._log_out()
        self.abort()

    def close(self) -> None:
        """End the connection in order."""
        self._transport.close()

    def abort(self) -> None:
        """End the connection at once: the service stops."""
        self._transport.abort()

    # -- for the protocols

    def _log_in(self, device: Device) -> bool:
        """This is the device's session from now on. Whether it took the place of an older one."""
        self._stop_watching()
        self._doorkeeper.leave(self)
        older, device.session = device.session, self
        self._device = device
        if older is not None:
            older.replace()
        return older is not None

    def _keep(self, source: bytes | bytearray, position: int) -> None:
        """What is there of a message; its rest has to come in time."""
        self._buffer = bytearray(source[position:])
        if self._slow is None:
            self._slow = self._loop.call_later(self._doorkeeper.patience, self._lose_patience)

    def _lose_patience(self) -> None:
        self._slow = None
        self.close()

    def _stop_waiting(self) -> None:
        if self._slow is not None:
            self._slow.cancel()
            self._slow = None

    def _stop_watching(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None

    def _log_out(self) -> None:
        self._stop_watching()
        device, self._device = self._device, None
        if device is not None and device.session is self:
            device.session = None
            self._core.session_ended(device)

    def _beats_every(self, seconds: float) -> None:
        """The phone is expected to be heard of that often."""
        self._heartbeat = min(max(seconds, SHORTEST_HEARTBEAT), LONGEST_HEARTBEAT)

    def _expect_answer(self) -> None:
        """A push was written: look whether the phone is still there."""
        if self._watch is None:
            self._watch = self._loop.call_at(self._dead_at(), self._look)

    def _look(self) -> None:
        self._watch = None
        if self._device is None:
            self.close()
        elif self.has_fallen_silent():
            self.give_up()
        elif self._device.held:
            self._expect_answer()

    def _dead_at(self) -> float:
        dead_after: float = self._core.settings.dead_after
        return self._heard + dead_after * self._heartbeat

    def _write(self, data: bytes) -> None:
        self._transport.write(data)
