"""A step waits for what it expects of a broadcast, and for a moment that nothing more comes."""

from collections.abc import Generator
from types import SimpleNamespace
from typing import Any, cast

import simpy

from scenarios.engine.running.context import Context, Task
from scenarios.engine.running.steps.arriving import all_expected, missing
from scenarios.engine.running.watch import Watch

KINDS = frozenset({"arrived"})


def waited(*arrivals: float, expected: int | None, within: float = 10.0) -> tuple[float, int]:
    """When the step ended, and how many had arrived by then; arrivals at these moments."""
    env = simpy.Environment()
    watch, arrived = Watch(env), 0

    def happen() -> Generator[simpy.Event, Any, None]:
        nonlocal arrived
        for moment in arrivals:
            yield env.timeout(moment - env.now)
            arrived += 1
            watch.feed({"kind": "arrived"})

    task = Task(1, "dispatch", "gateway", {}, within, lambda _name: expected)
    context = cast(Context, SimpleNamespace(env=env, watch=watch))
    counts = {"accepted": lambda: arrived}
    env.process(happen())
    step = env.process(all_expected(context, task, counts, lambda: arrived > 0, KINDS))
    env.run(step | env.timeout(within))
    assert step.triggered == (not missing(task, counts) and arrived > 0)
    return env.now, arrived


def test_it_waits_for_the_number_that_is_expected() -> None:
    assert waited(1.0, 1.5, 4.0, expected=3) == (4.5, 3)


def test_one_too_many_is_seen() -> None:
    assert waited(1.0, 1.25, 1.6, expected=2) == (2.25, 3)


def test_without_a_number_it_waits_for_a_moment_of_silence() -> None:
    assert waited(1.0, 1.25, 4.0, expected=None) == (2.0, 2)


def test_what_never_comes_is_missing_when_the_time_is_over() -> None:
    assert waited(1.0, expected=2) == (10.0, 1)


def test_what_comes_in_the_last_moment_has_come() -> None:
    end, arrived = waited(1.0, 9.9, expected=2)
    assert end < 10.0
    assert arrived == 2
