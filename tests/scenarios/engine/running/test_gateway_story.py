"""What an external gateway ran into is told in its own terms, and nothing that nobody saw."""

from typing import Any

from devices.tokens import token_ref
from scenarios.engine.running.gateway_story import MAX_LINES, GatewayStory
from scenarios.engine.running.play import StepOutcome
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
)


def told(run: Run, *steps: StepOutcome) -> list[str]:
    story = GatewayStory()
    for event in run.seen:
        story(event)
    return story.lines(steps)


def broadcast(channel: str, status: int = 200) -> dict[str, Any]:
    return {
        "host": "site", "kind": "broadcast.requested", "channel": channel, "status": status,
        "refused": status != 200,
    }  # fmt: skip


def test_a_bad_token_and_what_was_behind_it() -> None:
    run = bad_token("a", "b").tell({**CONNECTED, "peer": P2}, at=1.6).wait_until(20)
    assert told(run) == [
        f"token x rejected (invalid_token) on connection {P1} at 1.050 s; 2 pushes written behind"
        " it until 1.560 s discarded; the API had answered ok; sent again: 0"
    ]


def test_what_was_sent_again_is_counted() -> None:
    run = bad_token("a", "b").tell({**CONNECTED, "peer": P2}, at=1.6)
    run.tell({**at_apns("accepted", "a", 0, nid="n"), "peer": P2}, at=1.7).wait_until(20)
    [line] = told(run)
    assert line.endswith("; the API had answered ok; sent again: 1")


def test_behind_the_last_one_there_was_nothing() -> None:
    run = Run().tell({**CONNECTED, "peer": P1}, CREATED, requested("a"))
    run.tell(at_apns("rejected", "a", 0, reason="invalid_token"), at=1)
    run.tell({**CLOSED, "peer": P1}, at=1.5)
    assert told(run) == [
        f"token a rejected (invalid_token) on connection {P1} at 1.000 s; nothing came behind it"
    ]


def test_an_answer_that_the_site_did_not_get_is_not_called_ok() -> None:
    run = Run().tell({**CONNECTED, "peer": P1}, message(1, "a", "b", "c"), requested("a"))
    run.tell(requested("b", status=0), requested("c"))
    run.tell(at_apns("rejected", "a", 0, reason="invalid_token"), at=1)
    run.tell(discarded("b", "c"), {**CLOSED, "peer": P1}, at=1.5)
    [unanswered, line] = told(run)
    assert unanswered == "POST /notification/ got no answer at 0.004 s: no words"
    assert "2 pushes written behind it until 1.500 s discarded" in line
    assert "the API had answered ok to 1 of them" in line


def test_a_shutdown_and_a_silent_close_are_apns_doing() -> None:
    for reason, words in (
        ("shutdown", "APNs closed connection 127.0.0.1:5 at 1.500 s with code 10 (shutdown)"),
        ("silence", "APNs closed connection 127.0.0.1:5 at 1.500 s and sent no error packet"),
    ):
        run = Run().tell({**CONNECTED, "peer": P1}, CREATED, requested("a"))
        run.tell(discarded("a"), {**CLOSED, "peer": P1, "reason": reason}, at=1.5)
        assert told(run) == [
            f"{words}; 1 push that it had read by then discarded; the API had answered ok;"
            " sent again: 0"
        ]


def test_a_connection_that_ended_without_harm_is_not_told() -> None:
    run = Run().tell({**CONNECTED, "peer": P1}, CREATED, requested("a"))
    run.tell(at_apns("accepted", "a", 0, nid="n"))
    assert told(run.tell({**CLOSED, "peer": P1, "reason": "peer"})) == []


def refused_by_gcm(status: int, retry_after: str | None = None) -> dict[str, Any]:
    return {
        "host": "gcm", "kind": "vendor.refused", "service": "gcm", "peer": "127.0.0.1:9",
        "status": status, "retry_after": retry_after,
    }  # fmt: skip


def test_gcm_that_is_unavailable_is_said_once() -> None:
    run = Run().tell(refused_by_gcm(503, "30"), at=1)
    run.tell(refused_by_gcm(503, "30"), at=2)
    run.tell(refused_by_gcm(401), at=3)
    assert told(run) == [
        "GCM answered the gateway 503 (Retry-After: 30) at 1.000 s, 2 times until 2.000 s",
        "GCM answered the gateway 401 at 3.000 s: it does not know the API key",
    ]


def test_what_gcm_rejected_and_what_the_site_was_told_about_it() -> None:
    run = Run().tell(CREATED).tell(rejected_by_gcm("a"), at=1).tell(requested("a", status=400))
    assert told(run) == [
        "GCM rejected token a (NotRegistered) at 1.000 s; the API answered the site 400"
    ]


def test_a_push_that_the_api_took_and_nobody_saw_again() -> None:
    run = Run().tell(message(1, "a", "b"), requested("a"), requested("b"), at_gcm("b", "0:1"))
    assert told(run) == [
        "1 push that the API answered ok to, first at 0.002 s, reached no push service while the"
        " run lasted: tokens a"
    ]


def test_a_broadcast_to_a_phone_on_another_channel() -> None:
    reference = token_ref("t")
    step = StepOutcome(3, "register_gateway", "stranger", "", 0, {"token": "t", "channel": "c2"})
    run = Run({reference, "b"}).tell(BROADCAST, at_apns("accepted", "b", 0, nid="n1"))
    run.tell(at_apns("accepted", reference, 0, nid="n2"), broadcast("c1"))
    assert told(run, step) == [
        f"the broadcast on channel c1 went to token {reference} of stranger, which was registered"
        " on channel c2"
    ]
    step.arguments["channel"] = "c1"
    assert told(run, step) == []


def test_what_is_left_of_an_earlier_run_is_called_so() -> None:
    run = Run().tell(at_apns("accepted", "a", 0, nid="n1"), at=0.28)
    run.tell({**CONNECTED, "peer": P2}, BROADCAST)
    old = {**at_apns("rejected", "old", 0, reason="invalid_token"), "peer": P2}
    run.tell(old, at=1).tell(discarded("b", "older", peer=P2), at=1.5)
    run.tell({**CLOSED, "peer": P2}, broadcast("c"), at=1.5)
    assert told(run) == [
        "1 push reached the push services for tokens that no phone of this run had by then (old),"
        " first at 1.000 s: not of this run, and not counted",
        "1 push reached the push services before this run had sent anything, first at 0.280 s: not"
        " of this run, and not counted",
        f"token old, of no phone of this run, rejected (invalid_token) on connection {P2} at"
        " 1.000 s; 2 pushes written behind it until 1.500 s discarded (1 of them for tokens of no"
        " phone of this run); the API had answered ok; sent again: 0",
    ]


def test_a_long_story_is_cut_short() -> None:
    tokens = [f"t{number}" for number in range(MAX_LINES + 5)]
    run = Run(frozenset(tokens)).tell(message(1, *tokens), *map(rejected_by_gcm, tokens))
    lines = told(run)
    assert len(lines) == MAX_LINES + 1
    assert lines[-1] == "and 6 more like these"
