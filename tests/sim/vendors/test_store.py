"""What both push services do with the messages of a device that is away."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from sim.vendors.store import DeliveryStatistics, Held, Stage, Store
from sim.world import World


class Device:
    """A phone, as far as the store is concerned."""

    def __init__(self) -> None:
        self.held: list[Any] | None = None


class Message(Held):
    """A message that may be stored for some seconds; 0: not at all."""

    def __init__(self, nid: str, device: Device, storage: float) -> None:
        super().__init__(nid)
        self._device = device
        self._expires = time.time() + storage if storage else None

    @property
    def device(self) -> Device:
        return self._device

    @property
    def expires(self) -> float | None:
        return self._expires


class Stand:
    """A store, a device, and what the store told."""

    def __init__(self) -> None:
        self.device = Device()
        self.statistics = DeliveryStatistics()
        self.told: list[str] = []
        self.store: Store[Message] = Store(self.statistics, self._emit)

    def message(self, nid: str, storage: float = 100) -> Message:
        return Message(nid, self.device, storage)

    def end_session(self) -> None:
        for item in self.store.take_waiting(self.device):
            self.store.put_back(item)

    def _emit(self, kind: str, **fields: str) -> None:
        self.told.append(" ".join([kind.removeprefix("vendor."), *fields.values()]))


def run(test: Callable[[Stand], Coroutine[Any, Any, None]]) -> Stand:
    """Run a test in a world, as the services do."""
    stand = Stand()
    with World(seed=1) as world:
        world.run(lambda: test(stand))
    return stand


def test_what_is_stored_comes_out_once_and_in_order() -> None:
    async def test(stand: Stand) -> None:
        for nid in ("a", "b", "c"):
            stand.store.keep(stand.message(nid))
        assert [item.nid for item in stand.store.take_waiting(stand.device)] == ["a", "b", "c"]
        assert stand.store.take_waiting(stand.device) == []
        assert stand.device.held is None
        await asyncio.sleep(200)

    assert run(test).told == ["stored a", "stored b", "stored c"]


def test_only_what_is_wanted_is_taken() -> None:
    async def test(stand: Stand) -> None:
        stand.store.sent(stand.message("a"))
        stand.store.keep(stand.message("b"))
        taken = stand.store.take_waiting(stand.device, lambda item: item.stage is Stage.STORED)
        assert [item.nid for item in taken] == ["b"]
        assert [item.nid for item in stand.store.of(stand.device)] == ["a"]

    run(test)


def test_storage_ends_at_the_expiry() -> None:
    async def test(stand: Stand) -> None:
        stand.store.keep(stand.message("a", 10))
        await asyncio.sleep(9)
        assert stand.told == ["stored a"]
        await asyncio.sleep(2)
        assert stand.device.held is None

    stand = run(test)
    assert stand.told == ["stored a", "expired a"]
    assert stand.statistics.expired == 1


@pytest.mark.parametrize("storage", [100, 5, 0])
def test_what_was_sent_waits_for_the_next_session_if_it_may_be_stored(storage: float) -> None:
    async def test(stand: Stand) -> None:
        assert not stand.store.sent(stand.message("a", storage))
        stand.end_session()
        await asyncio.sleep(10)
        waiting = stand.store.take_waiting(stand.device)
        assert [item.nid for item in waiting] == (["a"] if storage == 100 else [])
        assert all(stand.store.sent(item) for item in waiting)

    stand = run(test)
    assert stand.told == ([] if storage == 100 else ["expired a"])
    assert stand.statistics.redelivered == (storage == 100)


def test_sessions_may_come_and_go_before_anything_is_sent_again() -> None:
    async def test(stand: Stand) -> None:
        stand.store.sent(stand.message("a", 20))
        stand.end_session()
        stand.end_session()
        await asyncio.sleep(60)

    assert run(test).told == ["expired a"]


def test_a_session_that_is_there_outlives_the_expiry() -> None:
    async def test(stand: Stand) -> None:
        message = stand.message("a", 5)
        stand.store.sent(message)
        await asyncio.sleep(60)
        stand.store.acknowledge(message)

    assert run(test).told == ["acked a"]


def test_what_went_for_another_is_not_told_to_expire() -> None:
    async def test(stand: Stand) -> None:
        old, new = stand.message("old", 10), stand.message("new", 100)
        stand.store.keep(old)
        stand.store.keep(new)
        stand.store.collapse(old, new.nid)
        await asyncio.sleep(60)

    assert run(test).told == ["stored old", "stored new", "collapsed old new"]
