"""Registering tokens at a gateway that somebody else runs, and what is said of one that is none."""

import socket

import pytest

from scenarios.engine.world import foreign_gateway
from scenarios.engine.world.foreign_gateway import (
    APP_HINT,
    KEYS_HINT,
    PERMISSIONS_HINT,
    GatewayUnreachable,
    hint,
    make_sure_it_answers,
    register,
)
from scenarios.engine.world.stage import ForeignGateway
from tests.scenarios.engine.bad_gateway import OK, gateway_that, http

TOKEN, KEY = "a1" * 32, "0123456789abcdef" * 2
REGISTRATIONS = [(TOKEN, "ios", ["default", "school"])]


def complaint(answer: bytes | None) -> str:
    """What is said when tokens are registered at a gateway that answers like this."""
    with gateway_that(lambda _: answer) as gateway, pytest.raises(GatewayUnreachable) as raised:
        register(gateway, KEY, "moodle", REGISTRATIONS)
    text = str(raised.value).replace(gateway.url, "URL")
    assert TOKEN not in text
    assert KEY not in text
    return text


@pytest.mark.parametrize(("token_in", "path"), [("path", f"/tokens/{TOKEN}"), ("body", "/tokens")])
@pytest.mark.parametrize("status", ["ok", "token exists"])
def test_tokens_are_registered_once_for_each_channel(token_in, path, status: str) -> None:
    seen: list[str] = []

    def answer(request: str) -> bytes:
        seen.append(request)
        return http("200 OK", f'{{"status": "{status}"}}')

    with gateway_that(answer) as gateway:
        register(gateway, KEY, "moodle", REGISTRATIONS, token_in=token_in)
    assert seen == [f"POST {path} HTTP/1.1"] * 2


NO = "the gateway at URL does not register tokens: POST /tokens/<token> answered "


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (http("200 OK", '{"error": "Invalid access key"}'),
         f"{NO}200: Invalid access key\n  {KEYS_HINT}"),
        (http("400 Bad", '{"error": "Invalid access key"}'),
         f"{NO}400: Invalid access key\n  {KEYS_HINT}"),
        (http("403 No", '{"error": "No permission to create token"}'),
         f"{NO}403: No permission to create token\n  {PERMISSIONS_HINT}"),
        (http("400 Bad", '{"error": "Invalid application name"}'),
         f"{NO}400: Invalid application name\n  {APP_HINT}"),
        (http("400 Bad", '{"error": "Invalid token"}'), f"{NO}400: Invalid token"),
        (http("403 Forbidden", "<h1>403 Forbidden</h1>"), f"{NO}403: 403 Forbidden"),
        (http("404 Not Found", f"Traceback (most recent call last):\nHTTPError: {TOKEN}\n"),
         f"{NO}404: HTTPError: ***"),
        (http("200 OK", ""), f"{NO}200: an empty body"),
        (http("200 OK", "[" * 50_000), f"{NO}200: {'[' * 200}"),
        (http("200 OK", "<html><h1>Welcome to nginx!</h1>"), f"{NO}200: Welcome to nginx!"),
        (http("302 Found", "", f"Location: /login?t={TOKEN}"),
         f"{NO}302: a redirect to /login?t=***"),
    ],
)  # fmt: skip
def test_a_refusal_is_told_with_status_path_and_words(answer: bytes, said: str) -> None:
    assert complaint(answer) == said


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"", "POST /tokens/<token>: it closed the connection without an answer"),
        (b"SSH-2.0-x\r\n", "POST /tokens/<token>: what came is not HTTP"),
        (http("200 OK", '{"sta', length=16),
         "POST /tokens/<token> answered 200: the answer broke off in its body"),
        (http("200 OK", length=16),
         "POST /tokens/<token> answered 200: the answer broke off in its body"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\nhalf",
         "POST /tokens/<token> answered 200: the answer broke off in its body"),
    ],
)  # fmt: skip
def test_what_is_no_whole_answer_is_told_with_the_path(answer: bytes, said: str) -> None:
    assert complaint(answer).startswith(f"the gateway at URL does not answer: {said}\n  start it")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(foreign_gateway, "TIMEOUT", 0.3)


@pytest.mark.usefixtures("impatient")
def test_one_that_does_not_answer_in_time_is_given_up() -> None:
    assert "POST /tokens/<token>: no whole answer within 0.3 s" in complaint(None)


@pytest.mark.usefixtures("impatient")
def test_one_that_never_comes_to_an_end_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        # It listens, and the kernel takes the connection; nobody ever reads.
        with pytest.raises(GatewayUnreachable, match=r"GET /: no whole answer within 0\.3 s"):
            make_sure_it_answers(ForeignGateway(f"http://127.0.0.1:{port}", None, None))


@pytest.mark.parametrize(
    "answer",
    [http("404 Not Found"), http("302 Found", "", "Location: /applications"), http("200 OK", OK)],
)
def test_any_answer_shows_that_there_is_a_server(answer: bytes) -> None:
    with gateway_that(lambda _: answer) as gateway:
        make_sure_it_answers(gateway)


@pytest.mark.parametrize(
    ("status", "words", "said"),
    [
        (400, "app key is required", KEYS_HINT),
        (401, "Unauthorized", KEYS_HINT),
        (400, "app name is required", APP_HINT),
        (400, "Unknow token and you have no permission to create", PERMISSIONS_HINT),
        (403, "Blocked IP", None),
        (400, "Not Registered", None),
        (500, "APNs is offline", None),
        (500, "KeyError: 10", None),
    ],
)
def test_only_what_is_about_keys_makes_one_think_of_them(
    status: int, words: str, said: str | None
) -> None:
    assert hint(status, words) == said
