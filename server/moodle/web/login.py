"""Logging in and out with a browser, and the front page.

The login form has a key of its own, `logintoken`, as Moodle has it since 3.1. In 2013 it had none,
so a foreign page could log somebody's browser in as somebody else. Nothing of 2013 breaks by it:
browsers send back what is in a form, and apps use `token.php`.
"""

import hmac
from urllib.parse import urlsplit

from aiohttp import web

from server import clock
from server.moodle.accounts import User, clean_username
from server.moodle.phpinput import read_input, scalar
from server.moodle.web.pages import Pages
from server.moodle.web.sessions import (
    COOKIE,
    close_session,
    is_sid,
    login_token,
    new_sid,
    open_session,
)

PATH = "/login/index.php"
LOGOUT_PATH = "/login/logout.php"


class LoginPages:
    """`/login/index.php` with the fields `username` and `password`, `/login/logout.php`, `/`."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        self._site = pages.site

    async def front(self, request: web.Request) -> web.Response:
        """Who am I, and where to go from here."""
        return self._pages.html("front.html", await self._pages.visitor(request))

    async def form(self, request: web.Request) -> web.Response:
        """The login form. A browser without a cookie gets one, which the form's key belongs to."""
        return self._form(request, await self._pages.visitor(request))

    async def login(self, request: web.Request) -> web.Response:
        """Check the form's key and the password; always start a fresh session and end the old."""
        site = self._site
        _, form = await read_input(request, site.settings.max_input_vars)
        old = request.cookies.get(COOKIE, "")
        given = scalar(form, "logintoken").encode("utf-8", "replace")
        if not is_sid(old) or not hmac.compare_digest(given, login_token(old).encode()):
            site.log.event("login.failed", reason="login_token")
            error = "This form is out of date. Please try again."
            return self._form(request, None, error=error, status=403)
        user, reason = await site.passwords.authenticate(
            clean_username(scalar(form, "username")), scalar(form, "password"), site.configuration
        )
        if user is None:
            site.log.event("login.failed", reason=reason)
            return self._form(request, None, error="Invalid login, please try again")
        sid = await site.database.run(
            open_session, user, old, int(clock.now()), site.settings.session_timeout
        )
        site.log.event("login.succeeded", user=user.id)
        answer = web.Response(status=303, headers={"Location": f"{site.settings.wwwroot}/"})
        self._set_cookie(answer, sid)
        return answer

    async def logout(self, request: web.Request) -> web.Response:
        """End the session."""
        await self._pages.enter(request)
        await self._site.database.run(close_session, request.cookies[COOKIE])
        answer = web.Response(status=303, headers={"Location": f"{self._site.settings.wwwroot}/"})
        answer.del_cookie(COOKIE, path=self._cookie_path)
        return answer

    def _form(
        self,
        request: web.Request,
        visitor: tuple[User, str] | None,
        *,
        error: str = "",
        status: int = 200,
    ) -> web.Response:
        sid = request.cookies.get(COOKIE, "")
        known = is_sid(sid)
        if not known:
            sid = new_sid()
        page = self._pages.html(
            "login.html", visitor, status=status, error=error, logintoken=login_token(sid)
        )
        if not known:
            self._set_cookie(page, sid)
        return page

    def _set_cookie(self, answer: web.Response, sid: str) -> None:
        answer.set_cookie(
            COOKIE,
            sid,
            path=self._cookie_path,
            httponly=True,
            samesite="Lax",
            secure=self._site.settings.wwwroot.startswith("https:"),
        )

    @property
    def _cookie_path(self) -> str:
        return urlsplit(self._site.settings.wwwroot).path + "/"
