"""Faults begin and end in their windows, and one that changes nothing is reported at its place."""

import json
from collections.abc import Callable
from typing import Any

import pytest

PAUSE = "id: f, target: host.site, inject: pause"
WAITS = """\
flow:
  - { do: wait, with: { for: 10s } }
  - { do: settle }
  - { do: wait, with: { for: 20s } }
"""


@pytest.mark.parametrize(
    ("window", "start", "end"),
    [
        ("", 0, None),
        (", window: { from: 2s }", 2, None),
        (", window: { to: 3s }", 0, 3),
        (", window: { from: 2s, for: 5s }", 2, 7),
        (", window: { from: 2s, to: 5s }", 2, 5),
        (", window: { from: step 3 }", 11, None),
        (", window: { from: step settle, to: step settle }", 10, 11),
        (", window: { from: step wait, to: step wait }", 0, 10),
        (", window: { from: 5s, to: step 2 }", 5, 11),
        (", window: { from: step settle, to: step wait }", 10, 31),
        (", window: { from: step 2, for: 5s }", 10, 15),
        (", window: { from: step 3 + 5s }", 16, None),
        (", window: { from: step wait + 5s, for: 2s }", 5, 7),
        (", window: { from: 5s, to: step 2 + 3s }", 5, 14),
    ],
)
def test_a_window(run: Callable[..., Any], window: str, start: float, end: float | None) -> None:
    done = run(PAUSE + window, flow=WAITS)
    assert done.result.verdict == "passed", done.failures
    assert done.times("f") == (pytest.approx(start), end if end is None else pytest.approx(end))
    [outcome] = done.result.faults
    flow = done.happened("step.started", n=1)[0]["t"]
    assert outcome.started == pytest.approx(flow + start * 1e9)
    assert (outcome.ended is None) is (end is None)


def test_before_dispatch_is_before_the_first_message_and_happens_once(
    run: Callable[..., Any],
) -> None:
    flow = """\
flow:
  - { do: wait,    with: { for: 5s } }
  - { do: message, by: ana, with: { to: ben, text: One two three } }
  - { do: message, by: ana, with: { to: ben, text: Four five six } }
"""
    fault = "id: f, target: device.phone, inject: uninstall, window: { from: before_dispatch }"
    done = run(fault, flow=flow)
    assert done.times("f") == (pytest.approx(5), pytest.approx(5))


def test_a_range_is_drawn_anew_with_each_seed_and_alike_with_the_same(
    run: Callable[..., Any],
) -> None:
    fault = PAUSE + ", window: { from: 1s..5s, for: 1s..5s }"
    first, again, other = (run(fault, flow=WAITS, seed=seed).times("f") for seed in (1, 1, 2))
    assert first == again != other
    assert 1 <= first[0] <= 5
    assert 1 <= first[1] - first[0] <= 5


def test_one_fault_more_changes_nothing_of_another(run: Callable[..., Any]) -> None:
    fault = PAUSE + ", window: { from: 1s..5s, for: 1s..5s }"
    more = "id: g, target: host.gateway, inject: pause, window: { from: 1s..5s }"
    assert run(fault, flow=WAITS).times("f") == run(more, fault, flow=WAITS).times("f")


def test_a_fault_whose_time_never_comes_is_reported(run: Callable[..., Any]) -> None:
    done = run(PAUSE + ", window: { from: 1h }", flow=WAITS)
    assert done.result.verdict == "failed"
    assert "faults.yaml:10:41: error[fault-not-fired]: the fault 'f' did not fire" in done.failures
    assert "the flow was over before its window opened" in done.failures


def test_a_fault_that_nothing_meets_is_reported(run: Callable[..., Any]) -> None:
    fault = "id: f, target: link.site-gateway, inject: partition, window: { to: 5s }"
    assert "nothing met it from" in run(fault, flow=WAITS).failures


def test_a_fault_that_nothing_meets_is_explained_where_it_began(run: Callable[..., Any]) -> None:
    fault = "id: f, target: link.site-gateway, inject: partition, window: { from: 2s, to: 5s }"
    done = run(fault, flow=WAITS)
    assert done.result.explained_at == done.result.faults[0].started
    assert not done.result.circumstances
    assert run(fault, flow=WAITS + "expect: { fates: { delivered: 1 } }\n").result.circumstances


def test_a_fault_that_may_not_fire_is_not_reported(run: Callable[..., Any]) -> None:
    done = run(PAUSE + ", window: { from: 1h }, may_not_fire: true", flow=WAITS)
    assert done.result.verdict == "passed"


def test_what_is_in_force_at_the_end_of_the_flow_is_not_healed(run: Callable[..., Any]) -> None:
    done = run("id: f, target: host.gateway, inject: crash, window: { from: 5s }", flow=WAITS)
    assert done.result.verdict == "passed", done.failures
    assert not done.happened("host.booted")


def test_the_summary_tells_of_the_faults(run: Callable[..., Any]) -> None:
    done = run(PAUSE + ", window: { from: 2s, for: 5s }", flow=WAITS)
    [fault] = json.loads((done.result.record / "summary.json").read_text())["faults"]
    assert (fault["id"], fault["inject"], fault["target"]) == ("f", "pause", "host.site")
    assert fault["end_ns"] - fault["start_ns"] == pytest.approx(5e9)
    assert fault["fired"] == 1


def test_a_scenario_without_faults_draws_nothing_for_them(run: Callable[..., Any]) -> None:
    with_one = run(PAUSE + ", window: { from: 1h }, may_not_fire: true")
    assert with_one.result.wire_digest == run().result.wire_digest
