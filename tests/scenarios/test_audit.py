"""What site, gateway, push services and phones have themselves is held against the trace."""

from collections.abc import Callable
from typing import Any

import pytest

from scenarios.engine.ledger.audit import Audit, differences, take_audit
from scenarios.engine.ledger.fates import Ledger
from scenarios.engine.ledger.invariants import Evidence, Witness, check

NOTHING: dict[str, dict[str, int]] = {}


@pytest.fixture(scope="module")
def observed(tapped: Callable[..., Any]) -> tuple[list[dict[str, Any]], Audit]:
    """One message to a phone that nobody looks at."""
    run = tapped("security/shared_phone.yaml")
    return run.events, take_audit(run.deployment)


def conservation(events: list[dict[str, Any]], audit: Audit) -> tuple[str, ...]:
    ledger = Ledger().feed_all(events)
    ledger.close()
    return check("conservation", Evidence(ledger, Witness(), {}, (), audit)).violations


def test_a_whole_trace_agrees_with_everybody(
    observed: tuple[list[dict[str, Any]], Audit],
) -> None:
    events, audit = observed
    assert audit.messages == 1
    assert sum(len(tray) for tray in audit.trays.values()) == 1
    assert conservation(events, audit) == ()


@pytest.mark.parametrize(
    ("kind", "violation"),
    [
        ("message.created", "the site has 1 messages, the trace 0"),
        ("push.dispatched", "apns counts 1 accepted, the trace 0"),
        ("push.completed", "push 1 is pending, and the gateway's outbox does not have it"),
        ("vendor.accepted", "apns counts 1 accepted, the trace 0"),
        ("vendor.acked", "apns counts 1 acknowledged, the trace 0"),
        ("phone.received", "the tray of phone has 1, and the trace does not show it there"),
        ("phone.displayed", "the tray of phone has 1, and the trace does not show it there"),
    ],
)
def test_one_event_that_is_missing_from_a_trace_breaks_conservation(
    observed: tuple[list[dict[str, Any]], Audit], kind: str, violation: str
) -> None:
    events, audit = observed
    place = next(n for n, event in enumerate(events) if event["kind"] == kind)
    assert violation in conservation(events[:place] + events[place + 1 :], audit)


def disagree(*events: dict[str, Any], **audit: Any) -> list[str]:
    ledger = Ledger().feed_all({"t": t, **event} for t, event in enumerate(events))
    ledger.close()
    known: dict[str, Any] = {"messages": 0, "outbox": (), "counted": NOTHING, "trays": {}}
    return list(differences(ledger, Audit(**(known | audit))))


def test_a_push_in_the_outbox_that_nobody_accepted_is_a_difference() -> None:
    [text] = disagree(outbox=("7",))
    assert text == "push 7 is in the gateway's outbox, and the trace does not say so"


def test_servers_that_lost_their_power_may_have_stored_what_they_did_not_tell() -> None:
    crashes = [{"kind": "host.crashed", "host": host} for host in ("gateway", "site")]
    assert disagree(*crashes, outbox=("7",), messages=1) == []


def test_a_gateway_that_is_up_again_does_not_keep_what_it_has_ticked_off() -> None:
    told: list[dict[str, Any]] = [
        {"kind": "push.accepted", "host": "gateway", "push": "1", "token_ref": "aa"},
        {"kind": "push.completed", "host": "gateway", "push": "1", "provider": "apns"},
        {"kind": "host.crashed", "host": "gateway"},
    ]
    assert disagree(*told, outbox=("1",)) == []
    told.append({"kind": "host.booted", "host": "gateway"})
    assert disagree(*told, outbox=("1",)) == [
        "push 1 is in the gateway's outbox, and the trace does not say so"
    ]


def test_into_the_outbox_of_a_foreign_gateway_nobody_can_look() -> None:
    accepted = {
        "kind": "push.accepted", "host": "gateway", "push": "1", "token_ref": "aa",
    }  # fmt: skip
    assert disagree(accepted, outbox=None) == []
    assert disagree(accepted) == ["push 1 is pending, and the gateway's outbox does not have it"]
