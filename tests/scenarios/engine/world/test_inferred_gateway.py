"""What a gateway without a log must have done follows from what the others saw."""

from typing import Any

from scenarios.engine.ledger.fates import Ledger
from tests.scenarios.engine.inferred_run import (
    BROADCAST,
    CLOSED,
    CONNECTED,
    CREATED,
    P1,
    P2,
    Run,
    at_apns,
    at_gcm,
    bad_token,
    discarded,
    message,
    rejected_by_gcm,
    requested,
    unavailable,
)


def follow(*events: dict[str, Any]) -> tuple[Ledger, list[dict[str, Any]]]:
    run = Run().tell(*events)
    run.ledger.close()
    return run.ledger, run.seen


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
        message(1, "a", "a"), requested("a"), requested("a"),
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
    ledger, _ = follow(BROADCAST, at_apns("accepted", "a", 1, nid="n1"), at_gcm("b", "0:1"))
    assert [n.origin for n in ledger.notifications] == ["broadcast", "broadcast"]
    assert ledger.findings.all == []


def test_other_events_pass_as_they_are() -> None:
    _, seen = follow(CREATED)
    assert seen == [{"t": 1_000_000, **CREATED}]


def test_what_a_gateway_of_2013_refused_with_status_200_was_not_accepted() -> None:
    refused = {**requested("a"), "refused": True}
    ledger, seen = follow(CREATED, refused)
    assert kinds(seen) == ["push.refused"]
    [notification] = ledger.notifications
    assert notification.fate == "refused"


def test_what_apns_discards_is_lost_when_the_gateway_is_connected_and_silent() -> None:
    run = bad_token("a", "b").tell({**CONNECTED, "peer": P2}, at=1.6)
    assert [event["push"] for event in run.of("push.discarded")] == ["inferred-2", "inferred-3"]
    run.wait_until(3.5)
    assert run.fates() == {"created": 3, "rejected": 1, "pending": 2}
    run.wait_until(3.7)
    assert run.fates() == {"created": 3, "rejected": 1, "lost": 2}
    assert [event["t"] for event in run.of("push.lost")] == [3_600_000_000] * 2


def test_a_gateway_that_connects_late_has_its_time_to_send_again() -> None:
    run = bad_token("a").tell({**CONNECTED, "peer": P2}, at=9.0)
    run.tell({**at_apns("accepted", "a", 0, nid="n1"), "peer": P2}, at=10.9).wait_until(60)
    assert run.of("push.lost") == []
    [push] = [each for each in run.ledger.notifications if each.token_ref == "a"]
    assert (push.attempts, len(push.copies)) == (2, 1)


def test_a_gateway_that_is_still_sending_again_has_not_lost_the_rest() -> None:
    run = bad_token("a", "b", "c").tell({**CONNECTED, "peer": P2}, at=1.6)
    for number, token in enumerate("abc"):
        again = at_apns("accepted", token, 0, nid=f"n{token}")
        run.tell({**again, "peer": P2}, at=3.0 + 1.5 * number)
    assert run.wait_until(60).of("push.lost") == []


def test_a_gateway_that_never_connects_again_has_lost_it_after_ten_seconds() -> None:
    run = bad_token("a").wait_until(11.5)
    assert run.of("push.lost") == []
    assert len(run.wait_until(11.6).of("push.lost")) == 1


def test_what_is_sent_again_after_all_is_not_lost() -> None:
    run = bad_token("a").tell({**CONNECTED, "peer": P2}, at=1.6).wait_until(20)
    assert run.fates()["lost"] == 1
    run.tell({**at_apns("accepted", "a", 0, nid="n1"), "peer": P2}, at=21)
    assert run.fates() == {"created": 2, "rejected": 1, "pending": 1}


def test_what_was_sent_again_before_the_old_connection_was_closed_is_not_lost() -> None:
    run = Run().tell({**CONNECTED, "peer": P1}, message(1, "b", "a"), requested("b"))
    run.tell(requested("a"), at_apns("rejected", "b", 0, reason="invalid_token"), at=1)
    run.tell({**CONNECTED, "peer": P2}, at=1.3)
    run.tell({**at_apns("accepted", "a", 1, nid="n1"), "peer": P2}, at=1.4)
    run.tell(discarded("a"), {**CLOSED, "peer": P1}, at=1.5).wait_until(60)
    assert run.of("push.lost") == []
    assert [event["attempt"] for event in run.of("push.dispatched")] == [1, 1, 2]
    assert run.fates() == {"created": 2, "rejected": 1, "pending": 1}
    assert run.ledger.findings.all == []


def test_what_the_api_took_when_apns_closed_is_lost_when_it_never_comes() -> None:
    run = Run(frozenset("xabc")).tell({**CONNECTED, "peer": P1}, message(1, "x", "a", "b", "c"))
    run.tell(requested("x"), at_apns("rejected", "x", 0, reason="invalid_token"), at=1)
    run.tell(requested("a"), {**CLOSED, "peer": P1}, requested("b"), at=1.5)
    run.tell({**CONNECTED, "peer": P2}, requested("c"), at=1.9)
    run.wait_until(3.8)
    assert run.of("push.lost") == []
    run.wait_until(4)
    assert [event["push"] for event in run.of("push.lost")] == [f"inferred-{n}" for n in (2, 3, 4)]
    run.tell({**at_apns("accepted", "b", 0, nid="n"), "peer": P2}, at=5)
    assert run.fates() == {"created": 4, "rejected": 1, "pending": 1, "lost": 2}


def test_what_the_api_took_is_not_lost_as_long_as_there_is_no_connection() -> None:
    run = Run().tell({**CONNECTED, "peer": P1}, CREATED, {**CLOSED, "peer": P1}, requested("a"))
    assert run.wait_until(600).of("push.lost") == []
    run.tell({**CONNECTED, "peer": P2}, at=601)
    run.tell({**at_apns("accepted", "a", 0, nid="n"), "peer": P2}, at=601.1)
    assert run.wait_until(700).of("push.lost") == []


def test_what_the_api_took_at_another_time_or_for_gcm_stays_pending() -> None:
    run = Run(gcm="b").tell({**CONNECTED, "peer": P1}, message(1, "a", "b"))
    run.tell({**CLOSED, "peer": P1}, requested("b"), at=1).tell({**CONNECTED, "peer": P2})
    run.tell(requested("a"), at=2).wait_until(600)
    assert run.of("push.lost") == []
    assert run.fates() == {"created": 2, "pending": 2}


def test_a_connection_that_the_gateway_closes_costs_nothing() -> None:
    run = Run().tell({**CONNECTED, "peer": P1}, CREATED, requested("a"))
    run.tell({**CLOSED, "peer": P1, "reason": "peer"}, {**CONNECTED, "peer": P2}).wait_until(60)
    assert run.of("push.lost") == []


def test_two_pushes_to_one_phone_are_sent_again_as_two() -> None:
    run = bad_token("a", "a").tell({**CONNECTED, "peer": P2}, at=1.6)
    for number in range(2):
        again = {**at_apns("accepted", "a", 0, nid=f"n{number}"), "peer": P2}
        run.tell(again, at=1.7 + number)
    assert run.wait_until(60).fates() == {"created": 3, "rejected": 1, "pending": 2}


def test_what_a_broadcast_had_written_behind_a_bad_token_belongs_to_it() -> None:
    run = Run().tell({**CONNECTED, "peer": P1}, BROADCAST)
    run.tell(at_apns("rejected", "a", 0, reason="invalid_token"), at=1)
    run.tell(discarded("b", "c"), {**CONNECTED, "peer": P2}, at=1.5).wait_until(9)
    assert [each.origin for each in run.ledger.notifications] == ["broadcast"] * 3
    assert run.fates() == {"created": 3, "rejected": 1, "lost": 2}


def test_a_broadcast_over_another_connection_repeats_no_message() -> None:
    run = Run().tell(message(1, "a"), requested("a"), at_apns("accepted", "a", 0, nid="n1"))
    run.tell(BROADCAST, {**at_apns("accepted", "a", 0, nid="n2"), "peer": P2})
    assert [each.origin for each in run.ledger.notifications] == ["message", "broadcast"]
    assert [each.attempts for each in run.ledger.notifications] == [1, 1]


def test_a_refusal_that_passes_on_what_gcm_said_is_of_the_same_push() -> None:
    run = Run().tell(CREATED, rejected_by_gcm("a"), requested("a", status=400))
    assert run.fates() == {"created": 1, "rejected": 1}
    assert run.ledger.findings.all == []


def test_a_push_that_was_sent_and_refused_all_the_same_is_one() -> None:
    run = Run().tell(CREATED, at_gcm("a", "0:1"), requested("a", status=500))
    assert run.fates() == {"created": 1, "pending": 1}


def test_a_push_that_was_refused_and_sent_afterwards_is_one() -> None:
    run = Run().tell(CREATED, requested("a", status=500), at_gcm("a", "0:1"))
    assert run.fates() == {"created": 1, "pending": 1}
    run.ledger.close()
    assert run.ledger.findings.all == []
    run.tell(message(2, "a"), {**requested("a", status=400), "message": 2})
    assert run.fates() == {"created": 2, "pending": 1, "refused": 1}


def test_a_push_that_arrives_after_the_site_gave_up_waiting_is_not_the_next_ones() -> None:
    run = Run().tell(CREATED, requested("a", status=0), at_gcm("a", "0:1"))
    run.tell(message(2, "a"), {**requested("a"), "message": 2})
    run.ledger.close()
    found = [(each.message, len(each.copies)) for each in run.ledger.notifications]
    assert sorted(found) == [("1", 1), ("2", 0)]


def test_what_arrives_before_this_run_has_sent_anything_is_from_before_it() -> None:
    run = Run().tell(at_apns("accepted", "a", 0, nid="n1"), at_gcm("b", "0:1"))
    run.tell(at_apns("rejected", "c", 0, reason="invalid_token"))
    assert run.fates() == {}
    assert run.ledger.findings.all == []
    assert [bool(event.get("leftover")) for event in run.seen] == [True] * 3
    run.tell(CREATED, requested("a"), at_apns("accepted", "a", 0, nid="n2"))
    assert run.fates() == {"created": 1, "pending": 1}


def test_a_token_of_no_phone_of_this_run_is_from_before_it() -> None:
    run = Run(ours="ab").tell({**CONNECTED, "peer": P1}, BROADCAST)
    run.tell(at_apns("accepted", "a", 0, nid="n1"), at=1)
    run.tell(at_apns("rejected", "old", 0, reason="invalid_token"), at=1.05)
    run.tell(discarded("b", "older"), {**CONNECTED, "peer": P2}, at=1.5).wait_until(9)
    assert run.fates() == {"created": 2, "pending": 1, "lost": 1}
    assert run.of("vendor.discarded")[0]["leftovers"] == 1
    run.ledger.close()
    assert run.ledger.findings.all == []


def test_a_request_that_gcm_refused_was_written_and_its_repetition_is_one() -> None:
    run = Run(gcm="a").tell(CREATED, requested("a"), unavailable("a"))
    [notification] = run.ledger.notifications
    assert (notification.attempts, notification.fate) == (1, "pending")
    run.tell(unavailable("a"), at_gcm("a", "0:1"))
    assert [event["attempt"] for event in run.of("push.dispatched")] == [1, 2, 3]
    assert len(run.of("push.completed")) == 1
    assert len(run.ledger.notifications) == 1


def test_a_gateway_that_passes_gcms_refusal_on_has_refused_one_push() -> None:
    run = Run(gcm="a").tell(CREATED, unavailable("a"), requested("a", status=500))
    assert run.of("push.dispatched") == []
    assert run.fates() == {"created": 1, "refused": 1}


def test_gcm_may_refuse_before_the_sites_answer_is_known() -> None:
    run = Run(gcm="a").tell(CREATED, unavailable("a"), requested("a"), at_gcm("a", "0:1"))
    assert [event["attempt"] for event in run.of("push.dispatched")] == [1, 2]
    assert len(run.ledger.notifications) == 1
