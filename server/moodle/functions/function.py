"""What a web service function is, and what one call of it gets."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from server.moodle.accounts import User
from server.moodle.journal import Journal
from server.moodle.messaging.send import Sent
from server.moodle.parameters import Single
from server.moodle.site import Site

CORE_VERSION = "2013051400"
"""Moodle 2.5.0."""

PLUGIN_VERSION = "2013042900"
"""The AirNotifier output's patch for 2.5."""


@dataclass(slots=True)
class Call:
    """One call, inside its transaction. What it leaves here is done after the commit."""

    site: Site
    connection: Connection
    user: User
    now: int
    journal: Journal
    functions: Mapping[str, "Function"]
    """Everything the site offers, by name."""
    sent: list[Sent] = field(default_factory=list)


@dataclass(frozen=True)
class Function:
    """A function by its name. Its `run` returns what JSON can express.

    `mobile`: part of the service that tokens of the mobile app are for. To call another one is an
    `accessexception`, whether or not its twin under an old name would be allowed.
    """

    name: str
    parameters: Single
    run: Callable[[Call, dict[str, Any]], Any]
    mobile: bool = True
    version: str = CORE_VERSION
