"""Each invariant holds for a good trace and is broken by a trace with just its fault."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scenarios.engine.leaks import Leak, LeakScanner, Secret
from scenarios.engine.ledger.fates import Ledger
from scenarios.engine.ledger.invariants import INVARIANTS, Evidence, Witness, check

TOKEN = "0badc0de" * 8


def violations(name: str, story: Any, **changes: Any) -> tuple[str, ...]:
    ledger, witness = Ledger(), Witness()
    for event in story.events:
        ledger.feed(event)
        witness.feed(event)
    ledger.close()
    owners = changes.get("owners", {"aa": "phone"})
    return check(name, Evidence(ledger, witness, owners, changes.get("leaks", ()))).violations


@pytest.mark.parametrize("name", INVARIANTS)
def test_a_good_trace_breaks_no_invariant(name: str, story: Any) -> None:
    story.tell("device.registered", "site", device="d1", user="3", token_ref="aa", new=True)
    assert violations(name, story.to_phone().opened().completed()) == ()


def test_a_push_that_was_given_up_and_still_arrives_breaks_conservation(story: Any) -> None:
    story.to_phone()
    story.tell("push.rejected", "gateway", push="p1", provider="apns", reason="x", token_ref="aa")
    [violation] = violations("conservation", story)
    assert violation == "notification 1 of 1 was given up by the gateway and reached a phone"


def test_what_was_in_doubt_when_it_was_given_up_may_have_arrived(story: Any) -> None:
    story.to_phone()
    story.tell("push.retry", "gateway", push="p1", provider="apns", reason="TimeoutError", delay=0)
    story.tell("push.expired", "gateway", push="p1")
    assert violations("conservation", story) == ()


def test_a_duplicate_that_nothing_forced_is_needless(story: Any) -> None:
    story.to_phone().dispatched(attempt=2, identifier=1).taken("n2", attempt=2)
    story.sent("n2", "m2").received("m2").completed()
    [violation] = violations("no_needless_duplicate", story)
    assert violation == (
        "notification 1 of 1 was taken as new 2 times, and only 0 repetitions were forced"
    )


def repeated_after(story: Any, end: str, seconds: float) -> tuple[str, ...]:
    """A push that was ticked off is sent again by a gateway that ended so long after that."""
    story.to_phone().completed()
    ended = story.events[-1]["t"] + round(seconds * 1_000_000_000)
    story.tell(end, "gateway").events[-1]["t"] = ended
    for event in story.dispatched(attempt=2).taken("n2", attempt=2).sent("n2", "m2").events[-3:]:
        event["t"] = ended
    story.received("m2").completed()
    for event in story.events[-2:]:
        event["t"] = ended
    return violations("no_needless_duplicate", story)


def test_a_power_cut_undoes_what_was_ticked_off_and_not_yet_written(story: Any) -> None:
    assert repeated_after(story, "host.crashed", 0.4) == ()


def test_a_power_cut_undoes_nothing_that_was_ticked_off_long_before(story: Any) -> None:
    assert len(repeated_after(story, "host.crashed", 0.6)) == 1


def test_a_gateway_that_is_stopped_in_good_order_writes_what_it_has_ticked_off(story: Any) -> None:
    assert len(repeated_after(story, "server.stopped", 0.2)) == 1


@pytest.mark.parametrize(("reason", "forced"), [("TimeoutError", 1), ("ClientConnectorError", 0)])
def test_without_a_connection_nothing_was_sent_that_could_arrive(
    story: Any, reason: str, forced: int
) -> None:
    story.to_phone()
    story.tell("push.retry", "gateway", push="p1", provider="gcm", reason=reason, delay=0)
    story.dispatched(attempt=2, identifier=1).taken("n2", attempt=2).sent("n2", "m2").received("m2")
    assert len(violations("no_needless_duplicate", story)) == 1 - forced


def test_a_broadcast_with_fewer_pushes_than_announced_breaks_conservation(story: Any) -> None:
    story.accepted("p1", "aa", broadcast="b1")
    story.tell("broadcast.accepted", "gateway", broadcast="b1", app="moodle", channel="c", pushes=2)
    assert violations("conservation", story) == ("broadcast b1 announced 2 pushes and made 1",)


def test_a_push_without_an_identifier_belongs_to_nobody(story: Any) -> None:
    story.tell(
        "vendor.accepted", "apns", service="apns", nid="n9", token_ref="t", peer="10.0.0.9:1"
    )
    [violation] = violations("causal_order", story)
    assert "apns accepted n9, which came without an identifier" in violation


def test_an_effect_before_its_cause_breaks_causal_order(story: Any) -> None:
    story.to_phone()
    story.events[4], story.events[5] = story.events[5], story.events[4]
    assert any("which no gateway sent" in text for text in violations("causal_order", story))


def test_a_receipt_that_is_earlier_than_its_sending_breaks_causal_order(story: Any) -> None:
    story.to_phone()
    story.events[7]["t"] = 0
    texts = violations("causal_order", story)
    assert "notification 1 of 1: receipt came before sending to the phone" in texts


def test_a_notification_on_somebody_elses_phone_is_a_leak(story: Any) -> None:
    [violation] = violations("no_token_leak", story.to_phone(), owners={"aa": "another"})
    assert violation == "notification 1 of 1 reached phone; its token belongs to another"


def test_a_notification_for_a_device_of_another_user_is_a_leak(story: Any) -> None:
    story.tell("device.registered", "site", device="d1", user="9", token_ref="aa", new=True)
    [violation] = violations("no_token_leak", story.to_phone())
    assert violation == "notification 1 of 1 for user 3 went to another's device"


def test_a_notification_that_comes_up_before_another_user_is_a_leak(story: Any) -> None:
    story.tell("app.login", "phone", user="3").tell("app.login", "phone", user="4")
    [violation] = violations("no_token_leak", story.to_phone())
    assert violation == (
        "notification 1 of 1 for user 3 reached phone, on which user 4 was logged in"
    )


def test_who_logs_in_after_a_notification_came_is_not_its_reader(story: Any) -> None:
    story.tell("app.login", "phone", user="3").to_phone().tell("app.login", "phone", user="4")
    assert violations("no_token_leak", story) == ()


def test_nobody_is_logged_in_in_an_app_that_was_removed(story: Any) -> None:
    story.tell("app.login", "phone", user="4").tell("app.state", "phone", state="uninstalled")
    assert violations("no_token_leak", story.to_phone()) == ()


def test_a_leak_in_a_file_is_named_without_the_secret(story: Any) -> None:
    leaks = [Leak("push token of phone", "trace.jsonl", 7)]
    [violation] = violations("no_token_leak", story.to_phone(), leaks=leaks)
    assert violation == "the push token of phone stands in trace.jsonl, line 7"


def rejected(story: Any, identifier: int = 1) -> Any:
    story.message().accepted().requested().dispatched(identifier=identifier)
    return story.tell(
        "vendor.rejected", "apns", service="apns", token_ref="aa", reason="invalid_token",
        peer="10.0.0.1:5001", identifier=identifier,
    )  # fmt: skip


def test_a_bad_token_that_stays_at_the_gateway_is_found(story: Any) -> None:
    [violation] = violations("bad_token_pruned", rejected(story))
    assert violation == "token aa was rejected (invalid_token) and is still at the gateway"


def test_a_bad_token_that_the_gateway_removed_is_fine(story: Any) -> None:
    rejected(story).tell("token.pruned", "gateway", app="moodle", token_ref="aa", reason="8")
    assert violations("bad_token_pruned", story) == ()


def test_a_gateway_that_was_not_told_which_push_was_bad_cannot_remove_its_token(
    story: Any,
) -> None:
    assert violations("bad_token_pruned", rejected(story, identifier=0)) == ()


@pytest.fixture
def leaks_in(tmp_path: Path) -> Callable[[str], list[Leak]]:
    scanner = LeakScanner(
        [
            Secret("push token of phone", TOKEN),
            Secret("registration id", "APA91b_" + "x" * 133),
            Secret("password of ana", "pa$$ wörd"),
            Secret("text of message", 'Lab "at" nine'),
            Secret("too short", "at"),
        ]
    )

    def find(text: str) -> list[Leak]:
        file = tmp_path / "trace.jsonl"
        file.write_text(text, encoding="utf-8")
        return list(scanner.scan(file))

    return find


def test_a_file_without_secrets_has_no_leaks(leaks_in: Callable[[str], list[Leak]]) -> None:
    assert leaks_in('{"t":0,"text":"what is at stake"}\n' + "deadbeef" * 8 + "\n") == []


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (TOKEN, "push token of phone"),
        (TOKEN.upper(), "push token of phone"),
        (f'"path":"/tokens/{TOKEN}?x=1"', "push token of phone"),
        (f"token:{TOKEN}.", "push token of phone"),
        (f"abc{TOKEN}def", "push token of phone"),
        ("APA91b_" + "x" * 133, "registration id"),
        ("a pa$$ wörd in clear", "password of ana"),
        (r'{"text":"Lab \"at\" nine"}', "text of message"),
    ],
)
def test_a_secret_is_found_wherever_it_stands_in_a_line(
    leaks_in: Callable[[str], list[Leak]], line: str, kind: str
) -> None:
    assert leaks_in(f"nothing here\n{line}\n") == [Leak(kind, "trace.jsonl", 2)]
