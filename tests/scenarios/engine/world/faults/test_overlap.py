"""Faults of one host that overlap."""

from collections.abc import Callable
from typing import Any

Run = Callable[..., Any]


def test_a_paused_server_that_is_told_to_stop_goes_on_afterwards(run: Run) -> None:
    done = run(
        "id: f, target: host.gateway, inject: pause, window: { from: 10s, for: 10s }",
        "id: g, target: host.gateway, inject: restart, window: { from: 15s, for: 10s },"
        " may_not_fire: true",
    )
    assert done.result.verdict == "passed", done.failures
    assert done.result.faults[1].fired == 0, "it hears nothing"
    assert not done.happened("server.stopped")


def test_a_server_that_takes_its_time_to_stop_comes_back_once(run: Run) -> None:
    # It waits for the silence of APNs that confirms its pushes, longer than both faults last.
    done = run(
        "id: f, target: host.gateway, inject: restart, window: { from: 500ms, for: 500ms }",
        "id: g, target: host.gateway, inject: restart, window: { from: 2s, for: 1s },"
        " may_not_fire: true",
    )
    assert done.result.verdict == "passed", done.failures
    assert done.result.fates["delivered"] == 2
