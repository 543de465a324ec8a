"""What all pages have in common: who visits, what the form says, how HTML is made.

A page changes something only by POST and only with the session key of the visitor's session.
"""

import hmac
import secrets
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined

from server import clock
from server.moodle.accounts import User
from server.moodle.errors import MoodleError
from server.moodle.phpargs import PhpArray
from server.moodle.phpinput import read_input, scalar
from server.moodle.site import Site
from server.moodle.web.sessions import COOKIE, find_session

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_STATUS = {"missingparam": 400, "unknowndevice": 404}
_POLICY = (
    "default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

_TEMPLATES = Environment(
    loader=PackageLoader("server.moodle"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)
"""One for all sites of a process: to compile a page takes a hundred times as long as to fill it."""


class Visit(NamedTuple):
    """A request by somebody who is logged in. `form` is empty unless it is a POST."""

    user: User
    sesskey: str
    query: PhpArray
    form: PhpArray


class Pages:
    """The frame of the pages of one site."""

    def __init__(self, site: Site) -> None:
        self.site = site

    async def visitor(self, request: web.Request) -> tuple[User, str] | None:
        """Who this is and the session key, or None if nobody is logged in."""
        sid = request.cookies.get(COOKIE)
        if not sid:
            return None
        timeout = self.site.settings.session_timeout
        now = int(clock.now())
        session = await self.site.database.run(find_session, sid, now, timeout)
        return None if session is None else (session.user, session.sesskey)

    async def enter(self, request: web.Request, *, admin: bool = False) -> Visit:
        """Let a logged-in visitor in. Raises a redirect to the login or MoodleError."""
        visitor = await self.visitor(request)
        if visitor is None:
            raise self.redirect("/login/index.php")
        user, sesskey = visitor
        query, form = await read_input(request, self.site.settings.max_input_vars)
        if request.method != "GET":
            given = scalar(form, "sesskey") or scalar(query, "sesskey")
            if not hmac.compare_digest(given.encode("utf-8", "replace"), sesskey.encode()):
                raise MoodleError("invalidsesskey")
        if admin and user.role != "admin":
            raise MoodleError("nopermissions", "Change site configuration")
        return Visit(user, sesskey, query, form)

    def redirect(self, path: str) -> web.HTTPSeeOther:
        """To another page of the site, as an exception to raise."""
        return web.HTTPSeeOther(self.site.settings.wwwroot + path)

    def html(
        self, template: str, visitor: tuple[User, str] | None, *, status: int = 200, **values: Any
    ) -> web.Response:
        """A page from a template."""
        nonce = secrets.token_urlsafe(12)
        settings = self.site.settings
        user, sesskey = visitor or (None, "")
        body = _TEMPLATES.get_template(template).render(
            wwwroot=settings.wwwroot,
            sitename=settings.sitename,
            user=user,
            sesskey=sesskey,
            nonce=nonce,
            **values,
        )
        headers = {
            "Cache-Control": "private, no-store",
            "Content-Security-Policy": _POLICY.format(nonce=nonce),
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "same-origin",
        }
        return web.Response(
            text=body, status=status, content_type="text/html", charset="utf-8", headers=headers
        )

    def page(self, handler: Handler) -> Handler:
        """The handler with Moodle's exceptions turned into a page."""

        async def guarded(request: web.Request) -> web.StreamResponse:
            try:
                return await handler(request)
            except MoodleError as problem:
                status = _STATUS.get(problem.code, 403)
                visitor = await self.visitor(request)
                return self.html("error.html", visitor, status=status, message=problem.message)

        return guarded

    def script(self, handler: Handler) -> Handler:
        """The handler of requests that scripts make, with exceptions turned into JSON."""

        async def guarded(request: web.Request) -> web.StreamResponse:
            try:
                return await handler(request)
            except web.HTTPSeeOther:
                problem = MoodleError("requireloginerror")
            except MoodleError as error:
                problem = error
            body = {"error": problem.message, "errorcode": problem.code}
            return web.json_response(body, status=_STATUS.get(problem.code, 403))

        return guarded
