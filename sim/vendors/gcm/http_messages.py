"""HTTP requests and responses as the endpoints of the mock GCM see them, and their bytes.

`http_server` reads and sends them. Simplification: of several headers of one name the first counts.
"""

import time
from dataclasses import dataclass
from email.utils import formatdate
from functools import lru_cache
from urllib.parse import unquote

import httptools

REASONS = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    413: "Content Too Large",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
}
"""Of our own, because Python's change with its version; any other status has none."""


@dataclass(slots=True)
class Request:
    """A whole request. `path` is decoded and has no query; header names are in lower case, and of
    equal ones the first counts; `peer` is address:port.
    """

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    peer: str

    def header(self, name: str) -> str:
        """The value of a header (lower case), or an empty text."""
        return self.headers.get(name, "")


@dataclass(slots=True)
class Response:
    """An answer, to be sent `delay` seconds after it was made."""

    status: int
    content_type: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()
    delay: float = 0.0


def error_page(status: int, headers: tuple[tuple[str, str], ...] = ()) -> Response:
    """An HTML page that says nothing but the status and its name."""
    title = REASONS[status] if status < 500 and status in REASONS else "Error"
    text = f"<HTML>\n<HEAD>\n<TITLE>{title}</TITLE>\n</HEAD>\n<BODY>\n<H1>{title}</H1>\n"
    body = f"{text}<H2>Error {status}</H2>\n</BODY>\n</HTML>\n".encode()
    return Response(status, "text/html; charset=UTF-8", body, headers)


def encode(response: Response, *, old: bool, keep_alive: bool, is_head: bool) -> bytes:
    """The bytes of an answer now: in HTTP/1.0 if `old`, without its body if `is_head`.

    It names Google's server. The connection is mentioned where it is not what the version implies.
    """
    status, body = response.status, response.body
    lines = [
        f"HTTP/1.{0 if old else 1} {status} {REASONS.get(status, '')}",
        f"Content-Type: {response.content_type}",
        *(f"{name}: {value}" for name, value in response.headers),
        f"Server: GSE\r\nContent-Length: {len(body)}\r\nDate: {_date(int(time.time()))}",
    ]
    if keep_alive == old:
        lines.append("Connection: keep-alive" if keep_alive else "Connection: close")
    head = "\r\n".join((*lines, "\r\n")).encode()
    return head if is_head else head + body


def path_of(url: bytes) -> str:
    """The decoded path of a request's target, which may be a whole URL; without the query."""
    try:
        path: bytes = httptools.parse_url(url).path or b"/"
    except httptools.HttpParserInvalidURLError:
        path = url
    text = path.decode("utf-8", "surrogateescape")
    return unquote(text) if "%" in text else text


@lru_cache(maxsize=1)
def _date(seconds: int) -> str:
    return formatdate(seconds, usegmt=True)
