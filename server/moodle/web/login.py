"""Logging in and out with a browser, and the front page."""

from aiohttp import web

from server import clock
from server.moodle.accounts import clean_username
from server.moodle.phpinput import read_input, scalar
from server.moodle.web.pages import Pages
from server.moodle.web.sessions import COOKIE, close_session, open_session

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
        """The login form."""
        return self._pages.html("login.html", await self._pages.visitor(request), error="")

    async def login(self, request: web.Request) -> web.Response:
        """Check the password; always start a fresh session."""
        site = self._site
        _, form = await read_input(request, site.settings.max_input_vars)
        user, reason = await site.passwords.authenticate(
            clean_username(scalar(form, "username")), scalar(form, "password"), site.configuration
        )
        if user is None:
            site.log.event("login.failed", reason=reason)
            return self._pages.html(
                "login.html", None, error="Invalid login, please try again", status=200
            )
        sid = await site.database.run(
            open_session, user, int(clock.now()), site.settings.session_timeout
        )
        site.log.event("login.succeeded", user=user.id)
        answer = web.Response(status=303, headers={"Location": f"{site.settings.wwwroot}/"})
        answer.set_cookie(
            COOKIE,
            sid,
            httponly=True,
            samesite="Lax",
            secure=site.settings.wwwroot.startswith("https:"),
        )
        return answer

    async def logout(self, request: web.Request) -> web.Response:
        """End the session."""
        await self._pages.enter(request)
        await self._site.database.run(close_session, request.cookies[COOKIE])
        answer = web.Response(status=303, headers={"Location": f"{self._site.settings.wwwroot}/"})
        answer.del_cookie(COOKIE)
        return answer
