"""A process that waits for something in the trace is woken when it is there, and not before."""

from collections.abc import Generator
from typing import Any

import simpy

from scenarios.engine.running.watch import Watch


def waiting(env: simpy.Environment, watch: Watch, seen: list[str]) -> list[float]:
    """Starts a process that waits until `seen` holds two; the time at which it woke."""
    woken: list[float] = []

    def wait() -> Generator[simpy.Event, Any, None]:
        yield watch.until(lambda: len(seen) >= 2, frozenset({"push.accepted"}))
        woken.append(env.now)

    env.process(wait())
    return woken


def test_a_condition_is_asked_after_events_of_its_kinds_only() -> None:
    env = simpy.Environment()
    watch, seen = Watch(env), ["one"]
    woken = waiting(env, watch, seen)
    env.run(until=1)
    seen.append("two")
    watch.feed({"t": 0, "host": "site", "kind": "message.created"})
    env.run(until=2)
    assert woken == []
    watch.feed({"t": 0, "host": "gateway", "kind": "push.accepted"})
    env.run(until=3)
    assert woken == [2]


def test_a_condition_that_holds_already_does_not_wait() -> None:
    env = simpy.Environment()
    woken = waiting(env, Watch(env), ["one", "two"])
    env.run(until=1)
    assert woken == [0]
