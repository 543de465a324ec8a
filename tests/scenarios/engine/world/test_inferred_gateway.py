"""What a gateway without a log must have done follows from what the others saw."""

from typing import Any

from scenarios.engine.ledger.fates import Ledger
from scenarios.engine.world.inferred_gateway import InferredGateway

CREATED = {"host": "site", "kind": "message.created", "message": 1, "user_from": 2, "user_to": 3}


def requested(token: str, status: int = 200, push: str | None = None) -> dict[str, Any]:
    return {
        "host": "site", "kind": "push.requested", "message": 1, "device": 1, "token_ref": token,
        "status": status, "gateway_push": push, "error": None,
    }  # fmt: skip


def at_apns(what: str, token: str, identifier: int, **fields: Any) -> dict[str, Any]:
    return {
        "host": "apns", "kind": f"vendor.{what}", "service": "apns", "token_ref": token,
        "peer": "127.0.0.1:5", "identifier": identifier, **fields,
    }  # fmt: skip


def at_gcm(token: str, message_id: str) -> dict[str, Any]:
    return {
        "host": "gcm", "kind": "vendor.accepted", "service": "gcm", "token_ref": token,
        "nid": message_id, "message_id": message_id,
    }  # fmt: skip


def follow(*events: dict[str, Any]) -> tuple[Ledger, list[dict[str, Any]]]:
    gateway, ledger = InferredGateway("moodle"), Ledger()
    seen = [
        event
        for number, event in enumerate(events)
        for event in gateway.interpret({"t": number, **event})
    ]
    ledger.feed_all(seen).close()
    return ledger, seen


def kinds(seen: list[dict[str, Any]]) -> list[str]:
    return [event["kind"] for event in seen if event.get("inferred")]


def test_a_push_that_reached_apns_was_accepted_and_dispatched() -> None:
    ledger, seen = follow(CREATED, requested("a"), at_apns("accepted", "a", 1, nid="n"))
    assert kinds(seen) == ["push.accepted", "push.dispatched", "push.completed"]
    [notification] = ledger.notifications
    assert (notification.fate, notification.attempts, notification.message) == ("pending", 1, "1")
    assert ledger.findings.all == []


def test_a_push_that_reached_gcm_is_joined_by_the_message_id() -> None:
    ledger, _ = follow(CREATED, requested("a", push="of another system"), at_gcm("a", "0:1"))
    assert [len(n.copies) for n in ledger.notifications] == [1]
    assert ledger.findings.all == []


def test_a_refusal_is_the_sites_answer() -> None:
    ledger, seen = follow(CREATED, requested("a", status=403))
    assert kinds(seen) == ["push.refused"]
    assert ledger.counts()["refused"] == 1


def test_no_answer_infers_nothing() -> None:
    ledger, seen = follow(CREATED, requested("a", status=0))
    assert kinds(seen) == []
    assert ledger.counts()["lost"] == 1


def test_pushes_for_one_token_arrive_in_the_order_of_acceptance() -> None:
    ledger, seen = follow(
        CREATED, requested("a"), requested("a"),
        at_apns("accepted", "a", 1, nid="n1"), at_apns("accepted", "a", 2, nid="n2"),
    )  # fmt: skip
    dispatched = [event["push"] for event in seen if event["kind"] == "push.dispatched"]
    assert dispatched == ["inferred-1", "inferred-2"]
    assert [len(n.copies) for n in ledger.notifications] == [1, 1]


def test_one_arrival_more_on_another_connection_is_a_push_sent_again() -> None:
    again = {**at_apns("accepted", "a", 7, nid="n2"), "peer": "127.0.0.1:6"}
    ledger, _ = follow(CREATED, requested("a"), at_apns("accepted", "a", 1, nid="n1"), again)
    [notification] = ledger.notifications
    assert (notification.attempts, len(notification.copies)) == (2, 2)


def test_a_push_may_arrive_before_the_site_has_told_of_it() -> None:
    other = {**CREATED, "message": 2}
    ledger, _ = follow(
        CREATED, at_apns("accepted", "a", 1, nid="n1"), requested("a"),
        other, at_apns("accepted", "a", 2, nid="n2"), {**requested("a"), "message": 2},
    )  # fmt: skip
    assert [(n.message, n.origin) for n in ledger.notifications] == [
        ("1", "message"),
        ("2", "message"),
    ]
    assert [len(n.copies) for n in ledger.notifications] == [1, 1]
    assert ledger.findings.all == []


def test_a_rejected_token_is_a_rejected_push() -> None:
    ledger, _ = follow(CREATED, requested("a"), at_apns("rejected", "a", 1, reason="invalid_token"))
    assert ledger.counts()["rejected"] == 1


def test_what_reaches_a_push_service_after_a_broadcast_is_one_of_it() -> None:
    broadcast = {"host": "site", "kind": "broadcast.requested", "channel": "c", "status": 200}
    ledger, _ = follow(broadcast, at_apns("accepted", "a", 1, nid="n1"), at_gcm("b", "0:1"))
    assert [n.origin for n in ledger.notifications] == ["broadcast", "broadcast"]
    assert ledger.findings.all == []


def test_other_events_pass_as_they_are() -> None:
    _, seen = follow(CREATED)
    assert seen == [{"t": 0, **CREATED}]


def test_what_a_gateway_of_2013_refused_with_status_200_was_not_accepted() -> None:
    refused = {**requested("a"), "refused": True}
    ledger, seen = follow(CREATED, refused)
    assert kinds(seen) == ["push.refused"]
    [notification] = ledger.notifications
    assert notification.fate == "refused"
