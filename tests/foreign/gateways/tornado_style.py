"""How a program on Tornado speaks in those years: its log, its answers, its error pages.

The log goes to standard error, a line per event: `[L YYMMDD HH:MM:SS module:line] text`, with the
token of a request in its URI. A traceback follows its line, indented. Clients get it, too.
"""

import sys
import time
import traceback

from aiohttp import web

_HEADERS = {"X-Powered-By": "AirNotifier/1.0", "Server": "TornadoServer/3.0"}


def log(level: str, place: str, text: str) -> None:
    """One line; `place` is `module:line`."""
    when = time.strftime("%y%m%d %H:%M:%S")
    sys.stderr.write(f"[{level} {when} {place}] {text}\n")
    sys.stderr.flush()


def log_traceback(place: str, text: str) -> None:
    """An error with the traceback of the exception that is being handled."""
    log("E", place, text)
    for line in traceback.format_exc().splitlines():
        sys.stderr.write(f"    {line}\n")
    sys.stderr.flush()


def answer(document: object, status: int = 200) -> web.Response:
    """JSON with blanks after `:` and `,`."""
    return web.json_response(document, status=status)


@web.middleware
async def access(request: web.Request, handler: web.RequestHandler) -> web.StreamResponse:
    """Log each request; show a traceback for what the gateway did not think of."""
    begun = time.monotonic()
    try:
        reply = await handler(request)
    except web.HTTPException as refused:
        text = f"Traceback (most recent call last):\nHTTPError: HTTP {refused.status}"
        reply = web.Response(status=refused.status, text=text)
    except Exception:
        log_traceback("web:1121", f"Uncaught exception {_where(request)}")
        reply = web.Response(status=500, text=traceback.format_exc())
    reply.headers.update(_HEADERS)
    level = "I" if reply.status < 400 else "W" if reply.status < 500 else "E"
    milliseconds = (time.monotonic() - begun) * 1000
    log(level, "web:1514", f"{reply.status} {_where(request)} {milliseconds:.2f}ms")
    return reply


async def arguments(request: web.Request) -> dict[str, str]:
    """Of the query and of a form, whose values win; the last of a name, without blanks around."""
    found = {name: value.strip() for name, value in request.query.items()}
    for name, value in (await request.post()).items():
        found[name] = str(value).strip()
    return found


def required(found: dict[str, str], name: str) -> str:
    """An argument, or Tornado's page for a missing one."""
    if name not in found:
        raise web.HTTPBadRequest(text=f"Missing argument {name}")
    return found[name]


def _where(request: web.Request) -> str:
    return f"{request.method} {request.raw_path} ({request.remote})"
