"""The push core of a service: what happens to a message after it has been accepted.

forward -> (latency) -> attempt -> the device takes it: sent, or reported as undeliverable
                            |-> it does not, and the message has expired: dropped
                            `-> otherwise: kept in the store

A session ends by itself, with a newer one of the device, or when the phone has been silent for too
long (`dead_after`). What was sent on it and not acknowledged goes through the store as if it came
then: the limits of the store count it.

This is where both services are alike. What a device must have done to take a message, how it is
written, and which stored ones displace each other is each service's own business.
"""

import asyncio
from abc import ABC, abstractmethod
from random import Random
from typing import ClassVar, Generic, TypeVar

from sim.vendors.doorkeeper import Doorkeeper
from sim.vendors.overrides import Overrides
from sim.vendors.seams import FieldValue, Trace
from sim.vendors.settings import PushSettings
from sim.vendors.store import DeliveryStatistics, Held, Holder, Store

Settings = TypeVar("Settings", bound=PushSettings)
Item = TypeVar("Item", bound=Held)


class DeliveryCore(ABC, Generic[Settings, Item]):
    """Base of the two cores. Every random draw comes from `rng`."""

    service: ClassVar[str]
    """Its name in the trace."""

    def __init__(
        self,
        settings: Settings,
        statistics: DeliveryStatistics,
        *,
        host_name: str,
        trace: Trace,
        rng: Random,
    ) -> None:
        self.settings = settings
        self.overrides = Overrides(settings, self._set)
        self._store: Store[Item] = Store(statistics, self.emit)
        self._trace = trace
        self._host_name = host_name
        self._rng = rng

    def emit(self, kind: str, **fields: FieldValue) -> None:
        """Record an event of this service."""
        self._trace.emit(kind, self._host_name, service=self.service, **fields)

    def doorkeeper(self) -> Doorkeeper:
        """For one port of the service."""
        return Doorkeeper(
            lambda: self.settings,
            lambda peer: self.emit("vendor.crowded", peer=peer),
        )

    def forward(self, item: Item) -> None:
        """Start the way of an accepted message to its device."""
        delay = self.settings.latency.sample(self._rng)
        if delay > 0:
            asyncio.get_running_loop().call_later(delay, self._attempt, item)
        else:
            self._attempt(item)

    def session_ended(self, device: Holder) -> None:
        """What the device was sent and has not acknowledged waits for its next session, as far as
        it may be stored. Harmless when there is nothing of the kind."""
        if self._store.has_unanswered(device):
            for item in self._store.take_waiting(device):
                self._store.put_back(item)
                self._limit(item)

    @abstractmethod
    def _is_taken(self, item: Item) -> bool:
        """Whether the device takes the message right now."""

    @abstractmethod
    def _send_or_report(self, item: Item) -> None:
        """Write it to the device's session, or say that nobody there wants it."""

    @abstractmethod
    def _limit(self, item: Item) -> None:
        """It has just been stored, behind all others: some may have to go, perhaps itself."""

    def _attempt(self, item: Item) -> None:
        if self._is_taken(item):
            self._send_or_report(item)
        elif item.has_expired():
            self._store.expire(item)
        else:
            self._store.keep(item)
            self._limit(item)

    def _set(self, settings: Settings) -> None:
        self.settings = settings
