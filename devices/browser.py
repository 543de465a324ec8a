"""A person at a computer: the pages of a Moodle site in a browser, and messages by web service.

A browser keeps its session cookie and the session key (`sesskey`) that the site puts into its
pages; every form is sent back with it. Messages are sent through the web service with the
person's own token, as a desktop client would.

What does not answer is given up after five minutes, by the browser; people may turn away before.
A page goes on loading then, and what it was to do may be done yet.

What this is not: it renders nothing and runs no scripts. Of a page it reads the session key, and
of the preferences form which boxes are ticked.
"""

import re
import ssl
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import unescape
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urljoin

import simpy

from devices import moodle_client
from devices.errors import NotPossible, UnexpectedAnswer
from devices.http import Form, HttpClient, Response
from devices.moodle_client import Refused

if TYPE_CHECKING:
    from sim.surface import Host

MAX_REDIRECTS = 5

GIVES_UP_AFTER = 300.0
"""Virtual seconds for a request: Firefox's `network.http.response.timeout` as delivered. In Firefox
it counts from the end of the request; here connecting is included."""

PROVIDER = "moodle_instantmessage"
"""Message provider of personal messages: component and name."""

State = Literal["loggedin", "loggedoff"]
STATES: tuple[State, ...] = ("loggedin", "loggedoff")
"""Preferences are per state of the recipient (Moodle before 4.0)."""

_USER_AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:20.0) Gecko/20100101 Firefox/20.0"
_INPUT = re.compile(r"<input\b([^<>]*)>", re.IGNORECASE)
"""The site escapes `<` inside attributes, so one before the end of a tag is not its own."""
_ATTRIBUTE = re.compile(r'([a-z-]+)(?:\s*=\s*"([^"]*)")?', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class PageResult:
    """What became of a form: HTTP status of the last page; `ok` unless the site refused."""

    status: int
    ok: bool


@dataclass(frozen=True, slots=True)
class SentMessage:
    """`id`: the message's id on the site; None when it was refused, with Moodle's words."""

    id: int | None
    error: str | None


class Browser:
    """One person's browser on one site. All methods that return a process do network requests."""

    def __init__(
        self,
        host: "Host",
        site_url: str,
        username: str,
        password: str,
        *,
        tls: ssl.SSLContext | None = None,
        service: str = "moodle_mobile_app",
        timeout: float = GIVES_UP_AFTER,
    ) -> None:
        self._env = host.env
        self._http = HttpClient(host, user_agent=_USER_AGENT, tls=tls)
        self._site_url = site_url
        self._username = username
        self._password = password
        self._service = service
        self._timeout = timeout
        self._cookies: dict[str, str] = {}
        self._sesskey: str | None = None
        self._token: str | None = None

    # -- pages

    def login(self) -> simpy.Process:
        """Log in by the form: the value is a `PageResult`, not ok for a wrong password."""
        return self._env.process(self._login())

    def set_outputs(
        self, output: str, enabled: bool, *, states: Sequence[State] = STATES
    ) -> simpy.Process:
        """Tick or untick an output (`airnotifier`) for personal messages and save the form.

        Logs in first if need be. The value is a `PageResult`.
        """
        return self._env.process(self._set_outputs(output, enabled, states))

    def enable_device(self, device_id: int, enabled: bool) -> simpy.Process:
        """Turn one of one's own phones on or off; the value is a `PageResult`."""
        fields = {"id": str(device_id), "field": "enable", "enable": str(int(enabled))}
        return self._env.process(self._send("/message/output/airnotifier/rest.php", fields))

    def remove_device(self, device_id: int) -> simpy.Process:
        """Remove one of one's own phones from the site; the value is a `PageResult`."""
        fields = {"id": str(device_id), "action": "DELETE"}
        return self._env.process(self._send("/message/output/airnotifier/rest.php", fields))

    def broadcast(self, alert: str) -> simpy.Process:
        """As administrator, send a text to all phones of the site; the value is a `PageResult`.

        The page says in words what the gateway answered; that is not read.
        """
        path = "/message/output/airnotifier/broadcast.php"
        return self._env.process(self._send(path, {"alert": alert}))

    # -- web service

    def send_message(self, to: int, text: str) -> simpy.Process:
        """Send a personal message to a user id: the value is a `SentMessage`."""
        return self._env.process(self._send_one(to, text))

    def send_messages(self, to: Sequence[int], text: str) -> simpy.Process:
        """The same text to several in one call: the value is a list of `SentMessage`."""
        return self._env.process(self._send_messages(to, text))

    # -- processes

    def _login(self) -> Generator[simpy.Event, Any, PageResult]:
        fields = {"username": self._username, "password": self._password}
        page: Response = yield from self._visit("POST", "/login/index.php", fields)
        self._sesskey = _session_key(page.text())
        return PageResult(page.status, self._sesskey is not None)

    def _set_outputs(
        self, output: str, enabled: bool, states: Sequence[State]
    ) -> Generator[simpy.Event, Any, PageResult]:
        yield from self._be_logged_in()
        page: Response = yield from self._visit("GET", "/message/edit.php")
        boxes = dict(_tick_boxes(page.text()))
        wanted = [f"{PROVIDER}_{state}[{output}]" for state in states]
        if page.status != 200 or not all(name in boxes for name in wanted):
            raise NotPossible(f"the preferences of {self._username} offer no {output}")
        boxes.update(dict.fromkeys(wanted, enabled))
        fields = {name: "1" for name, ticked in boxes.items() if ticked}
        return (yield from self._send("/message/edit.php", fields))

    def _send(
        self, path: str, fields: Mapping[str, str]
    ) -> Generator[simpy.Event, Any, PageResult]:
        yield from self._be_logged_in()
        assert self._sesskey is not None
        page = yield from self._visit("POST", path, {**fields, "sesskey": self._sesskey})
        return PageResult(page.status, page.status == 200)

    def _be_logged_in(self) -> Generator[simpy.Event, Any, None]:
        if self._sesskey is None:
            result = yield from self._login()
            if not result.ok:
                raise NotPossible(f"the site does not let {self._username} log in")

    def _visit(
        self, method: str, path: str, form: Form | None = None
    ) -> Generator[simpy.Event, Any, Response]:
        """Request a page and follow redirects, as a GET; cookies are kept."""
        url = self._site_url + path
        for _ in range(MAX_REDIRECTS):
            cookies = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
            headers = {"Cookie": cookies} if cookies else {}
            response: Response = yield self._http.request(
                method, url, headers=headers, form=form, timeout=self._timeout
            )
            self._take_cookies(response)
            location = response.header("location")
            if response.status not in (301, 302, 303) or location is None:
                return response
            method, url, form = "GET", urljoin(url, location), None
        raise UnexpectedAnswer(f"more than {MAX_REDIRECTS} redirects from {path}")

    def _take_cookies(self, response: Response) -> None:
        for name, value in response.headers:
            if name == "set-cookie":
                key, _, content = value.partition(";")[0].partition("=")
                self._cookies[key.strip()] = content.strip()

    def _send_one(self, to: int, text: str) -> Generator[simpy.Event, Any, SentMessage]:
        sent = yield from self._send_messages([to], text)
        return sent[0]

    def _send_messages(
        self, to: Sequence[int], text: str
    ) -> Generator[simpy.Event, Any, list[SentMessage]]:
        if self._token is None:
            token = yield from moodle_client.get_token(
                self._http,
                self._site_url,
                self._username,
                self._password,
                service=self._service,
                in_query=False,
                timeout=self._timeout,
            )
            if isinstance(token, Refused):
                return [SentMessage(None, token.message) for _ in to]
            self._token = token
        arguments = {}
        for number, user in enumerate(to):
            arguments[f"messages[{number}][touserid]"] = str(user)
            arguments[f"messages[{number}][text]"] = text
        answer = yield from moodle_client.call(
            self._http,
            self._site_url,
            self._token,
            "moodle_message_send_instantmessages",
            arguments,
            timeout=self._timeout,
        )
        if isinstance(answer, Refused):
            return [SentMessage(None, answer.message) for _ in to]
        try:
            return [_sent_message(item) for item in answer]
        except (KeyError, TypeError):
            raise UnexpectedAnswer("the site's answer to messages makes no sense") from None


def _sent_message(item: Mapping[str, Any]) -> SentMessage:
    number = int(item["msgid"])
    if number < 0:
        return SentMessage(None, str(item.get("errormessage", "")))
    return SentMessage(number, None)


def _inputs(html: str) -> Iterable[dict[str, str]]:
    for match in _INPUT.finditer(html):
        yield {name.lower(): unescape(value) for name, value in _ATTRIBUTE.findall(match[1])}


def _session_key(html: str) -> str | None:
    """The value of the first `sesskey` field; None on a page for nobody who is logged in."""
    for attributes in _inputs(html):
        if attributes.get("name") == "sesskey":
            return attributes.get("value") or None
    return None


def _tick_boxes(html: str) -> Iterable[tuple[str, bool]]:
    """(name, ticked) of the boxes of a page that can be changed."""
    for attributes in _inputs(html):
        if attributes.get("type") == "checkbox" and "disabled" not in attributes:
            yield attributes.get("name", ""), "checked" in attributes
