"""A gateway that somebody else runs: whether it answers, registering tokens there, and what may be
told of its answers.
"""

import functools
import http.client
import os
import re
import socket
import ssl
import threading
from collections.abc import Collection, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlencode, urlsplit

from devices.excerpt import excerpt
from devices.moodle_app import TAKEN, status_in
from devices.settings import TokenPlace
from scenarios.engine.world.stage import ForeignGateway

TIMEOUT: Final = 10.0
"""Wall seconds for one request with its answer."""

CONFIRMED_AFTER: Final = 6.0
"""Seconds of silence after which a gateway that resends takes it that APNs accepted everything.
Ours takes five; Apple's error packet comes within one."""

_LONGEST_ANSWER: Final = 65_536
_TLS_ALERT: Final = "\x15\x03"
"""How the answer of a TLS port to plain HTTP begins."""

KEYS_HINT: Final = (
    "keys follow from the seed: run with the seed the gateway was set up with, or name keys by"
    " AIRBED_GATEWAY_APP_KEY / AIRBED_GATEWAY_SITE_KEY"
)
PERMISSIONS_HINT: Final = (
    "the gateway knows this key and does not let it do that: let the app's key create tokens, and"
    " the site's send notifications and broadcasts"
)
APP_HINT: Final = "create an application of the name that 'world.gateway.app' has at the gateway"

_HINTS: Final = (
    (re.compile(r"permission", re.IGNORECASE), PERMISSIONS_HINT),
    (re.compile(r"\b(access|app|api) ?key\b", re.IGNORECASE), KEYS_HINT),
    (re.compile(r"\bapp(lication)? name\b", re.IGNORECASE), APP_HINT),
)


def hint(status: int | None, words: str) -> str | None:
    """What to do about a refusal, if its words are about keys or the application's name."""
    found = next((text for pattern, text in _HINTS if pattern.search(words)), None)
    return KEYS_HINT if found is None and status == 401 else found


class GatewayUnreachable(Exception):
    """The gateway does not answer, or not as one does; the text says what happened."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What it answered. `request` names the request, without its token, and the status."""

    request: str
    status: int
    location: str | None
    body: bytes

    def words(self, private: Collection[str]) -> str:
        """An excerpt without these values."""
        return excerpt(self.body, private, location=self.location)

    def told(self, private: Collection[str]) -> str:
        """`request` and an excerpt without these values."""
        return f"{self.request}: {self.words(private)}"


def ask(
    gateway: ForeignGateway,
    method: str,
    path: str,
    *,
    shown: str | None = None,
    headers: Mapping[str, str] | None = None,
    form: Mapping[str, str] | None = None,
) -> Answer:
    """Send a request, without proxies, and follow no redirect. `shown`: the path without secrets.

    Raises GatewayUnreachable when there is no whole answer after TIMEOUT seconds.
    """
    host, port = gateway.address
    request = f"{method} {shown or path}"
    connection = http.client.HTTPConnection(host, port, TIMEOUT)
    if (tls := trusted(gateway)) is not None:
        connection = http.client.HTTPSConnection(host, port, timeout=TIMEOUT, context=tls)
    was_late = threading.Event()
    late = threading.Timer(TIMEOUT, _cut, [connection, was_late])
    body = None if form is None else urlencode(form)
    typed = {} if body is None else {"Content-Type": "application/x-www-form-urlencoded"}
    late.start()
    try:
        with closing(connection):
            connection.request(method, path, body, {**typed, **(headers or {})})
            reply = connection.getresponse()
            request += f" answered {reply.status}"
            text = reply.read(_LONGEST_ANSWER)
            if len(text) < _LONGEST_ANSWER and reply.length:
                raise http.client.IncompleteRead(text, reply.length)
            return Answer(request, reply.status, reply.getheader("Location"), text)
    except (OSError, http.client.HTTPException, ValueError) as error:
        too_late = was_late.is_set() or isinstance(error, TimeoutError)
        why = f"no whole answer within {TIMEOUT:g} s" if too_late else _why(error)
        raise GatewayUnreachable(
            f"the gateway at {gateway.url} does not answer: {request}: {why}\n"
            "  start it, or correct the address given with --gateway"
        ) from error
    finally:
        late.cancel()
        late.join()


def _cut(connection: http.client.HTTPConnection, was_late: threading.Event) -> None:
    was_late.set()
    if connection.sock is not None:
        with suppress(OSError):
            connection.sock.shutdown(socket.SHUT_RDWR)


def trusted(gateway: ForeignGateway) -> ssl.SSLContext | None:
    """Whom to believe to be the gateway, by the system's authorities or SSL_CERT_FILE; None without
    TLS."""
    if urlsplit(gateway.url).scheme == "http":
        return None
    return _context(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))


@functools.lru_cache(maxsize=1)
def _context(_file: str | None, _directory: str | None) -> ssl.SSLContext:
    return ssl.create_default_context()  # reads both


def _why(error: Exception) -> str:
    """What happened, in words: exceptions of http.client quote what came."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"its certificate cannot be trusted ({error.verify_message}); for an authority of your"
            " own, name the file of its certificate in SSL_CERT_FILE"
        )
    if isinstance(error, ssl.SSLError):
        return f"there is no TLS with it ({error.reason or 'closed'})"
    if isinstance(error, http.client.RemoteDisconnected):
        return "it closed the connection without an answer"
    if isinstance(error, http.client.IncompleteRead):
        return "the answer broke off in its body"
    if isinstance(error, http.client.BadStatusLine) and str(error.args[0]).startswith(_TLS_ALERT):
        return "it speaks TLS, and was called by plain HTTP"
    if isinstance(error, http.client.HTTPException):
        return "what came is not HTTP"
    return (getattr(error, "strerror", None) or str(error)) or type(error).__name__


def make_sure_it_answers(gateway: ForeignGateway) -> None:
    """Ask for its front page: any answer by HTTP will do. Raises GatewayUnreachable."""
    ask(gateway, "GET", "/")


def register(
    gateway: ForeignGateway,
    key: str,
    app: str,
    registrations: Sequence[tuple[str, str, Sequence[str]]],
    *,
    token_in: TokenPlace = "path",
) -> None:
    """Register tokens as phones would: (token, device, channels). Raises GatewayUnreachable."""
    headers = {"Accept": "application/json", "X-AN-APP-NAME": app, "X-AN-APP-KEY": key}
    for token, device, channels in registrations:
        for channel in channels:
            form = {"device": device, "channel": channel}
            path = shown = "/tokens"
            if token_in == "path":
                path, shown = f"/tokens/{quote(token, safe='')}", "/tokens/<token>"
            else:
                form = {"token": token, **form}
            answer = ask(gateway, "POST", path, shown=shown, headers=headers, form=form)
            if answer.status != 200 or status_in(answer.body) not in TAKEN:
                private = (token, key)
                told = f"the gateway at {gateway.url} does not register tokens: "
                raise GatewayUnreachable(
                    told
                    + answer.told(private)
                    + as_line(hint(answer.status, answer.words(private)))
                )


def as_line(hint: str | None) -> str:
    """A hint on a line of its own below a message; empty for None."""
    return "" if hint is None else f"\n  {hint}"
