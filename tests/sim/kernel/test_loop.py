"""The loop: order at one instant, timers, time, standstill, livelock, and inline executors."""

import asyncio
import threading
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.kernel import loop as module
from sim.kernel.errors import EscapeError, LivelockError, StandstillError
from sim.world import World


def test_one_instant_runs_events_then_timers_then_ready_callbacks() -> None:
    with World(seed=1) as world:
        loop, env = world.loop, world.env
        order: list[str] = []
        when = env.now + 1

        def first() -> None:
            order.append("event 1")
            loop.call_soon(order.append, "ready 1")
            env.call_at(when, order.append, "event of this instant")
            loop.call_at(when, order.append, "timer of this instant")
            loop.call_soon(order.append, "ready 2")

        loop.call_at(when, order.append, "timer 1")
        loop.call_at(when, order.append, "timer 2")
        env.call_at(when, first)
        env.call_at(when, order.append, "event 2")
        world.run_until(when + 1)
    assert order == [
        "event 1",
        "event 2",
        "event of this instant",
        "ready 1",
        "ready 2",
        "timer 1",
        "timer 2",
        "timer of this instant",
    ]


def test_a_timer_never_runs_within_the_turn_that_made_it() -> None:
    with World(seed=1) as world:
        order: list[str] = []

        def now() -> None:
            world.loop.call_soon(order.append, "soon")
            world.loop.call_later(0, order.append, "timer")
            order.append("now")

        world.loop.call_soon(now)
        world.run_until(world.env.now + 1)
    assert order == ["now", "timer", "soon"] or order == ["now", "soon", "timer"]


@given(st.lists(st.sampled_from([0.0, 0.1, 0.2, 0.3, 1e-9, 5.5]), max_size=60))
@settings(max_examples=30)
def test_timers_run_by_time_and_those_of_one_moment_as_they_were_made(
    delays: list[float],
) -> None:
    with World(seed=1) as world:
        order: list[tuple[float, int]] = []
        now = world.env.now
        for number, delay in enumerate(delays):
            world.loop.call_at(now + delay, lambda at=(now + delay, number): order.append(at))
        world.run_until(now + 10)
    assert order == sorted(order)
    assert len(order) == len(delays)


@given(st.lists(st.tuples(st.integers(0, 3), st.floats(0, 2)), min_size=1, max_size=30))
@settings(max_examples=30)
def test_time_moves_only_when_nothing_is_ready_and_never_back(
    plan: list[tuple[int, float]],
) -> None:
    """Each entry waits in one of four ways; whoever runs notes the time it sees."""
    with World(seed=1) as world:
        seen: list[float] = []
        expected: list[float] = []

        def note() -> None:
            seen.append(world.env.now)
            # What is made ready now runs before time moves.
            world.loop.call_soon(ready, world.env.now)

        def ready(made: float) -> None:
            assert world.loop.time() == world.env.now == made

        async def sleeper(delay: float) -> None:
            await asyncio.sleep(delay)
            note()

        def process(delay: float) -> Generator[Any, Any, None]:
            yield world.env.timeout(delay)
            note()

        for way, delay in plan:
            expected.append(world.env.now + delay)
            if way == 0:
                world.operator.start(lambda delay=delay: sleeper(delay))
            elif way == 1:
                world.env.process(process(delay))
            elif way == 2:
                world.env.call_later(delay, note)
            else:
                world.loop.call_later(delay, note)
        world.run_until(world.env.now + 5)
    assert seen == sorted(seen)
    assert seen == sorted(expected)


def test_a_cancelled_timer_does_not_stop_time() -> None:
    with World(seed=1) as world:
        stops: list[float] = []
        began = world.env.now
        world.loop.call_at(began + 1, stops.append, 1.0).cancel()
        world.loop.call_at(began + 2, lambda: stops.append(world.env.now))
        assert world.loop._next_timer() == began + 2
        world.run_until(began + 3)
    assert stops == [began + 2]


def test_many_cancelled_timers_do_not_pile_up() -> None:
    with World(seed=1) as world:

        async def main() -> int:
            for _ in range(20_000):
                async with asyncio.timeout(300):
                    pass
            return len(world.loop._timers)

        assert world.run(main) < 200


def test_sleeping_for_a_week_takes_no_time_at_all() -> None:
    with World(seed=1) as world:
        began = world.env.now
        world.run(lambda: asyncio.sleep(7 * 86_400))
        assert world.env.now == began + 7 * 86_400


def test_deadlines_are_absolute_so_many_sleeps_do_not_drift() -> None:
    with World(seed=1) as world:

        async def main() -> None:
            began = world.loop.time()
            for number in range(1, 1001):
                deadline = began + number / 10
                async with asyncio.timeout_at(deadline + 1):
                    future = world.loop.create_future()
                    world.loop.call_at(deadline, future.set_result, None)
                    await future
                assert world.loop.time() == deadline

        world.run(main)


def test_a_wait_that_nothing_can_end_is_a_standstill() -> None:
    with World(seed=1) as world:

        async def main() -> None:
            await asyncio.Event().wait()

        with pytest.raises(StandstillError, match="still being waited for"):
            world.run(main)


def test_a_process_that_waits_for_nothing_is_a_standstill() -> None:
    with World(seed=1) as world:

        def process() -> Generator[Any, Any, None]:
            yield world.env.timeout(1)
            yield world.env.event()

        with pytest.raises(StandstillError):
            world.run(process())


def wake_each_other_by_tasks(world: World) -> None:
    async def main() -> None:
        while True:
            await asyncio.sleep(0)

    world.run(main)


def wake_each_other_by_timers(world: World) -> None:
    def again() -> None:
        world.loop.call_at(world.env.now, again)

    again()
    world.run_until(5)


def wake_each_other_by_events(world: World) -> None:
    def process() -> Generator[Any, Any, None]:
        while True:
            yield world.env.timeout(0)

    world.run(process())


def wake_each_other_by_calls(world: World) -> None:
    def again() -> None:
        world.env.call_later(0, again)

    again()
    world.run_until(5)


@pytest.mark.parametrize(
    "wake_each_other",
    [
        wake_each_other_by_tasks,
        wake_each_other_by_timers,
        wake_each_other_by_events,
        wake_each_other_by_calls,
    ],
)
def test_those_who_keep_waking_each_other_are_a_livelock(
    wake_each_other: Callable[[World], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LIVELOCK_TURNS", 1000)

    def run() -> None:
        with World(seed=1) as world:
            wake_each_other(world)

    with pytest.raises(LivelockError, match="without time moving"):
        run()
    with World(seed=1):
        pass  # nothing is left behind


def test_many_turns_with_time_moving_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LIVELOCK_TURNS", 100)
    with World(seed=1) as world:

        async def main() -> None:
            for _ in range(1000):
                await asyncio.sleep(1e-6)

        world.run(main)


def test_work_for_an_executor_runs_inline_on_a_later_turn_and_takes_no_time() -> None:
    with World(seed=1) as world:
        order: list[Any] = []

        def work(name: str) -> str:
            order.append((name, threading.get_ident()))
            return name.upper()

        async def main() -> None:
            began = world.loop.time()
            future = world.loop.run_in_executor(None, work, "a")
            order.append("asked")
            assert await future == "A"
            assert await asyncio.to_thread(work, "b") == "B"
            with ThreadPoolExecutor() as pool:
                assert await world.loop.run_in_executor(pool, work, "c") == "C"
            assert world.loop.time() == began

        world.run(main)
    here = threading.get_ident()
    assert order == ["asked", ("a", here), ("b", here), ("c", here)]


def test_an_error_of_executor_work_reaches_the_awaiting_code() -> None:
    with World(seed=1) as world:

        async def main() -> None:
            with pytest.raises(ZeroDivisionError):
                await asyncio.to_thread(lambda: 1 // 0)

        world.run(main)


def test_cancelled_executor_work_does_not_run() -> None:
    with World(seed=1) as world:

        async def main() -> None:
            world.loop.run_in_executor(None, pytest.fail, "it was cancelled").cancel()
            await asyncio.sleep(1)

        world.run(main)


def test_another_thread_may_not_call_into_the_loop() -> None:
    refused: list[BaseException] = []
    told = threading.Event()
    asked = threading.Event()
    world = World(seed=1)

    def foreign() -> None:
        asked.wait()
        try:
            world.loop.call_soon_threadsafe(pytest.fail, "it was refused")
        except EscapeError as error:
            refused.append(error)
        told.set()

    thread = threading.Thread(target=foreign)
    thread.start()  # before the guard forbids it
    with world:

        async def main() -> None:
            asked.set()
            told.wait()
            await asyncio.sleep(1)

        world.run(main)
    thread.join()
    assert "one thread" in str(refused[0])


def test_the_own_thread_may_use_call_soon_threadsafe() -> None:
    with World(seed=1) as world:

        async def main() -> None:
            future = world.loop.create_future()
            world.loop.call_soon_threadsafe(future.set_result, 3)
            assert await future == 3

        world.run(main)


@pytest.mark.parametrize(
    "forbidden",
    [
        lambda loop: loop.add_signal_handler(2, print),
        lambda loop: loop.add_reader(0, print),
        lambda loop: loop.add_writer(1, print),
    ],
)
def test_what_the_loop_does_not_have_says_so(forbidden: Any) -> None:
    with World(seed=1) as world, pytest.raises(NotImplementedError):
        forbidden(world.loop)


def test_asyncio_features_work_on_virtual_time() -> None:
    with World(seed=1) as world:

        async def main() -> list[Any]:
            began = world.loop.time()
            queue: asyncio.Queue[int] = asyncio.Queue(maxsize=2)
            lock, semaphore, event = asyncio.Lock(), asyncio.Semaphore(2), asyncio.Event()
            condition, barrier = asyncio.Condition(), asyncio.Barrier(3)
            log: list[Any] = []

            async def produce() -> None:
                for number in range(5):
                    await queue.put(number)
                    await asyncio.sleep(0.5)
                event.set()

            async def consume() -> None:
                while not (event.is_set() and queue.empty()):
                    log.append((await queue.get(), round(world.loop.time() - began, 6)))
                    await asyncio.sleep(1)

            async def worker(name: str) -> None:
                async with lock:
                    await asyncio.sleep(1)
                async with semaphore:
                    await asyncio.sleep(1)
                async with condition:
                    condition.notify_all()
                await barrier.wait()
                log.append(name)

            async with asyncio.TaskGroup() as group:
                group.create_task(produce())
                group.create_task(consume())
                for name in ("a", "b", "c"):
                    group.create_task(worker(name))
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(10):
                    await asyncio.Event().wait()
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(asyncio.sleep(10), 3)
            done = await asyncio.gather(asyncio.sleep(2, "x"), asyncio.sleep(1, "y"))
            first = next(asyncio.as_completed([asyncio.sleep(2, "x"), asyncio.sleep(1, "y")]))
            log += [done, await first]
            return log

        log = world.run(main)
    assert log[:5] == [(0, 0), (1, 1), (2, 2), (3, 3), "c"] or log[:4] == [
        (0, 0),
        (1, 1),
        (2, 2),
        (3, 3),
    ]
    assert log[-2:] == [["x", "y"], "y"]
