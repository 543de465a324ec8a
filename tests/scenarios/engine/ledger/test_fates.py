"""Each way a notification can go, told event by event, ends in exactly one fate."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.engine.ledger.fates import Ledger
from scenarios.engine.ledger.notifications import Fate


def read(story: Any) -> Ledger:
    ledger = Ledger().feed_all(story.events)
    ledger.close()
    return ledger


def fates_of(story: Any) -> dict[str, int]:
    """The counts that are not zero, without `created`, which must equal their sum."""
    ledger = read(story)
    counts = ledger.counts()
    assert counts["created"] == sum(counts[fate] for fate in Fate) == len(ledger.notifications)
    return {name: count for name, count in counts.items() if count and name != "created"}


def test_a_notification_that_the_phone_took_is_delivered_and_unread(story: Any) -> None:
    assert fates_of(story.to_phone()) == {"delivered": 1, "unread": 1}


def test_a_notification_that_the_user_tapped_is_opened(story: Any) -> None:
    assert fates_of(story.to_phone().opened()) == {"delivered": 1, "opened": 1}


def test_a_notification_that_the_user_wiped_away_is_dismissed(story: Any) -> None:
    story.to_phone().tell("phone.dismissed", "phone", mid="m1")
    assert fates_of(story) == {"delivered": 1, "dismissed": 1}


def test_a_notification_carries_the_times_of_its_hops(story: Any) -> None:
    [notification] = read(story.to_phone().opened()).notifications
    [copy] = notification.copies
    times = [notification.created, notification.accepted, notification.dispatched]
    times += [copy.accepted, copy.sent, copy.received, copy.read_at]
    assert times == [ms * 1_000_000 for ms in (1, 2, 4, 5, 6, 7, 9)]
    assert (notification.message, notification.device, notification.user) == ("1", "d1", "3")
    assert copy.phone == "phone"


def test_a_message_that_a_preference_held_back_is_suppressed(story: Any) -> None:
    assert fates_of(story.message().suppressed()) == {"suppressed": 1}


def test_a_message_to_two_devices_of_which_one_is_disabled_is_two_notifications(
    story: Any,
) -> None:
    story.to_phone().suppressed(reason="device_disabled")
    assert fates_of(story) == {"suppressed": 1, "delivered": 1, "unread": 1}


def test_a_push_that_the_gateway_refused_the_site_counts_once(story: Any) -> None:
    story.message()
    story.tell("push.refused", "gateway", app="moodle", reason="token", status=400, token_ref="aa")
    story.requested(push=None, status=400)
    assert fates_of(story) == {"refused": 1}


def test_a_request_refused_for_its_key_counts_once_with_the_sites_own_report(story: Any) -> None:
    story.message()
    story.tell(
        "request.refused", "gateway", app="moodle", reason="permission", status=403,
        path="/notification/", peer="10.0.0.2",
    )  # fmt: skip
    story.requested(push=None, status=403)
    ledger = read(story)
    assert ledger.counts()["refused"] == ledger.counts()["created"] == 1
    assert ledger.notifications[0].reason == "permission (403)"


def test_a_refused_push_that_is_told_as_push_and_as_request_counts_once(story: Any) -> None:
    story.message()
    story.tell("push.refused", "gateway", app="moodle", reason="token", status=400, token_ref="aa")
    story.tell(
        "request.refused", "gateway", app="moodle", reason="token", status=400,
        path="/notification/", peer="10.0.0.2",
    )  # fmt: skip
    story.requested(push=None, status=400)
    assert fates_of(story) == {"refused": 1}


def test_a_push_that_somebody_asked_the_gateway_for_directly_counts_too(story: Any) -> None:
    story.tell(
        "request.refused", "gateway", app="moodle", reason="permission", status=403,
        path="/notification/", peer="10.0.0.2",
    )  # fmt: skip
    assert fates_of(story) == {"refused": 1}


def test_a_refused_registration_is_no_notification(story: Any) -> None:
    story.tell(
        "request.refused", "gateway", app="moodle", reason="permission", status=403,
        path="/tokens/", peer="10.0.0.2",
    )  # fmt: skip
    assert fates_of(story) == {}


def test_a_push_that_the_gateway_could_not_be_asked_for_is_lost(story: Any) -> None:
    assert fates_of(story.message().requested(push=None, status=0)) == {"lost": 1}


def test_a_push_whose_answer_never_came_back_is_still_the_one_the_gateway_accepted(
    story: Any,
) -> None:
    story.session().message().accepted().dispatched().taken().sent().received()
    story.requested(push=None, status=0)
    assert fates_of(story) == {"delivered": 1, "unread": 1}


def test_a_message_of_which_the_site_made_nothing_is_lost(story: Any) -> None:
    assert fates_of(story.message()) == {"lost": 1}


def test_a_token_that_the_push_service_does_not_know_is_rejected(story: Any) -> None:
    story.message().accepted().requested().dispatched()
    story.tell(
        "vendor.rejected", "apns", service="apns", token_ref="aa", reason="invalid token (8)",
        peer="10.0.0.1:5001", identifier=1,
    )  # fmt: skip
    assert fates_of(story) == {"pending": 1}, "the gateway has not read the error packet yet"
    story.tell("push.rejected", "gateway", push="p1", provider="apns", reason="8", token_ref="aa")
    assert fates_of(story) == {"rejected": 1}


def test_what_follows_a_bad_token_and_is_never_sent_again_is_lost(story: Any) -> None:
    story.message().accepted().requested().dispatched().completed()
    assert fates_of(story) == {"lost": 1}


def test_what_follows_a_bad_token_and_is_sent_again_is_delivered_once(story: Any) -> None:
    story.session().message().accepted().requested().dispatched(attempt=1)
    story.dispatched(attempt=2, identifier=1).taken(attempt=2).sent().received().completed()
    ledger = read(story)
    assert ledger.counts()["delivered"] == 1
    assert ledger.counts()["duplicate"] == 0
    assert ledger.notifications[0].attempts == 2


def test_pushes_under_one_identifier_are_joined_in_the_order_of_sending(story: Any) -> None:
    story.message("1").accepted("p1", "aa").requested("p1", "1", "aa")
    story.message("2").accepted("p2", "bb").requested("p2", "2", "bb")
    story.dispatched("p1", identifier=0).dispatched("p2", identifier=0)
    story.taken("n1", identifier=0).taken("n2", identifier=0)
    assert [n.copies[0].nid for n in read(story).notifications] == ["n1", "n2"]


def test_a_push_that_the_phone_takes_twice_is_a_duplicate(story: Any) -> None:
    story.to_phone().dispatched(attempt=2, identifier=1).taken("n2", attempt=2)
    story.sent("n2", "m2").received("m2")
    assert fates_of(story) == {"delivered": 1, "unread": 1, "duplicate": 1}


def test_a_redelivery_that_the_phone_recognises_is_no_duplicate(story: Any) -> None:
    story.to_phone().sent().received(duplicate=True)
    assert fates_of(story) == {"delivered": 1, "unread": 1}


@pytest.mark.parametrize(
    ("what", "fields", "fate"),
    [
        ("collapsed", {"by": "n2"}, "collapsed"),
        ("expired", {}, "expired"),
        ("undeliverable", {}, "undeliverable"),
        ("stored", {}, "pending"),
    ],
)
def test_what_the_push_service_did_with_it_decides(
    story: Any, what: str, fields: dict[str, Any], fate: str
) -> None:
    assert fates_of(story.to_vendor().vendor(what, **fields)) == {fate: 1}


def test_a_notification_for_an_app_that_is_gone_is_undeliverable(story: Any) -> None:
    story.to_phone().tell("phone.undeliverable", "phone", mid="m1")
    assert fates_of(story) == {"undeliverable": 1}


def test_a_notification_that_ran_out_in_the_outbox_is_expired(story: Any) -> None:
    story.message().accepted().requested().tell("push.expired", "gateway", push="p1")
    assert fates_of(story) == {"expired": 1}


def test_a_notification_that_the_gateway_still_holds_is_pending(story: Any) -> None:
    assert fates_of(story.message().accepted().requested()) == {"pending": 1}


def test_gcm_copies_are_joined_by_the_message_id_that_the_gateway_read(story: Any) -> None:
    story.session(service="gcm").message().accepted().requested().dispatched(identifier=None)
    story.answered().sent(service="gcm").completed(message_id="0:1").received(service="gcm")
    assert fates_of(story) == {"delivered": 1, "unread": 1}
    assert read(story).findings.all == []


def test_a_gcm_copy_whose_answer_got_lost_is_joined_by_its_token_at_the_end(story: Any) -> None:
    story.session(service="gcm").message().accepted().requested().dispatched(identifier=None)
    story.answered("n1", "0:1").sent("n1", "m1", "gcm").received("m1", "gcm")
    story.dispatched(identifier=None, attempt=2)
    story.answered("n2", "0:2").completed(message_id="0:2").sent("n2", "m2", "gcm")
    story.received("m2", "gcm")
    assert fates_of(story) == {"delivered": 1, "unread": 1, "duplicate": 1}


def test_a_gcm_copy_without_an_answer_belongs_to_the_push_that_was_sent_again_for_want_of_one(
    story: Any,
) -> None:
    for number, message in (("p1", "1"), ("p2", "2")):
        story.message(message).accepted(number).requested(number, message)
        story.dispatched(number, identifier=None)
    story.answered("n2", "0:2").completed("p2", message_id="0:2")
    story.answered("n1", "0:1")  # is slow to say so
    story.tell("push.retry", "gateway", push="p1", provider="gcm", reason="TimeoutError", delay=0)
    story.dispatched("p1", identifier=None, attempt=2)
    story.answered("n3", "0:3").completed("p1", message_id="0:3")
    first, second = read(story).notifications
    assert [copy.nid for copy in first.copies] == ["n3", "n1"]
    assert [copy.nid for copy in second.copies] == ["n2"]


# What dies, and what nobody heard of


def test_what_is_sent_again_for_want_of_an_answer_is_a_forced_duplicate(story: Any) -> None:
    story.to_phone().tell(
        "push.retry", "gateway", push="p1", provider="apns", reason="connection_closed", delay=0
    )
    story.dispatched(attempt=2, identifier=1).taken("n2", attempt=2).sent("n2", "m2").received("m2")
    [notification] = read(story).notifications
    assert (notification.duplicates, notification.forced, notification.needless) == (1, 1, 0)


def test_what_the_push_service_said_it_had_not_taken_is_no_excuse_for_a_duplicate(
    story: Any,
) -> None:
    story.to_phone().tell(
        "push.retry", "gateway", push="p1", provider="apns", reason="shutdown", delay=0
    )
    story.dispatched(attempt=2, identifier=1).taken("n2", attempt=2).sent("n2", "m2").received("m2")
    assert read(story).notifications[0].needless == 1


def test_what_a_gateway_that_died_had_not_ticked_off_may_come_twice(story: Any) -> None:
    story.to_phone().completed().tell("host.crashed", "gateway")
    story.dispatched(attempt=2, identifier=1)
    assert fates_of(story) == {"delivered": 1, "unread": 1}
    assert len(list(read(story).in_motion())) == 1, "the gateway has it in hand again"
    story.taken("n2", attempt=2).sent("n2", "m2").received("m2").completed()
    assert read(story).notifications[0].needless == 0


def test_the_death_of_another_host_is_no_excuse(story: Any) -> None:
    story.to_phone().tell("host.crashed", "site")
    story.dispatched(attempt=2, identifier=1).taken("n2", attempt=2).sent("n2", "m2").received("m2")
    assert read(story).notifications[0].needless == 1


def test_a_push_that_the_gateway_had_no_time_to_tell_of_is_the_one_the_site_asked_for(
    story: Any,
) -> None:
    story.message("1").accepted("p1").requested("p1", "1")
    story.message("2").tell("host.crashed", "gateway").requested(None, "2", status=0)
    story.session().dispatched("p2").taken().sent().received().completed("p2")
    ledger = read(story)
    assert [n.message for n in ledger.notifications] == ["1", "2"]
    assert fates_of(story) == {"pending": 1, "delivered": 1, "unread": 1}
    assert ledger.findings.all == []


def test_a_push_from_nowhere_is_a_finding_while_no_gateway_has_died(story: Any) -> None:
    assert [f.kind for f in read(story.accepted("p1").dispatched("p2")).findings.all] == ["cause"]


def test_a_request_that_arrives_after_the_site_gave_it_up_is_one_notification(story: Any) -> None:
    story.message().requested(None, status=0).accepted("p1")
    ledger = read(story)
    assert [(n.message, n.push, n.number) for n in ledger.notifications] == [("1", "p1", 1)]
    assert fates_of(story) == {"pending": 1}


def test_a_push_for_another_phone_is_not_the_one_that_the_site_gave_up(story: Any) -> None:
    story.message().requested(None, status=0).accepted("p1", "bb")
    assert fates_of(story) == {"lost": 1, "pending": 1}


def test_a_site_that_dies_before_it_hears_the_answer_has_sent_the_push(story: Any) -> None:
    story.message(pushes="aa").accepted("p1").tell("host.crashed", "site")
    assert fates_of(story) == {"pending": 1}
    assert read(story).notifications[0].user == "3"


def test_a_connection_by_an_old_name_does_not_carry_what_the_old_one_did(story: Any) -> None:
    story.message("1").accepted("p1").requested("p1", "1").dispatched("p1", identifier=1)
    story.tell("host.crashed", "gateway")
    story.tell("provider.connected", "gateway", provider="apns", connection="10.0.0.1:5001")
    story.message("2").accepted("p2").requested("p2", "2").dispatched("p2", identifier=1)
    first, second = read(story.taken()).notifications
    assert (len(first.copies), len(second.copies)) == (0, 1)


def test_what_was_on_the_phone_when_the_app_went_stays_delivered(story: Any) -> None:
    story.to_phone().sent().received(duplicate=True)
    story.tell("phone.undeliverable", "phone", mid="m1").vendor("undeliverable")
    assert fates_of(story) == {"delivered": 1, "unread": 1}


def test_what_no_app_took_was_not_received(story: Any) -> None:
    story.to_phone().tell("phone.undeliverable", "phone", mid="m1")
    assert read(story).notifications[0].copies[0].receipts == 0


def test_each_push_of_a_broadcast_is_a_notification(story: Any) -> None:
    story.accepted("p1", "aa", broadcast="b1").accepted("p2", "bb", broadcast="b1")
    story.tell("broadcast.accepted", "gateway", broadcast="b1", app="moodle", channel="c", pushes=2)
    assert fates_of(story) == {"pending": 2}
    assert read(story).findings.all == []


def test_a_broadcast_that_announces_more_pushes_than_it_makes_is_a_finding(story: Any) -> None:
    story.accepted("p1", "aa", broadcast="b1")
    story.tell("broadcast.accepted", "gateway", broadcast="b1", app="moodle", channel="c", pushes=2)
    assert [finding.kind for finding in read(story).findings.all] == ["count"]


def test_an_effect_without_a_cause_is_a_finding(story: Any) -> None:
    story.session().received()
    [finding] = read(story).findings.all
    assert finding.kind == "cause"
    assert "phone received m1, which apns did not send" in finding.text


def test_time_that_goes_back_is_a_finding(story: Any) -> None:
    story.to_phone()
    story.events[3]["t"] = 0
    assert [finding.kind for finding in read(story).findings.all] == ["time"]


def test_a_notification_is_in_motion_until_everybody_is_done_with_it(story: Any) -> None:
    story.to_phone()
    ledger = read(story)
    assert len(list(ledger.in_motion())) == 1, "the gateway may still send it again"
    assert not list(read(story.completed()).in_motion())


def test_a_notification_stored_for_a_phone_that_is_offline_is_at_rest(story: Any) -> None:
    story.to_vendor().completed()
    assert len(list(read(story).in_motion())) == 1
    assert not list(read(story.vendor("stored")).in_motion())


KINDS = ["message", "suppressed", "accepted", "requested", "dispatched", "completed", "taken"]
KINDS += ["sent", "session", "received", "opened"]


@given(st.lists(st.sampled_from(KINDS), max_size=30))
def test_whatever_the_order_of_events_each_notification_has_one_fate(
    new_story: Callable[[], Any], kinds: list[str]
) -> None:
    story = new_story()
    for kind in kinds:
        getattr(story, kind)()
    fates_of(story)


def test_what_a_push_service_says_on_its_own_behalf_is_no_notification(story: Any) -> None:
    story.session(service="gcm")
    story.tell(
        "vendor.notice", "gcm", service="gcm", device="dev-1", mid="deleted_messages", deleted=2
    )
    story.received("deleted_messages", service="gcm").received("deleted_messages", service="gcm")
    ledger = read(story)
    assert ledger.findings.all == []
    assert ledger.notifications == []
