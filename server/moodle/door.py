"""The door of the site: whether a request came to the address that the site is set up for.

Moodle checks this in `initialise_fullme` of its set-up, before any script does anything: host and,
if `wwwroot` names one, port, then the scheme. Behind a reverse proxy (`reverse_proxy`) the site has
another name than `wwwroot` says, and is refused under that one; behind an appliance that ends TLS
(`ssl_proxy`) every request counts as https. A request without a host is let in.

What a refusal looks like depends on the script, too: most send a browser to the right address
after three seconds; scripts that answer in JSON say so in JSON. Moodle's status for the former is
200, and 503 for an error this early. Neither is looked at by clients of 2013.
"""

import re
from html import escape
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler

from server.moodle import php_json
from server.moodle.errors import MoodleError
from server.moodle.settings import SiteSettings

_SLASHES = re.compile("//+")
_PORTS = {"http": 80, "https": 443}
_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_PAGE = (
    '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>{meta}'
    "</head>\n<body><p>{message}</p>{more}</body></html>\n"
)


class Door:
    """Checks the requests of one site. `json_scripts`: path below wwwroot -> what a request to
    the wrong address is answered with there."""

    def __init__(self, settings: SiteSettings, json_scripts: dict[str, str]) -> None:
        parts = urlsplit(settings.wwwroot)
        self._wwwroot = settings.wwwroot
        self._scheme, self._host, self._port = parts.scheme, parts.hostname, parts.port
        self._reverse_proxy = settings.reverse_proxy
        self._ssl_proxy = settings.ssl_proxy
        self._json_scripts = {parts.path + path: code for path, code in json_scripts.items()}

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let a request in, or answer it."""
        code = self._refusal(request)
        if code is None or request.path == HEALTH:
            return await handler(request)
        in_json = self._json_scripts.get(_SLASHES.sub("/", request.path))
        if in_json is not None:
            return self._as_json(in_json if code == "wwwrootmismatch" else code)
        return self._as_page(code)

    def _refusal(self, request: web.Request) -> str | None:
        """The code of Moodle's error, or None for a request to the right address."""
        scheme = request.scheme
        host, port = _called(request)
        if host is not None:
            if self._reverse_proxy:
                if host == self._host:
                    return "reverseproxyabused"
            elif host != self._host or self._port not in (None, port or _PORTS[scheme]):
                return "wwwrootmismatch"
        if scheme == "http" and self._scheme == "https" and not self._ssl_proxy:
            return "sslonlyaccess"
        return None

    def _as_json(self, code: str) -> web.Response:
        return web.Response(
            body=error_json(MoodleError(code)).encode(),
            headers={**_HEADERS, "Content-Type": "application/json; charset=utf-8"},
        )

    def _as_page(self, code: str) -> web.Response:
        address = escape(self._wwwroot)
        # What is an address in the text was put in as it is, the tags of the text are its own.
        message = MoodleError(code, address).message
        if code == "wwwrootmismatch":
            text = _PAGE.format(
                title="Redirect",
                meta=f'<meta http-equiv="refresh" content="3; url={address}">',
                message=message,
                more=f'<p><a href="{address}">Continue</a></p>',
            )
            return _html(text, 200)
        return _html(_PAGE.format(title="Error", meta="", message=message, more=""), 503)


HEALTH = "/health"
"""For monitoring, under any host name: it tells nothing about the site."""


def error_json(problem: MoodleError) -> str:
    """An exception in a script that answers in JSON (`AJAX_SCRIPT`); no `errorcode` before 3.0."""
    return php_json.encode(
        {
            "error": problem.message,
            "stacktrace": None,
            "debuginfo": None,
            "reproductionlink": None,
        }
    )


@web.middleware
async def merge_slashes(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Take several slashes in a path for one, as Apache does: an app whose user typed the site's
    address with a slash at the end asks for `//login/token.php`. To be the innermost middleware.
    """
    path = request.rel_url.raw_path
    if "//" not in path:
        return await handler(request)
    address = request.rel_url.with_path(_SLASHES.sub("/", path), encoded=True, keep_query=True)
    merged = request.clone(rel_url=address)
    match = await request.app.router.resolve(merged)
    return await match.handler(merged)


def _called(request: web.Request) -> tuple[str | None, int | None]:
    """Host and port that the client asked for; no host if it named none. An address in the request
    line counts for more than the header (RFC 7230, 5.5).
    """
    if not request.headers.get("Host"):
        return None, None
    try:
        parts = urlsplit(f"//{request.url.raw_authority}")
        return parts.hostname or "", parts.port
    except ValueError:
        return "", None


def _html(text: str, status: int) -> web.Response:
    return web.Response(
        text=text, status=status, content_type="text/html", charset="utf-8", headers=_HEADERS
    )
