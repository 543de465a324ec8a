"""The queue in front of a push service: order, bounds, and what arrives at awkward moments."""

import asyncio

import pytest

from server.airnotifier import backlog
from server.airnotifier.backlog import Backlog
from server.airnotifier.push import Push


def push(number: int) -> Push:
    return Push(number, "moodle", "apns", "00" * 32, "{}", None, None, 0.0, 1)


class Stored:
    """An outbox whose reads take as long as the test wants."""

    def __init__(self, count: int = 0) -> None:
        self.pushes = [push(number) for number in range(1, count + 1)]
        self.gate = asyncio.Event()
        self.gate.set()

    async def load(self, after: int, limit: int) -> list[Push]:
        found = [entry for entry in self.pushes if entry.id > after][:limit]
        await self.gate.wait()
        return found


async def take_all(queue: Backlog) -> list[int]:
    taken: list[int] = []
    for _ in range(100):
        while len(queue):
            taken.append(queue.pop().id)
        await asyncio.sleep(0)
    return taken


def test_what_is_committed_while_the_outbox_is_read_is_not_overlooked() -> None:
    async def main() -> None:
        stored = Stored(3)
        queue = Backlog("test", stored.load, lambda: None)
        stored.gate.clear()
        queue.start()
        await asyncio.sleep(0)
        late = push(4)  # committed after the query, announced before its result
        stored.pushes.append(late)
        queue.append([late])
        stored.gate.set()
        assert await take_all(queue) == [1, 2, 3, 4]

    asyncio.run(main())


def test_memory_is_bounded_and_nothing_is_taken_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backlog, "CAPACITY", 10)
    monkeypatch.setattr(backlog, "PAGE", 4)

    async def main() -> None:
        stored = Stored()
        queue = Backlog("test", stored.load, lambda: None)
        queue.start()
        for number in range(1, 41):
            stored.pushes.append(push(number))
            queue.append(stored.pushes[-1:])
            await asyncio.sleep(0)
            assert len(queue) < 10 + 4
        assert await take_all(queue) == list(range(1, 41))

    asyncio.run(main())


def test_what_is_put_back_comes_first_and_in_order() -> None:
    async def main() -> None:
        stored = Stored(5)
        queue = Backlog("test", stored.load, lambda: None)
        queue.start()
        for _ in range(5):
            await asyncio.sleep(0)
        taken = [queue.pop(), queue.pop(), queue.pop()]
        queue.put_back(taken[1:])
        assert await take_all(queue) == [2, 3, 4, 5]

    asyncio.run(main())


def test_an_outbox_that_could_not_be_read_is_read_again_until_the_gateway_stops(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(backlog, "READ_AGAIN", 0.0)
    failures = 3

    async def main() -> None:
        stored = Stored(3)
        reported: list[str] = []
        asyncio.get_running_loop().set_exception_handler(
            lambda _, what: reported.append(what["message"])
        )

        async def load(after: int, limit: int) -> list[Push]:
            if len(reported) < failures:
                raise OSError("no database")
            return await stored.load(after, limit)

        queue = Backlog("test", load, lambda: None)
        queue.start()
        assert await take_all(queue) == [1, 2, 3]
        assert reported == ["the outbox was not read"] * failures

        reported.clear()
        late = Backlog("test", load, lambda: None)
        late.start()
        while not reported:
            await asyncio.sleep(0)
        await late.close()
        assert await take_all(late) == []
        assert len(reported) == 1

    asyncio.run(main())
