"""Identity: the order of sets does not depend on where objects lie in memory (pitfall 2)."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from sim.kernel.identity import NumberedFuture, NumberedTask, numbered_hash, restart_numbers
from sim.world import World

ROOT = Path(__file__).resolve().parents[3]

PROGRAM = dedent(
    """
    import asyncio, sys
    remedy, junk = sys.argv[1] == "with", int(sys.argv[2])
    import aiohttp
    from aiohttp import web
    from sim.kernel import guard
    from sim.world import World
    if not remedy:
        guard.Guard._patch_identity = lambda self: None
        from sim.kernel.loop import SimLoop
        SimLoop.create_task = lambda self, coro, **options: asyncio.Task(coro, loop=self, **options)
        SimLoop.create_future = lambda self: asyncio.Future(loop=self)
    import random
    order = random.Random(junk)
    # A history of allocations that leaves holes of its own shape behind.
    holes = [bytearray(order.randrange(16, 900)) for _ in range(junk)]
    for _ in range(junk // 2):
        holes.pop(order.randrange(len(holes)))
    report = []
    with World(seed=1) as world:

        async def worker(name):
            try:
                await asyncio.Event().wait()
            finally:
                report.append(name)

        async def group():
            try:
                async with asyncio.TaskGroup() as tasks:
                    for number in range(40):
                        tasks.create_task(worker(number))
                        holes.append(bytearray(order.randrange(16, 900)))
                    await asyncio.sleep(1)
                    raise LookupError
            except* LookupError:
                pass

        async def name(number):
            return number

        async def wait():
            done, _ = await asyncio.wait([asyncio.create_task(name(n)) for n in range(40)])
            report.extend(task.result() for task in done)

        async def serve():
            async def handler(request):
                await asyncio.sleep(1000)
            app = web.Application()
            app.router.add_get("/{n}", handler)
            runner = web.AppRunner(app, handler_cancellation=True)
            await runner.setup()
            await web.TCPSite(runner, port=80).start()

        async def dial():
            # The connector closes what is in use in the order of a set.
            connector = aiohttp.TCPConnector()
            session = aiohttp.ClientSession(connector=connector)
            tasks = [asyncio.create_task(session.get(f"http://site/{n}")) for n in range(40)]
            await asyncio.sleep(10)
            await session.close()
            await asyncio.gather(*tasks, return_exceptions=True)
            await asyncio.sleep(10)

        events = world.trace.keep()
        site = world.host("site")
        site.start(serve)
        world.run(group)
        world.run(wait)
        world.run(dial)
        report += [e["connection"] for e in events if e["kind"] == "connection.closed"]
    print(report)
    """
)


def orders(remedy: str) -> set[str]:
    """What four processes print that differ in hash seed and allocation history."""
    runs = [
        subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", PROGRAM, remedy, str(junk)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": str(seed)},
        )
        for seed, junk in ((0, 10), (1, 3000), (2, 777), (3, 20_000))
    ]
    outputs = {run.communicate()[0] for run in runs}
    assert all(run.returncode == 0 for run in runs)
    return outputs


def test_sets_of_tasks_and_connections_have_one_order_in_every_process() -> None:
    (report,) = orders("with")
    assert report.count(",") > 100


def test_without_numbers_the_order_is_where_memory_happened_to_be() -> None:
    assert len(orders("without")) > 1


def test_futures_and_tasks_hash_by_their_number() -> None:
    with World(seed=1) as world:
        restart_numbers()
        first, second = world.loop.create_future(), world.loop.create_future()
        assert isinstance(first, NumberedFuture)
        assert (first.number, second.number) == (1, 2)
        assert hash(first) != hash(second)
        assert first != second
        restart_numbers()
        again = world.loop.create_future()
        assert hash(again) == hash(first)
        assert again != first  # equality stays identity


def test_tasks_made_in_any_way_are_numbered() -> None:
    with World(seed=1) as world:

        async def main() -> None:
            made = [
                asyncio.create_task(asyncio.sleep(0)),
                asyncio.ensure_future(asyncio.sleep(0)),
                world.loop.create_task(asyncio.sleep(0)),
                asyncio.Task(asyncio.sleep(0)),
            ]
            numbers = [task.number for task in made if isinstance(task, NumberedTask)]
            assert len(numbers) == 4
            assert numbers == sorted(numbers)
            await asyncio.wait(made)

        world.run(main)


def test_other_classes_get_their_number_at_the_first_hash() -> None:
    class Thing:
        __hash__ = numbered_hash

    restart_numbers()
    first, second = Thing(), Thing()
    later, sooner = hash(second), hash(first)
    assert later != sooner
    assert (hash(second), hash(first)) == (later, sooner)
    restart_numbers()
    assert hash(Thing()) == later


@pytest.mark.parametrize("count", [10, 1000])
def test_numbered_hashes_rarely_share_a_slot(count: int) -> None:
    restart_numbers()

    class Thing:
        __hash__ = numbered_hash

    hashes = [hash(Thing()) for _ in range(count)]
    assert len(set(hashes)) == count
    assert all(0 < value < 2**61 - 1 for value in hashes)
    slots = {value % (4 * 1024) for value in hashes}
    assert len(slots) > 0.8 * count


@pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks exist since Python 3.12")
def test_a_task_that_asks_to_be_eager_waits_its_turn_as_on_older_pythons() -> None:
    order: list[str] = []

    async def work() -> None:
        order.append("task")

    with World(seed=1) as world:

        async def main() -> None:
            eager: Any = {"eager_start": True}
            task = asyncio.Task(work(), loop=world.loop, **eager)
            order.append("maker")
            await task

        world.run(main)
    assert order == ["maker", "task"]
