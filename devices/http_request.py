"""The bytes of an HTTP/1.1 request. No I/O.

Addresses are those of a site's pages and of servers: `http(s)://name[:port][/path][?query]`, what
follows a `#` stays at home. Names of servers and of form fields are few and come again and again,
so their encodings are kept.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from urllib.parse import quote_plus, urlsplit

from devices.http_exchange import Origin

Form = Mapping[str, str] | Iterable[tuple[str, str]]

_ADDRESS = re.compile(r"([^/?#]*//[^/?#]*)([^?#]*)(\?[^#]+)?")
_NO_LENGTH = ("GET", "HEAD", "DELETE")


def encode(
    method: str,
    url: str,
    *,
    user_agent: str,
    headers: Mapping[str, str] | None = None,
    form: Form | None = None,
    body: bytes = b"",
) -> tuple[Origin, str, bytes]:
    """Where a request goes, its path without the query, and its bytes.

    `form` is sent urlencoded, and then `body` must be empty. Raises ValueError for an address that
    is not http(s), and for a line break in the address or in a header.
    """
    server, path, query = _parts(url)
    origin, netloc = _origin(server)
    head = [f"{method} {path}{query} HTTP/1.1", f"Host: {netloc}", f"User-Agent: {user_agent}"]
    if headers:
        head.extend([f"{name}: {value}" for name, value in headers.items()])
    if form is not None:
        body = urlencoded(form)
        head.append("Content-Type: application/x-www-form-urlencoded")
    if body or method not in _NO_LENGTH:
        head.append(f"Content-Length: {len(body)}")
    text = "\r\n".join(head)
    if text.count("\n") >= len(head) or text.count("\r") >= len(head):
        raise ValueError("a line break in the address or in a header")
    return origin, path, f"{text}\r\n\r\n".encode("latin-1", "replace") + body


def urlencoded(form: Form) -> bytes:
    """A form as browsers send it."""
    pairs = form.items() if isinstance(form, Mapping) else form
    return "&".join([f"{_field_name(name)}={quote_plus(value)}" for name, value in pairs]).encode()


def _parts(url: str) -> tuple[str, str, str]:
    """Server (`http://name:port`), path, and query with its question mark or nothing."""
    match = _ADDRESS.match(url)
    if match is None:
        raise ValueError("not an http(s) address: it names no server")
    return match[1], match[2] or "/", match[3] or ""


@lru_cache(maxsize=256)
def _origin(server: str) -> tuple[Origin, str]:
    """A server's origin, and how it is named in the Host header."""
    parts = urlsplit(server)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"not an http(s) address: {parts.scheme}://{parts.netloc}")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return (parts.scheme, parts.hostname, port), parts.netloc


@lru_cache(maxsize=256)
def _field_name(name: str) -> str:
    return quote_plus(name)
