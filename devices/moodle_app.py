"""The Moodle Mobile app of 2013: registering for pushes, and the page a push is about.

The stages of registering are methods that return SimPy processes, so that a scenario can drive
and check each one; `set_up` runs them all in the order of the app's settings:

* `design`: at launch, once the user accepted push, the token goes to the gateway with the app's
  own key (`POST /tokens`, or `POST /tokens/<token>`, see `AppSettings.token_in`); after the login
  it subscribes to the site's channel, md5 of the site's address, and the device is registered on
  the site.
* `app2013`: after the login, the key comes from the site, the token goes to the gateway
  (`POST /tokens/<token>`, empty body), and the device is registered on the site.

The app works with a site only if that has a function for component strings, its proof of Moodle
2.4. When the site answers `invalidtoken` or `accessexception`, the app takes its connection to
the site for lost, and forgets the site `SITE_LOST_AFTER` seconds later: its user has to log in
again. Pushes go on arriving, as nobody told the site or the gateway.

A server's refusal is a result; an exception means that there was no answer, or that the app is
in no state to do this.

Simplifications: one site; notifications lead to the message, the list of notifications, the
login page or the front page.
"""

import hashlib
import json
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn
from urllib.parse import quote

import simpy

from devices import moodle_client
from devices.app import App
from devices.errors import NotPossible, UnexpectedAnswer
from devices.excerpt import excerpt
from devices.http import HttpClient, Response
from devices.moodle_client import REST_PATH, TOKEN_PATH, Refused
from devices.notifications import Notification
from devices.phone import Phone
from devices.settings import AppSettings, TokenPlace

MESSAGE_TYPE = "moodle_instantmessage"
"""`type` of a push about a personal message: component and name of its message provider."""

TAKEN: Final = ("ok", "token exists")
"""`status` of a gateway's answer to a token that it registered; Moodle accepts exactly these."""

SITE_LOST_AFTER = 10.0
"""Virtual seconds that the app says "connection lost" before it forgets the site."""

_LOST = ("invalidtoken", "accessexception")
_NEEDED_FUNCTION = "component_strings"
_NOT_SUPPORTED = "The site is not supported, it must be Moodle 2.4 or later"

_USER_AGENT = "MoodleMobile 1.0"


@dataclass(slots=True)
class Site:
    """What the app knows about the site it is logged in on. `url` is the site's own wwwroot."""

    url: str
    username: str
    token: str = field(repr=False)
    userid: int
    fullname: str = ""
    device_id: int | None = None

    @property
    def channel(self) -> str:
        """The gateway's channel for everybody on this site."""
        return hashlib.md5(self.url.encode(), usedforsecurity=False).hexdigest()


@dataclass(frozen=True, slots=True)
class PushToken:
    """The user accepted push and the phone has a token for the app."""

    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class GatewayAnswer:
    """What the gateway said to a token: HTTP status, and `status` of its JSON or, if it refused,
    an excerpt of the answer. `path`: what was asked, without the token.

    `refused`: it did not take the token. Gateways of 2013 say so with status 200.
    """

    status: int
    answer: str
    refused: bool = False
    path: str = "/tokens"

    def __str__(self) -> str:
        return f"POST {self.path} answered {self.status}: {self.answer}"


@dataclass(frozen=True, slots=True)
class LoginResult:
    """`error` is None after a successful login, otherwise Moodle's words (and `code`, if any), or
    the app's own about a site that it does not work with. `path`: what was refused."""

    status: int
    userid: int | None
    error: str | None
    code: str
    path: str = TOKEN_PATH


@dataclass(frozen=True, slots=True)
class SiteAnswer:
    """`device`: the id of the device on the site; None if it was refused, with `error`: a code of
    Moodle or the gateway's words. `refusal` says it with path and status."""

    status: int
    device: int | None
    error: str | None
    refusal: str = ""


def status_in(body: bytes) -> str:
    """`status` of a gateway's answer; empty without one, or with an error beside it."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    status = document.get("status") if isinstance(document, dict) else None
    return status if isinstance(status, str) and "error" not in document else ""


class MoodleApp(App):
    """See the module."""

    __slots__ = ("_http", "_token_at", "gateway_status", "site", "token")

    def __init__(self, phone: Phone, settings: AppSettings) -> None:
        self._http: HttpClient | None = None
        self._token_at = 0.0
        self.token: str | None = None
        self.site: Site | None = None
        self.gateway_status: int | None = None
        super().__init__(phone, settings)

    # -- the stages

    def accept_push(self) -> simpy.Process:
        """The user accepts push notifications (or did before): the value is a `PushToken`."""
        self._must_be_open()
        self.phone.answer_permission(True)
        return self.phone.env.process(self._get_token())

    def decline_push(self) -> None:
        """The user says no. Raises NotPossible on Android, which does not ask."""
        self._must_be_open()
        self.phone.answer_permission(False)

    def register_gateway(
        self, token: str | None = None, key: str | None = None, channel: str | None = None
    ) -> simpy.Process:
        """Register the token at the gateway: the value is a `GatewayAnswer`.

        `token` and `key` replace the app's own; without `channel` the gateway takes its default.
        """
        self._must_be_open()
        return self.phone.env.process(self._register_gateway(self._token(token), key, channel))

    def login(self, username: str, password: str) -> simpy.Process:
        """Log in on the site: the value is a `LoginResult`."""
        self._must_be_open()
        return self.phone.env.process(self._login(username, password))

    def register_site(self, token: str | None = None) -> simpy.Process:
        """Register the device on the site: the value is a `SiteAnswer`.

        In the `design` order the token first subscribes to the site's channel at the gateway; if
        the gateway refuses that, the site is not asked.
        """
        self._must_be_open()
        if self.site is None:
            raise NotPossible(f"{self.phone.name}: log in before registering the device")
        return self.phone.env.process(self._register_site(self.site, self._token(token)))

    def set_up(self, username: str, password: str) -> simpy.Process:
        """A new user's first minutes, in the order of the settings: the value is a `SiteAnswer`.

        Stops at the first refusal with UnexpectedAnswer.
        """
        return self.phone.env.process(self._set_up(username, password))

    # -- for App

    def page_for(self, notification: Notification) -> tuple[str, int | str | None]:
        if self.site is None:
            return "login", None
        if not self.settings.navigates:
            return "main", None
        if notification.custom.get("type") == MESSAGE_TYPE:
            return "message", notification.msgid
        return "notifications", notification.msgid

    def launched(self) -> None:
        self.phone.ask_permission()

    def forget(self) -> None:
        self.token = self.site = self.gateway_status = None
        if self._http is not None:
            self._http.close()
            self._http = None

    # -- the processes

    def _get_token(self) -> Generator[simpy.Event, Any, PushToken]:
        self.token = yield self.phone.push_token()
        self._token_at = self.phone.env.now
        assert self.token is not None
        return PushToken(self.token)

    def _register_gateway(
        self, token: str, key: str | None, channel: str | None
    ) -> Generator[simpy.Event, Any, GatewayAnswer]:
        wanted = {} if channel is None else {"channel": channel}
        if self.settings.order == "design":
            key = key or self.settings.gateway_key
            if key is None:
                raise NotPossible(f"{self.phone.name}: the app was built without a gateway key")
            form = {"device": self.phone.platform, **wanted}
            return (yield from self._post_token(token, key, form, place=self.settings.token_in))
        yield self.phone.env.timeout(
            max(0.0, self._token_at + self.settings.registration_delay - self.phone.env.now)
        )
        if key is None:
            answer = yield from self._call(
                "message_airnotifier_get_access_key", {"permissions[0]": "createtoken"}
            )
            if not isinstance(answer, str):
                told = answer if isinstance(answer, Refused) else f"{REST_PATH} answered 200"
                raise UnexpectedAnswer(f"{self.phone.name}: the site gave no access key: {told}")
            key = answer
        # The app of May 2013 existed for iOS only; on Android the gateway has to be told.
        form = wanted if self.phone.platform == "ios" else {"device": self.phone.platform, **wanted}
        return (yield from self._post_token(token, key, form, place="path"))

    def _post_token(
        self, token: str, key: str, form: Mapping[str, str], *, place: TokenPlace
    ) -> Generator[simpy.Event, Any, GatewayAnswer]:
        path = traced_path = "/tokens"
        if place == "path":
            path, traced_path = f"/tokens/{quote(token, safe='')}", "/tokens/<token>"
        else:
            form = {"token": token, **form}
        response: Response = yield self._client().request(
            "POST",
            self.settings.gateway_url + path,
            headers={
                "Accept": "application/json",
                "X-AN-APP-NAME": self.settings.gateway_app,
                "X-AN-APP-KEY": key,
            },
            form=form,
            timeout=self.settings.http_timeout,
            traced_path=traced_path,
        )
        self.gateway_status = response.status
        answer = GatewayAnswer(200, status_in(response.body), path=traced_path)
        if response.status != 200 or answer.answer not in TAKEN:
            told = excerpt(response.body, (token, key), location=response.header("location"))
            answer = GatewayAnswer(response.status, told, True, traced_path)
        self.phone.emit(
            "app.registered",
            where="gateway",
            status=answer.status,
            error=answer.answer if answer.refused else None,
        )
        return answer

    def _login(self, username: str, password: str) -> Generator[simpy.Event, Any, LoginResult]:
        settings = self.settings
        token = yield from moodle_client.get_token(
            self._client(),
            settings.site_url,
            username,
            password,
            service=settings.service,
            in_query=settings.order == "app2013",
            timeout=settings.http_timeout,
        )
        if isinstance(token, Refused):
            return LoginResult(token.status, None, token.message, token.code, token.path)
        site = Site(settings.site_url, username, token, 0)
        info = yield from self._call("moodle_webservice_get_siteinfo", {}, site)
        if isinstance(info, Refused):
            return LoginResult(info.status, None, info.message, info.code, info.path)
        try:
            site.url, site.userid, site.fullname = info["siteurl"], info["userid"], info["fullname"]
            functions = [str(function["name"]) for function in info["functions"]]
        except (KeyError, TypeError):
            raise UnexpectedAnswer(
                f"{self.phone.name}: {REST_PATH} answered 200 with an incomplete site info"
            ) from None
        if not any(_NEEDED_FUNCTION in name for name in functions):
            return LoginResult(200, None, _NOT_SUPPORTED, "", REST_PATH)
        self.site = site
        self.phone.emit("app.login", user=str(site.userid))
        return LoginResult(200, site.userid, None, "")

    def _register_site(self, site: Site, token: str) -> Generator[simpy.Event, Any, SiteAnswer]:
        if self.settings.order == "design" and self.settings.gateway_key is not None:
            form = {"device": self.phone.platform, "channel": site.channel}
            subscribed = yield from self._post_token(
                token, self.settings.gateway_key, form, place=self.settings.token_in
            )
            if subscribed.refused:
                told = f"gateway: {subscribed.answer}"
                return SiteAnswer(subscribed.status, None, told, f"the gateway: {subscribed}")
        answer = yield from self._call(
            "message_airnotifier_add_user_device",
            {
                "device[appname]": self.settings.gateway_app,
                "device[devicenotificationtoken]": token,
                "device[devicename]": self.phone.device_name,
            },
        )
        result = SiteAnswer(200, answer, None)
        if isinstance(answer, Refused):
            error = answer.code or answer.message
            result = SiteAnswer(answer.status, None, error, f"the site: {answer}")
        elif not isinstance(answer, int) or isinstance(answer, bool):
            text = f"{self.phone.name}: {REST_PATH} answered 200 without a device id"
            raise UnexpectedAnswer(text)
        site.device_id = result.device
        self.phone.emit("app.registered", where="site", status=result.status, error=result.error)
        return result

    def _set_up(self, username: str, password: str) -> Generator[simpy.Event, Any, SiteAnswer]:
        yield self.open()
        yield self.accept_push()
        if self.settings.order == "design":
            yield from self._set_up_gateway()
        login: LoginResult = yield self.login(username, password)
        if login.error is not None:
            self._refused(f"{login.path} answered {login.status}: {login.error}")
        if self.settings.order == "app2013":
            yield from self._set_up_gateway()
        answer: SiteAnswer = yield self.register_site()
        if answer.error is not None:
            self._refused(answer.refusal)
        return answer

    def _set_up_gateway(self) -> Generator[simpy.Event, Any, None]:
        answer: GatewayAnswer = yield self.register_gateway()
        if answer.refused:
            self._refused(f"the gateway: {answer}")

    # -- small things

    def _refused(self, by: str) -> NoReturn:
        raise UnexpectedAnswer(f"{self.phone.name}: refused by {by}")

    def _must_be_open(self) -> None:
        if self.state != "open":
            raise NotPossible(f"{self.phone.name}: the app is {self.state}; open it first")

    def _token(self, given: str | None) -> str:
        token = given or self.token
        if token is None:
            raise NotPossible(f"{self.phone.name}: there is no push token; accept push first")
        return token

    def _client(self) -> HttpClient:
        if self._http is None:
            self._http = HttpClient(self.phone.host, user_agent=_USER_AGENT, tls=self.settings.tls)
        return self._http

    def _call(
        self, function: str, arguments: Mapping[str, str], site: Site | None = None
    ) -> Generator[simpy.Event, Any, Any]:
        site = site or self.site
        if site is None:
            raise NotPossible(f"{self.phone.name}: log in first")
        answer = yield from moodle_client.call(
            self._client(),
            self.settings.site_url,
            site.token,
            function,
            arguments,
            timeout=self.settings.http_timeout,
        )
        if isinstance(answer, Refused) and answer.code in _LOST:
            self.phone.env.call_later(SITE_LOST_AFTER, self._lose, site, answer.code)
        return answer

    def _lose(self, site: Site, code: str) -> None:
        # A closed app does not come to it, and who logged in again has another site.
        if self.site is site and self.state in ("open", "background"):
            self.site = None
            if self.page is not None:
                self.page = "login"
            self.phone.emit("app.logout", reason=code)
