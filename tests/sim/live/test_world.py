"""A live world's time is the wall clock; what fails in it is raised where it is run."""

from collections.abc import Generator
from typing import Any

import pytest
import simpy

from sim.kernel.errors import UnhandledErrors
from sim.live.world import LiveWorld

pytestmark = pytest.mark.live


def test_an_event_comes_at_its_time_and_not_before(world: LiveWorld) -> None:
    def main() -> Generator[simpy.Event, Any, float]:
        start = world.env.now
        yield world.env.timeout(0.02)
        return world.env.now - start

    assert world.run(main()) >= 0.02


def test_events_come_in_the_order_of_their_times_whatever_the_order_of_asking(
    world: LiveWorld,
) -> None:
    seen: list[str] = []
    done = world.env.event()
    world.env.call_later(0.03, lambda: (seen.append("late"), done.succeed()))
    world.env.call_later(0.01, seen.append, "early")
    world.env.call_later(0.02, seen.append, "cancelled").cancel()
    world.run(done)

    assert seen == ["early", "late"]


def test_an_event_that_a_callback_of_the_loop_makes_wakes_the_clock(world: LiveWorld) -> None:
    happened = world.env.event()
    world.env.call_later(3600, happened.fail, TimeoutError("slept on"))
    world.loop.call_later(0.01, happened.succeed, "now")

    assert world.run(happened) == "now"


def test_the_clock_sleeps_between_events(world: LiveWorld) -> None:
    turns = 0
    once = world.loop._run_once  # type: ignore[attr-defined]

    def counted() -> None:
        nonlocal turns
        turns += 1
        once()

    world.loop._run_once = counted  # type: ignore[attr-defined]
    world.run(world.env.timeout(0.2))

    assert turns < 50


def test_what_a_process_raises_is_raised_by_run(world: LiveWorld) -> None:
    def main() -> Generator[simpy.Event, Any, None]:
        yield world.env.timeout(0)
        raise ValueError("in a process")

    with pytest.raises(ValueError, match="in a process"):
        world.run(main())


def test_a_failure_that_nobody_waits_for_ends_the_run() -> None:
    def stray() -> Generator[simpy.Event, Any, None]:
        yield world.env.timeout(0.01)
        raise ValueError("stray")

    with LiveWorld(1) as world:
        world.env.process(stray())
        with pytest.raises(ValueError, match="stray"):
            world.run(world.env.timeout(60))


def test_an_error_in_a_callback_of_the_loop_is_raised_at_the_end() -> None:
    def fail() -> None:
        raise ValueError("in a callback")

    def run() -> None:
        with LiveWorld(1) as world:
            world.loop.call_soon(fail)
            world.run(world.env.timeout(0.01))

    with pytest.raises(UnhandledErrors, match="in a callback"):
        run()


def test_the_same_seed_gives_the_same_names_and_keys_but_no_digest() -> None:
    drawn = []
    for _ in range(2):
        with LiveWorld(7) as world:
            drawn.append(world.seeds.stream("keys").random())
            assert world.digest() == ""
    assert drawn[0] == drawn[1]


def test_names_of_hosts_are_taken_once(world: LiveWorld) -> None:
    world.host("gateway")
    with pytest.raises(ValueError, match="there is a host named"):
        world.host("gateway")
    with pytest.raises(ValueError, match="already belongs to gateway"):
        world.network.alias("gateway", world.host("other"))
