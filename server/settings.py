"""What the settings of both servers have in common: what a port, a host and an address are."""

import ipaddress
import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from server.database import Durability

_LABEL = "[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(\.{_LABEL})*\.?", re.ASCII)
_PORT = re.compile("[1-9][0-9]{0,4}", re.ASCII)
_AUTHORITY = re.compile(r"(?P<host>\[[^\[\]]*\]|[^\[\]:]*)(:(?P<port>.*))?", re.DOTALL)


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
    """Whether a text is an http or https URL with a host, and a port if it has one, in ASCII; with
    whatever path, but without a name and password."""
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


class ServerSettings(StrictSettings):
    """What every server has to be told."""

    host: Host = "127.0.0.1"
    port: ListeningPort
    database: str
    """A URL as SQLAlchemy reads it."""
    durability: Durability = "full"
