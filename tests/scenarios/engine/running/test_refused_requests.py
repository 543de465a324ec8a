"""What an external gateway refused is told with status and words, each kind of answer once."""

from typing import Any

from scenarios.engine.running.refused_requests import MAX_WORDS, RefusedRequests


def told(*events: dict[str, Any]) -> list[str]:
    refused = RefusedRequests()
    for number, event in enumerate(events):
        refused({"t": number * 500_000_000, "host": "site", "error": None, **event})
    return list(refused.lines())


def push(status: int, answer: str | None = None, **fields: Any) -> dict[str, Any]:
    return {
        "kind": "push.requested", "message": 1, "token_ref": "a", "status": status,
        "refused": answer is not None, "answer": answer, **fields,
    }  # fmt: skip


def test_what_was_taken_is_not_told() -> None:
    registered = {"kind": "app.registered", "where": "gateway", "status": 200}
    assert told(push(200), push(202), {"kind": "other"}, registered) == []


def test_alike_answers_are_told_once() -> None:
    assert told(
        push(400, "Invalid token"), push(200, "Invalid access key"), push(400, "Invalid token")
    ) == [
        "POST /notification/ answered 400 2 times, first at 0.000 s: Invalid token",
        "POST /notification/ answered 200 at 0.500 s: Invalid access key",
    ]


def test_a_request_without_an_answer_is_told_with_what_happened() -> None:
    assert told(push(0, error="ServerDisconnectedError")) == [
        "POST /notification/ got no answer at 0.000 s: ServerDisconnectedError"
    ]


def test_what_the_site_never_heard_of_is_told() -> None:
    created = {"kind": "message.created", "message": 1, "pushes": "a,b"}
    assert told(created, push(200), push(200, token_ref="b")) == []
    assert told(created, push(200)) == [
        "1 push that the site was to ask for had no answer when the run ended"
    ]


def test_broadcasts_and_registrations_are_told_too() -> None:
    broadcast = {**push(500, "TypeError: 3 arguments"), "kind": "broadcast.requested"}
    phone = {"kind": "app.registered", "where": "gateway", "status": 403, "error": "No permission"}
    site = {"kind": "app.registered", "where": "site", "status": 403, "error": "accessexception"}
    assert told(broadcast, phone, site) == [
        "POST /broadcast/ answered 500 at 0.000 s: TypeError: 3 arguments",
        "registering a token answered 403 at 0.500 s: No permission",
    ]


def test_long_words_are_cut() -> None:
    [line] = told(push(400, "x" * 200))
    assert line.endswith(": " + "x" * MAX_WORDS + "...")
