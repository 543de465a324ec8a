"""A phone's radio: whether it is on the network, and the one connection to its push service.

The radio opens the connection, opens it again after a loss (at once when the network came back,
otherwise after a back-off), and drops it when the phone goes offline. Going offline sends no FIN:
the far end keeps a dead session until it finds out.

Simplification: one network; no choice between Wi-Fi and cellular, no NAT of its own (the
simulated network provides what happens to packets).
"""

from functools import partial
from typing import TYPE_CHECKING

import simpy

if TYPE_CHECKING:
    from devices.phone import Phone
    from devices.push_connection import PushConnection
    from sim.kernel.environment import Call


class Radio:
    """See the module. `online` is what the phone's user sees: airplane mode or not."""

    __slots__ = (
        "_attempt",
        "_failures",
        "_logged_in_at",
        "_phone",
        "_running",
        "_timer",
        "connection",
        "online",
    )

    def __init__(self, phone: "Phone") -> None:
        self._phone = phone
        self._attempt = 0
        self._failures = 0
        self._logged_in_at = 0.0
        self._running = False
        self._timer: Call | None = None
        self.connection: PushConnection | None = None
        self.online = True

    @property
    def connected(self) -> bool:
        """Whether the phone has a session with its push service, as far as it knows."""
        return self.connection is not None and self.connection.logged_in

    def start(self) -> None:
        """Connect now, and keep connected."""
        self._running = True
        if self.online and not self._phone.host.online:
            self._phone.host.reconnect()
        self._connect()

    def stop(self) -> None:
        """The phone is off: it is gone from the network, and nobody is told."""
        self._running = False
        host = self._phone.host
        host.disconnect()
        self._let_go()
        host.lose_connections()

    def go_offline(self) -> None:
        """Leave the network without a word."""
        if not self.online:
            return
        self.online = False
        self._phone.host.disconnect()
        connection = self._let_go()
        if connection is not None:
            connection.give_up()
        self._phone.emit("phone.offline")

    def go_online(self) -> None:
        """Be back on the network; a change of network skips the back-off."""
        if self.online:
            return
        self.online = True
        if self._phone.powered:
            self._phone.host.reconnect()
        self._phone.emit("phone.online")
        if self._running:
            self._connect()

    def network_changed(self) -> None:
        """The phone is on another network: what was open is gone, and the back-off is skipped."""
        if not self.online:
            return
        connection = self._let_go()
        if connection is not None:
            connection.give_up()
        self._phone.emit("phone.handover")
        if self._running:
            self._connect()

    def hurry(self) -> None:
        """The user is at the phone: what waits for its next attempt to connect waits no more."""
        if self._timer is not None:
            self._connect()

    # -- from the connection

    def accept(self, connection: "PushConnection") -> bool:
        """A connection was opened; False when nobody wants it any more."""
        if not (self._running and self.online) or self.connection is not None:
            return False
        self.connection = connection
        return True

    def logged_in(self, connection: "PushConnection") -> None:
        if connection is self.connection:
            self._logged_in_at = self._phone.env.now

    def connection_lost(self, connection: "PushConnection") -> None:
        if connection is not self.connection:
            return
        self.connection = None
        lived = self._phone.env.now - self._logged_in_at
        if connection.logged_in and lived >= self._phone.radio_settings.stable_after:
            self._failures = 0
        self._retry()

    # -- opening

    def _connect(self) -> None:
        self._cancel_timer()
        if self.connection is not None:
            return
        if not self._phone.ready_to_connect():
            return
        self._attempt += 1
        opening = self._phone.open_connection()
        assert opening.callbacks is not None
        opening.callbacks.append(partial(self._opened, self._attempt))

    def _opened(self, attempt: int, opening: simpy.Event) -> None:
        if not opening.ok:
            opening.defused = True
            if attempt == self._attempt and self.connection is None:
                self._retry()

    def _retry(self) -> None:
        if not (self._running and self.online):
            return
        settings = self._phone.radio_settings
        delay = min(settings.backoff_cap, settings.backoff_first * 2.0 ** min(self._failures, 30))
        self._failures += 1
        self._cancel_timer()
        spread = 1 + self._phone.stream.random() / 2
        self._timer = self._phone.env.call_later(delay * spread, self._connect)

    def _let_go(self) -> "PushConnection | None":
        self._cancel_timer()
        self._attempt += 1  # what is being opened is not wanted any more
        connection, self.connection = self.connection, None
        return connection

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
