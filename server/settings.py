"""The settings that both servers have, and the definitions of a port, a host and an address."""

import contextlib
import ipaddress
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from server.addresses import Networks
from server.durability import Durability

_LABEL = "[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(\.{_LABEL})*\.?", re.ASCII)
_PORT = re.compile("[1-9][0-9]{0,4}", re.ASCII)
_AUTHORITY = re.compile(r"(?P<host>\[[^\[\]]*\]|[^\[\]:]*)(:(?P<port>.*))?", re.DOTALL)

Seconds = Annotated[float, Field(gt=0, le=31_536_000, allow_inf_nan=False)]
"""At most a year: nobody waits longer, and far larger numbers overflow timers."""


class StrictSettings(BaseModel):
    """Unknown keys are errors, values do not change, inputs stay out of messages."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


def is_port(text: str) -> bool:
    """Whether a text is a port that somebody can listen on: 1 to 65535, without leading zeros."""
    return _PORT.fullmatch(text) is not None and int(text) <= 65535


def is_host(text: str) -> bool:
    """Whether a text is an IP address, or a name that can be asked for (RFC 1123, section 2.1; the
    underscore as it is in use)."""
    if _NAME.fullmatch(text):
        return len(text) <= 253
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def is_http_address(text: str) -> bool:
    """Whether a text is an http or https URL in ASCII with a host, perhaps a port and any path, and
    without a name and password."""
    if not (text.isascii() and text.isprintable() and " " not in text):
        return False
    try:
        parts = urlsplit(text)
    except ValueError:  # a bracket that is not closed
        return False
    place = _AUTHORITY.fullmatch(parts.netloc)
    if parts.scheme not in ("http", "https") or place is None:
        return False
    host, port = place["host"], place["port"]
    is_known = is_host(host[1:-1]) and ":" in host if host.startswith("[") else is_host(host)
    return is_known and (port is None or is_port(port))


def _host(text: str) -> str:
    if not is_host(text):
        raise ValueError("must be an IP address or the name of a host")
    return text


Port = Annotated[int, Field(ge=1, le=65535)]
ListeningPort = Annotated[int, Field(ge=0, le=65535)]
"""0: any that is free."""
Host = Annotated[str, AfterValidator(_host)]


class HttpLimits(StrictSettings):
    """What a peer may take of a server. Durations in seconds."""

    head_timeout: Seconds = 20.0
    """For the head of a request, from its first byte or the start of the connection: what Apache's
    mod_reqtimeout gives. A head is one packet, and twenty seconds are several retransmissions."""
    body_timeout: Seconds = 20.0
    """For a body, and a second more for each `min_rate` bytes of it; as Apache's."""
    min_rate: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 500.0
    """Bytes per second, of bodies and answers: less than GPRS has on a bad day. As Apache's."""
    send_timeout: Seconds = 60.0
    """For an answer that the peer does not read, and a second more for each `min_rate` bytes that
    wait: nginx's send_timeout."""
    idle_timeout: Seconds = 3630.0
    """For a connection without a request. Longer than any reverse proxy keeps one: a client whose
    connection is closed while it sends has to send again. Idle ones make room for new ones."""
    stop_timeout: Seconds = 8.0
    """For requests in progress when the server stops: it shall be over before containers are
    killed, ten seconds after their SIGTERM."""
    connections_per_address: Annotated[int, Field(ge=1)] = 1000
    """Of one IPv4 address or IPv6 /64. A school behind NAT has hundreds of phones; Apache, in front
    of most sites, never has more than 400 requests to its gateway. Proxies are not counted."""
    connections: Annotated[int, Field(ge=1)] | None = None
    """Unset: as many as the process may have descriptors, less what the server itself needs."""


class ServerSettings(StrictSettings):
    """What every server has to be told."""

    host: Host = "127.0.0.1"
    port: ListeningPort
    database: str
    """A URL as SQLAlchemy reads it."""
    durability: Durability = "full"
    trusted_proxies: Networks = ()
    """Addresses of reverse proxies, which speak for many. Only these may name the caller in
    X-Forwarded-For, and their connections are not counted as one peer's."""
    http: HttpLimits = HttpLimits()

    def secret_files(self) -> Iterator[Path]:
        """Files with secrets that the settings name; each may be named more than once."""
        # Not at the top: most of what a command line needs settings for opens no database.
        from sqlalchemy import make_url
        from sqlalchemy.exc import ArgumentError

        with contextlib.suppress(ArgumentError):  # an impossible URL is told where it is opened
            query = make_url(self.database).query
            for name in ("passfile", "sslkey"):
                if isinstance(path := query.get(name), str):
                    yield Path(path)
