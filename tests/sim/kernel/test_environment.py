"""The environment: calls beside SimPy's events, cancelled ones, and the order of one moment."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from simpy.core import EmptySchedule

from sim.kernel import environment as module
from sim.kernel.environment import Call, SimEnvironment


def run(env: SimEnvironment) -> None:
    while env.next_event_time() < float("inf"):
        env.step()


def test_a_call_happens_at_its_moment_with_its_arguments() -> None:
    env = SimEnvironment(start=10.25)
    seen: list[Any] = []
    env.call_at(12.5, lambda *args: seen.append((env.now, args)), 1, "two")
    env.call_later(1, lambda: seen.append((env.now, ())))
    run(env)
    assert seen == [(11.25, ()), (12.5, (1, "two"))]


def test_a_call_in_the_past_happens_now() -> None:
    env = SimEnvironment(start=100)
    seen: list[float] = []
    env.call_at(5, lambda: seen.append(env.now))
    run(env)
    assert seen == [100]


def test_calls_and_events_of_one_moment_keep_the_order_in_which_they_were_made() -> None:
    env = SimEnvironment()
    order: list[str] = []

    def note(name: str) -> Any:
        return lambda *_: order.append(name)

    env.call_at(1, note("call 1"))
    env.timeout(1).callbacks.append(note("timeout"))
    env.call_at(1, note("call 2"))
    run(env)
    assert order == ["call 1", "timeout", "call 2"]


def test_a_cancelled_call_never_happens_and_time_does_not_stop_at_it() -> None:
    env = SimEnvironment()
    cancelled = env.call_at(1, pytest.fail, "it was cancelled")
    env.call_at(2, lambda: None)
    cancelled.cancel()
    cancelled.cancel()
    assert env.next_event_time() == 2
    env.step()
    assert env.now == 2


def test_step_passes_over_a_cancelled_call_without_moving_time() -> None:
    env = SimEnvironment()
    env.call_at(1, pytest.fail, "it was cancelled").cancel()
    env.step()
    assert env.now == 0
    with pytest.raises(EmptySchedule):
        env.step()


def test_cancelling_after_it_happened_is_harmless() -> None:
    env = SimEnvironment()
    call = env.call_at(1, lambda: None)
    run(env)
    call.cancel()
    assert env.next_event_time() == float("inf")


def test_a_call_may_cancel_itself_and_its_neighbour_of_the_same_moment() -> None:
    env = SimEnvironment()
    calls: list[Call] = []

    def cancel_both() -> None:
        for call in calls:
            call.cancel()

    calls += [env.call_at(1, cancel_both), env.call_at(1, pytest.fail, "it was cancelled")]
    run(env)


def test_many_cancelled_calls_are_swept_from_the_heap() -> None:
    env = SimEnvironment()
    kept: list[int] = []
    for number in range(100):
        env.call_at(number, kept.append, number)
    for number in range(module._SWEEP_FROM * 8):
        env.call_at(1000 + number, pytest.fail, "it was cancelled").cancel()
        assert len(env._queue) <= 2 * module._SWEEP_FROM + 2
    run(env)
    assert kept == list(range(100))


def test_an_error_of_a_call_comes_out_of_step() -> None:
    env = SimEnvironment()
    env.call_at(1, lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        env.step()


def test_the_clock_can_be_put_forward_but_never_back() -> None:
    env = SimEnvironment(start=5)
    env.advance_to(3)
    assert env.now == 5
    env.advance_to(7)
    assert env.now == 7


def test_simpy_processes_still_work_with_calls_between_them() -> None:
    env = SimEnvironment()
    seen: list[tuple[str, float]] = []

    def process() -> Any:
        for _ in range(3):
            yield env.timeout(1)
            seen.append(("process", env.now))

    env.process(process())
    env.call_at(1.5, lambda: seen.append(("call", env.now)))
    env.run(until=10)
    assert seen == [("process", 1), ("call", 1.5), ("process", 2), ("process", 3)]


@given(
    st.lists(st.tuples(st.integers(0, 20), st.booleans(), st.booleans()), max_size=700),
)
def test_whatever_is_cancelled_the_rest_happens_in_order(
    plan: list[tuple[int, bool, bool]],
) -> None:
    env = SimEnvironment()
    happened: list[tuple[float, int]] = []
    expected: list[tuple[float, int]] = []
    for number, (when, cancel, at_once) in enumerate(plan):
        call = env.call_at(when, lambda number=number: happened.append((env.now, number)))
        if cancel and at_once:
            call.cancel()
        elif cancel:
            env.call_at(-1, call.cancel)
        else:
            expected.append((when, number))
    if any(cancel and not at_once and when == 0 for when, cancel, at_once in plan):
        return  # cancelled at the moment of the call itself: either order is right
    run(env)
    assert happened == sorted(expected)
