"""Store and forward, as both push services do it: what a device has not acknowledged.

    stored -> sent -> acknowledged                   stored -> expired
                `-> session ends: stored again, and sent again on the next one

While a session is there nobody knows whether what was sent on it has arrived: it neither expires
nor is displaced. When the session ends it is stored as if it came then, all of it in the order in
which it was sent: it expires, displaces and is displaced as any other stored message.

Which messages displace each other in storage, and what else has to be done about one that cannot
be delivered, is each service's own business.

A device has one list of what it has not acknowledged, None while that is empty: a fleet has many
devices.
"""

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Generic, Protocol, TypeVar


class Stage(Enum):
    """Where an accepted message is."""

    STORED = "stored"
    SENT = "sent"


class Holder(Protocol):
    """A device as the store sees it."""

    held: list[Any] | None


class Held(ABC):
    """A message on its way to a device; `nid` is its name in the trace."""

    __slots__ = ("attempts", "nid", "stage", "timer")

    def __init__(self, nid: str) -> None:
        self.nid = nid
        self.attempts = 0
        self.stage = Stage.STORED
        self.timer: asyncio.TimerHandle | None = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.nid} [{self.stage.name}, attempts={self.attempts}]>"

    @property
    @abstractmethod
    def device(self) -> Holder:
        """Where it goes."""

    @property
    @abstractmethod
    def expires(self) -> float | None:
        """Unix seconds; None when it must not be stored at all."""

    def has_expired(self) -> bool:
        """Whether it is too late for it, unless it can be sent at once."""
        expires = self.expires
        return expires is None or expires <= time.time()

    def stop_timer(self) -> None:
        """It leaves storage, or its waiting for an acknowledgement ends."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None


@dataclass(slots=True)
class DeliveryStatistics:
    """Counters since the service was made."""

    sent: int = 0
    redelivered: int = 0
    acknowledged: int = 0
    collapsed: int = 0
    expired: int = 0
    undeliverable: int = 0


Item = TypeVar("Item", bound=Held)


class Store(Generic[Item]):
    """The messages of one service. `emit` records its events."""

    def __init__(self, statistics: DeliveryStatistics, emit: Callable[..., None]) -> None:
        self._statistics = statistics
        self._emit = emit

    # -- ways in

    def keep(self, item: Item) -> None:
        """The device is not there: store the message until it expires."""
        self._emit("vendor.stored", nid=item.nid)
        self._hold(item)
        self._watch_expiry(item)

    def put_back(self, item: Item) -> None:
        """Store a message again that was stored or sent before, and taken out by `take_waiting`."""
        item.stage = Stage.STORED
        self._hold(item)
        self._watch_expiry(item)

    def sent(self, item: Item) -> bool:
        """The message is about to be written to the device's session, and waits for an answer.
        Returns whether that happened to it before."""
        again = item.attempts > 0
        item.attempts += 1
        item.stage = Stage.SENT
        self._hold(item)
        self._statistics.sent += 1
        self._statistics.redelivered += again
        return again

    # -- looking

    @staticmethod
    def of(device: Holder) -> list[Item]:
        """All messages of a device, oldest first. The list is the caller's."""
        return list(device.held or ())

    @staticmethod
    def has_unanswered(device: Holder) -> bool:
        """Whether something was sent to the device's session and not acknowledged."""
        return any(item.stage is Stage.SENT for item in device.held or ())

    # -- ways out

    def take_waiting(
        self, device: Holder, wanted: Callable[[Item], bool] | None = None
    ) -> list[Item]:
        """Take out what is to be sent (again) now, oldest first. What expired meanwhile expires."""
        waiting = [item for item in self.of(device) if wanted is None or wanted(item)]
        ready = []
        for item in waiting:
            self.drop(item)
            if item.has_expired():
                self.expire(item)
            else:
                ready.append(item)
        return ready

    def acknowledge(self, item: Item) -> None:
        """The device has it."""
        self.drop(item)
        self._statistics.acknowledged += 1
        self._emit("vendor.acked", nid=item.nid)

    def collapse(self, victim: Item, by: str) -> None:
        """A stored message goes for the sake of another, or of a notice about it."""
        self.drop(victim)
        self._statistics.collapsed += 1
        self._emit("vendor.collapsed", nid=victim.nid, by=by)

    def expire(self, item: Item) -> None:
        """It is too late for a message that is not in the store (any more)."""
        self._statistics.expired += 1
        self._emit("vendor.expired", nid=item.nid)

    def undeliverable(self, item: Item) -> None:
        """Nobody on the device wants a message that is not in the store (any more)."""
        self._statistics.undeliverable += 1
        self._emit("vendor.undeliverable", nid=item.nid)

    def drop(self, item: Item) -> None:
        """Take a message out and say nothing."""
        item.stop_timer()
        device = item.device
        assert device.held is not None
        device.held.remove(item)
        if not device.held:
            device.held = None

    # -- inside

    @staticmethod
    def _hold(item: Item) -> None:
        device = item.device
        if device.held is None:
            device.held = [item]
        else:
            device.held.append(item)

    def _watch_expiry(self, item: Item) -> None:
        assert item.expires is not None
        item.timer = asyncio.get_running_loop().call_later(
            max(0.0, item.expires - time.time()), self._expired_in_storage, item
        )

    def _expired_in_storage(self, item: Item) -> None:
        item.timer = None
        self.drop(item)
        self.expire(item)
