"""A lost notification says where it got lost, and whether anything was done to who had it."""

from typing import Any

import pytest

from scenarios.engine.ledger.fates import Ledger
from scenarios.engine.ledger.invariants import Evidence, Witness, check
from scenarios.engine.ledger.losses import Loss, loss_of, reason_of

SECOND = 1_000_000_000


def read(story: Any) -> Ledger:
    ledger = Ledger().feed_all(story.events)
    ledger.close()
    return ledger


def needless(story: Any) -> list[str]:
    evidence = Evidence(read(story), Witness(), {}, ())
    return list(check("no_needless_loss", evidence).violations)


def lost(story: Any) -> list[str]:
    return [reason_of(each) for each in read(story).notifications if loss_of(each)]


def at(story: Any, seconds: float) -> Any:
    """The last event happens at that time."""
    story.events[-1]["t"] = round(seconds * SECOND)
    return story


def silenced(story: Any, completed: float) -> Any:
    """APNs takes no notice of a push on a connection that stands, and the gateway lets it go."""
    story.tell("fault.started", "network", fault="cut", family="partition")
    story.tell("provider.connected", "gateway", provider="apns", connection="10.0.0.1:5001")
    story.message(pushes="aa").accepted().requested().dispatched()
    return at(story.completed(), completed)


def test_what_a_dead_site_had_not_asked_for_is_lost_phone_by_phone(story: Any) -> None:
    story.message(pushes="aa,bb,cc").accepted("p1", "aa").requested("p1", token_ref="aa")
    story.tell("host.crashed", "site")
    assert read(story).counts()["created"] == 3
    assert lost(story) == ["the site never asked the gateway"] * 2
    assert [n.token_ref for n in read(story).notifications if loss_of(n)] == ["bb", "cc"]
    assert needless(story) == []


def test_a_site_that_lives_has_to_ask(story: Any) -> None:
    story.tell("host.crashed", "site").message(pushes="aa")
    assert needless(story) == [
        "notification 1 of 1 is lost without need: the site never asked the gateway"
    ]


def test_a_site_may_wait_for_good_for_a_gateway_that_died(story: Any) -> None:
    story.message(pushes="aa").tell("host.crashed", "gateway")
    assert needless(story) == []


def test_a_dead_site_has_asked_for_nothing_behind_what_it_had_not_asked_for(story: Any) -> None:
    story.message(pushes="aa,bb,cc").accepted("p1", "bb").requested("p1", token_ref="bb")
    story.tell("host.crashed", "site")
    assert len(lost(story)) == 2
    assert needless(story) == [
        "notification 2 of 1 is lost without need: the site never asked the gateway"
    ]


def test_a_site_that_was_stopped_has_not_asked_either(story: Any) -> None:
    assert needless(story.message(pushes="aa").tell("server.stopped", "site")) == []


def test_what_the_gateway_could_not_hear_is_lost_by_a_site_that_asks_once(story: Any) -> None:
    story.tell("fault.started", "network", fault="cut", family="partition")
    story.message(pushes="aa").requested(None, status=0)
    [text] = lost(story)
    assert text == f"{Loss.UNANSWERED}: no answer from the gateway"
    assert needless(story) == []


def test_without_a_fault_there_is_an_answer(story: Any) -> None:
    assert len(needless(story.message(pushes="aa").requested(None, status=0))) == 1


def test_a_fault_that_was_over_long_before_excuses_nothing(story: Any) -> None:
    story.tell("fault.started", "network", fault="cut", family="partition")
    story.tell("fault.ended", "network", fault="cut", fired=1)
    at(story.message(pushes="aa"), 200)
    at(story.requested(None, status=0), 201)
    assert len(needless(story)) == 1


def test_what_was_asked_for_without_an_answer_belongs_to_the_first_message(story: Any) -> None:
    story.message("1", pushes="aa").message("2", pushes="aa")
    story.accepted("p1", "aa").tell("host.crashed", "site")
    ledger = read(story)
    assert [(n.message, n.push) for n in ledger.notifications] == [("1", "p1"), ("2", None)]
    assert [n.number for n in ledger.notifications] == [1, 2]


def test_silence_that_lasted_as_consent_is_nobodys_fault(story: Any) -> None:
    silenced(story, 5.1)
    assert lost(story) == ["APNs threw it away, and said so too late or not at all"]
    assert needless(story) == []


def test_silence_is_consent_to_a_gateway_that_is_being_stopped_too(story: Any) -> None:
    silenced(story, 5.1)
    stopped = {"t": 5 * SECOND, "kind": "server.stopped", "host": "gateway"}
    story.events.insert(-1, stopped)
    assert needless(story) == []


def test_without_a_fault_silence_is_consent(story: Any) -> None:
    silenced(story, 5.1)
    del story.events[0]
    assert len(needless(story)) == 1


def test_a_gateway_that_takes_a_shorter_silence_for_consent_has_lost_it(story: Any) -> None:
    assert lost(silenced(story, 4.9)) == ["the gateway had it"]
    assert len(needless(story)) == 1


def test_a_gateway_that_was_told_and_does_not_send_again_has_lost_it(story: Any) -> None:
    silenced(story, 6.1)
    closed = story.tell(
        "provider.closed", "gateway", provider="apns", connection="10.0.0.1:5001", reason="8"
    )
    at(closed, 6)
    story.events[-2:] = reversed(story.events[-2:])
    assert len(needless(story)) == 1


@pytest.mark.parametrize(("reason", "told"), [("invalid_token", 1), ("ConnectionResetError", 0)])
def test_who_was_told_later_has_to_take_its_consent_back(
    story: Any, reason: str, told: int
) -> None:
    silenced(story, 5.1)
    closed = story.tell(
        "provider.closed", "gateway", provider="apns", connection="10.0.0.1:5001", reason=reason
    )
    at(closed, 9)
    assert len(needless(story)) == told


def test_a_gateway_that_was_told_later_and_sends_again_has_lost_nothing(story: Any) -> None:
    silenced(story, 5.1)
    at(story.tell("push.retry", "gateway", push="p1", provider="apns", reason="8", delay=0), 9)
    assert read(story).counts()["pending"] == 1
    assert list(read(story).in_motion())


def test_what_a_phone_says_that_it_has_and_has_not_is_lost_without_need(story: Any) -> None:
    story.to_vendor().completed().sent().vendor("acked")
    assert lost(story) == ["the phone said that it has it"]
    assert len(needless(story)) == 1
