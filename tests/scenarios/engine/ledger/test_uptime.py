"""Pauses do not count as time in which a host could have done something."""

from typing import Any

from scenarios.engine.ledger.uptime import AFTERMATH, Uptime


def uptime(*events: tuple[int, str, str]) -> Uptime:
    known = Uptime()
    for t, kind, host in events:
        event: dict[str, Any] = {"t": t, "kind": kind, "host": host}
        known.handlers[kind](t, event)
    return known


def test_a_host_runs_but_for_its_pauses() -> None:
    known = uptime((10, "host.paused", "a"), (15, "host.resumed", "a"), (30, "host.paused", "a"))
    assert known.ran_for("a", 0, 10) == 10
    assert known.ran_for("a", 0, 20) == 15
    assert known.ran_for("a", 12, 14) == 0
    assert known.ran_for("a", 20, 50) == 10
    assert known.ran_for("b", 0, 50) == 50


def test_a_pause_ends_with_the_power() -> None:
    known = uptime((10, "host.paused", "a"), (15, "host.crashed", "a"))
    assert known.ran_for("a", 0, 20) == 15
    assert (known.crashed, known.ended) == ({"a": 15}, {"a": 15})


def test_a_host_is_up_unless_it_is_off_or_paused() -> None:
    assert uptime().is_up("a")
    assert not uptime((1, "host.crashed", "a")).is_up("a")
    assert uptime((1, "host.crashed", "a"), (2, "host.booted", "a")).is_up("a")
    assert not uptime((1, "host.paused", "a")).is_up("a")
    assert uptime((1, "host.paused", "a"), (2, "host.resumed", "a")).is_up("a")


def test_a_server_that_stops_in_good_order_has_ended_without_losing_its_power() -> None:
    known = uptime((5, "server.stopped", "a"))
    assert (known.crashed, known.ended) == ({}, {"a": 5})


def test_a_fault_troubles_while_it_is_in_force_and_a_while_after_it() -> None:
    assert not uptime().trouble_since(0)
    known = uptime((5, "fault.started", "network"))
    assert known.trouble_since(5 + 2 * AFTERMATH)
    known.handlers["fault.ended"](7, {"t": 7, "kind": "fault.ended", "host": "network"})
    assert known.trouble_since(7 + AFTERMATH)
    assert not known.trouble_since(8 + AFTERMATH)
