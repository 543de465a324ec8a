"""A person at a computer: the pages of a Moodle site in a browser, and messages by web service.

A browser keeps its session cookie and the session key (`sesskey`) that the site puts into its
pages; every form is sent back with it. Messages are sent through the web service with the
person's own token, as a desktop client would.

When a page asks for a login, because the session is over, the person logs in and does it again,
once. What the site refuses is a `PageResult` that says so.

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

LOGIN = "/login/index.php"
PREFERENCES = "/message/edit.php"
DEVICES = "/message/output/airnotifier/rest.php"
BROADCAST = "/message/output/airnotifier/broadcast.php"

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
_NOTE = re.compile('role="status">([^<>]*)<')
_ATTRIBUTE = re.compile(r'([a-z-]+)(?:\s*=\s*"([^"]*)")?', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class PageResult:
    """What became of a form: status and path of the last page, the reason that the site gave for a
    refusal (empty if it did what it was asked), and what it noted otherwise."""

    status: int
    path: str
    reason: str = ""
    note: str = ""

    @property
    def ok(self) -> bool:
        return not self.reason

    def __str__(self) -> str:
        return f"{self.path} answered {self.status}: {self.reason or 'done'}"


@dataclass(frozen=True, slots=True)
class SentMessage:
    """`id`: the message's id on the site; None when it was refused, with path, status and Moodle's
    words in `error`."""

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
        return self._env.process(self._switch(fields))

    def remove_device(self, device_id: int) -> simpy.Process:
        """Remove one of one's own phones from the site; the value is a `PageResult`."""
        return self._env.process(self._switch({"id": str(device_id), "action": "DELETE"}))

    def broadcast(self, alert: str) -> simpy.Process:
        """As administrator, send a text to all phones of the site; the value is a `PageResult`.

        The page says in words what the gateway answered: the result's `note`.
        """
        return self._env.process(self._broadcast(alert))

    # -- web service

    def send_message(self, to: int, text: str) -> simpy.Process:
        """Send a personal message to a user id: the value is a `SentMessage`."""
        return self._env.process(self._send_one(to, text))

    def send_messages(self, to: Sequence[int], text: str) -> simpy.Process:
        """The same text to several in one call: the value is a list of `SentMessage`."""
        return self._env.process(self._send_messages(to, text))

    # -- processes

    def _login(self, form: Response | None = None) -> Generator[simpy.Event, Any, PageResult]:
        """Fill the login form in; open it first unless it is there already."""
        self._sesskey = None
        if form is None:
            form = yield from self._visit("GET", LOGIN)
        if not _asks_for_login(form):
            reason = _reason(form) or "there is no login form"
            return PageResult(form.status, LOGIN, reason)
        fields = {"username": self._username, "password": self._password}
        token = _hidden(form.text(), "logintoken")
        if token is not None:
            fields["logintoken"] = token
        page: Response = yield from self._visit("POST", LOGIN, fields)
        self._sesskey = _hidden(page.text(), "sesskey")
        if self._sesskey is None:
            return PageResult(page.status, LOGIN, _reason(page) or "nobody is logged in")
        return PageResult(page.status, LOGIN, _reason(page))

    def _set_outputs(
        self, output: str, enabled: bool, states: Sequence[State]
    ) -> Generator[simpy.Event, Any, PageResult]:
        yield from self._be_logged_in()
        page: Response = yield from self._visit("GET", PREFERENCES)
        if _asks_for_login(page):
            yield from self._be_logged_in(page)
            page = yield from self._visit("GET", PREFERENCES)
        if reason := _reason(page):
            return PageResult(page.status, PREFERENCES, reason)
        boxes = dict(_tick_boxes(page.text()))
        wanted = [f"{PROVIDER}_{state}[{output}]" for state in states]
        if not all(name in boxes for name in wanted):
            text = f"the preferences of {self._username} offer no {output}"
            raise NotPossible(f"{text} ({PREFERENCES} answered {page.status})")
        boxes.update(dict.fromkeys(wanted, enabled))
        fields = {name: "1" for name, ticked in boxes.items() if ticked}
        page = yield from self._submit(PREFERENCES, fields)
        reason = _reason(page)
        if not reason and dict(_tick_boxes(page.text())) != boxes:
            reason = "the page does not show what was saved"
        return PageResult(page.status, PREFERENCES, reason)

    def _switch(self, fields: Mapping[str, str]) -> Generator[simpy.Event, Any, PageResult]:
        page = yield from self._submit(DEVICES, fields)
        reason = _reason(page)
        if not reason and page.body:
            reason = f"{len(page.body)} bytes instead of nothing"
        return PageResult(page.status, DEVICES, reason)

    def _broadcast(self, alert: str) -> Generator[simpy.Event, Any, PageResult]:
        page = yield from self._submit(BROADCAST, {"alert": alert})
        reason = _reason(page)
        note = _NOTE.search(page.text())
        if not reason and note is None:
            reason = "the page does not say what came of it"
        return PageResult(page.status, BROADCAST, reason, "" if note is None else unescape(note[1]))

    def _submit(
        self, path: str, fields: Mapping[str, str]
    ) -> Generator[simpy.Event, Any, Response]:
        """Send a form of the site; log in and send it again if the session turns out to be over."""
        yield from self._be_logged_in()
        page = yield from self._post(path, fields)
        if _asks_for_login(page):
            # A script's answer is not seen: the page is loaded anew and turns out to be the login.
            form = None if path == DEVICES else page
            yield from self._be_logged_in(form, again=True)
            page = yield from self._post(path, fields)
        return page

    def _post(self, path: str, fields: Mapping[str, str]) -> Generator[simpy.Event, Any, Response]:
        assert self._sesskey is not None
        return (yield from self._visit("POST", path, {**fields, "sesskey": self._sesskey}))

    def _be_logged_in(
        self, form: Response | None = None, *, again: bool = False
    ) -> Generator[simpy.Event, Any, None]:
        if self._sesskey is None or form is not None or again:
            result = yield from self._login(form)
            if not result.ok:
                raise NotPossible(f"the site does not let {self._username} log in: {result}")

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
                if "max-age=0" in value.lower():
                    del self._cookies[key.strip()]

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
                return [SentMessage(None, str(token)) for _ in to]
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
            return [SentMessage(None, str(answer)) for _ in to]
        try:
            sent = [_sent_message(item) for item in answer]
        except (KeyError, TypeError, ValueError):
            sent = []
        if len(sent) != len(to):
            text = f"{moodle_client.REST_PATH} answered 200 with what are no results of messages"
            raise UnexpectedAnswer(text)
        return sent


def _sent_message(item: Mapping[str, Any]) -> SentMessage:
    number = int(item["msgid"])
    if number < 0:
        words = str(item.get("errormessage", ""))
        return SentMessage(None, f"{moodle_client.REST_PATH} answered 200: {words}")
    return SentMessage(number, None)


def _inputs(html: str) -> Iterable[dict[str, str]]:
    for match in _INPUT.finditer(html):
        yield {name.lower(): unescape(value) for name, value in _ATTRIBUTE.findall(match[1])}


def _hidden(html: str, name: str) -> str | None:
    """The value of the first field of a name. There is no `sesskey` on a page for nobody who is
    logged in."""
    for attributes in _inputs(html):
        if attributes.get("name") == name:
            return attributes.get("value") or None
    return None


def _asks_for_login(page: Response) -> bool:
    """Whether a page is the login form, or a script's word that one has to log in."""
    if any(attributes.get("type") == "password" for attributes in _inputs(page.text())):
        return True
    try:
        answer = page.json()
    except (ValueError, RecursionError):
        return False
    return isinstance(answer, dict) and answer.get("errorcode") == "requireloginerror"


def _reason(page: Response) -> str:
    """Why a page is a refusal; empty if it is none."""
    if _asks_for_login(page) and page.status == 200:
        return moodle_client.reason_in(page) or "a login form"
    return moodle_client.reason_in(page)


def _tick_boxes(html: str) -> Iterable[tuple[str, bool]]:
    """(name, ticked) of the boxes of a page that can be changed."""
    for attributes in _inputs(html):
        if attributes.get("type") == "checkbox" and "disabled" not in attributes:
            yield attributes.get("name", ""), "checked" in attributes
