"""Tokens for apps, `/login/token.php`.

The checks and their order are those of Moodle 2.5. Errors have no `errorcode` member (that came
with 3.0), so apps compare texts. Every answer has status 200.
"""

from aiohttp import web

from server import clock
from server.moodle import php_json, tokens
from server.moodle.accounts import clean_username
from server.moodle.door import error_json
from server.moodle.errors import MoodleError
from server.moodle.phpinput import merged, read_input, scalar
from server.moodle.site import Site

PATH = "/login/token.php"

_HEADERS = {
    "Content-Type": "application/json; charset=utf-8",
    "Cache-Control": "no-store, no-cache, must-revalidate, post-check=0, pre-check=0",
    "Expires": "Thu, 01 Jan 1970 00:00:00 GMT",
    "Pragma": "no-cache",
    "Accept-Ranges": "none",
}


class TokenLogin:
    """Hands out tokens of one site."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def handle(self, request: web.Request) -> web.Response:
        """GET or POST with `username`, `password` and `service`."""
        try:
            token = await self._login(request)
        except MoodleError as problem:
            return _json(error_json(problem))
        return _json(php_json.encode({"token": token}))

    async def _login(self, request: web.Request) -> str:
        site = self._site
        variables = merged(*await read_input(request, site.settings.max_input_vars))
        for name in ("username", "password", "service"):
            if not scalar(variables, name):
                raise MoodleError("missingparam", name)
        if not site.configuration.flag("enablewebservices"):
            raise MoodleError("enablewsdescription")
        user, reason = await site.passwords.authenticate(
            clean_username(scalar(variables, "username")),
            scalar(variables, "password"),
            site.configuration,
        )
        if user is None:
            site.log.event("login.failed", reason=reason)
            raise MoodleError("usernamenotfound")
        if scalar(variables, "service") != tokens.MOBILE_SERVICE:
            raise MoodleError("servicenotavailable")
        token = await site.database.run(tokens.obtain, user, int(clock.now()))
        site.log.event("login.succeeded", user=user.id)
        return token


def _json(body: str) -> web.Response:
    return web.Response(body=body.encode(), headers=_HEADERS)
