"""The bridge: SimPy processes wait for tasks, coroutines for SimPy events."""

import asyncio
from collections.abc import Generator
from typing import Any

import pytest
import simpy

from sim.kernel.bridge import as_event, as_future
from sim.world import World


def test_a_process_waits_for_a_task_and_gets_its_result() -> None:
    async def work() -> str:
        await asyncio.sleep(5)
        return "done"

    with World(seed=1) as world:
        task = world.operator.start(work)

        def process() -> Generator[simpy.Event, Any, tuple[str, float]]:
            began = world.env.now
            result = yield as_event(world.env, task)
            return result, world.env.now - began

        assert world.run(process()) == ("done", 5)


def test_a_process_gets_the_error_of_a_task() -> None:
    async def work() -> None:
        raise LookupError("no such thing")

    with World(seed=1) as world:
        task = world.operator.start(work)

        def process() -> Generator[simpy.Event, Any, str]:
            try:
                yield as_event(world.env, task)
            except LookupError as error:
                return str(error)
            return "nothing"

        assert world.run(process()) == "no such thing"


def test_a_cancelled_task_reaches_a_process_as_an_error() -> None:
    async def work() -> None:
        await asyncio.sleep(5)

    with World(seed=1) as world:
        task = world.operator.start(work)
        world.env.call_later(1, task.cancel)

        def process() -> Generator[simpy.Event, Any, float]:
            with pytest.raises(RuntimeError, match="cancelled"):
                yield as_event(world.env, task)
            return world.env.now

        world.run(process())


def test_a_coroutine_waits_for_an_event_and_gets_its_value() -> None:
    with World(seed=1) as world:

        async def main() -> tuple[Any, float]:
            began = world.env.now
            value = await as_future(world.loop, world.env.timeout(7, value="rang"))
            return value, world.env.now - began

        assert world.run(main) == ("rang", 7)


def test_a_coroutine_gets_the_error_of_a_process() -> None:
    with World(seed=1) as world:

        def process() -> Generator[simpy.Event, Any, None]:
            yield world.env.timeout(1)
            raise LookupError("no such thing")

        async def main() -> None:
            with pytest.raises(LookupError, match="no such thing"):
                await as_future(world.loop, world.env.process(process()))

        world.run(main)


def test_an_event_that_has_happened_is_a_future_that_is_done() -> None:
    with World(seed=1) as world:

        async def main() -> int:
            event = world.env.event()
            event.succeed(3)
            await asyncio.sleep(1)
            assert event.processed
            future = as_future(world.loop, event)
            assert future.done()
            return await future

        assert world.run(main) == 3


def test_a_coroutine_may_stop_waiting_before_the_event_happens() -> None:
    with World(seed=1) as world:

        async def main() -> float:
            failing = world.env.event()
            for event in (world.env.timeout(5), failing):
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(1):
                        await as_future(world.loop, event)
            failing.fail(LookupError("nobody waits any more"))
            began = world.env.now
            await asyncio.sleep(10)
            return world.env.now - began

        assert world.run(main) == 10


def test_an_event_that_fails_with_nobody_waiting_stops_the_run() -> None:
    with World(seed=1) as world:
        world.env.event().fail(LookupError("nobody waits"))
        with pytest.raises(LookupError, match="nobody waits"):
            world.run_until(5)


def test_an_interrupt_inside_a_process_ends_the_run() -> None:
    def interrupted(env: simpy.Environment) -> Generator[simpy.Event, Any, None]:
        yield env.timeout(1)
        raise KeyboardInterrupt

    with World(seed=1) as world, pytest.raises(KeyboardInterrupt):
        world.run(interrupted(world.env))
