"""Whether an external gateway still sends what a connection to APNs has cost; what it does not is
lost.

Nothing says that it will not: its log is elsewhere. A gateway that sends again does so as soon as
it has a connection, everything in one go. So what APNs discarded is lost when the gateway has had a
connection and has written nothing to APNs for `PATIENCE`, and in any case after `LONGEST`. What
nobody has read, although the API had answered ok to it by the time that APNs closed a connection,
is lost after that silence only: without a connection it may be waiting for one. A push that comes
later all the same is a push like any other, and lost no more.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

PATIENCE: Final = 2.0
"""Wall seconds of silence, with a connection to APNs open. A gateway that reconnects needs a
handshake; the longest first pauses in use are one second."""

LONGEST: Final = 10.0
"""Wall seconds after APNs closed the connection, whether or not there is another one by then."""


class Clock(Protocol):
    """What a world's environment has of one."""

    @property
    def now(self) -> float: ...
    def call_later(
        self, delay: float, function: Callable[..., object], *arguments: object
    ) -> object: ...


@dataclass(frozen=True, slots=True)
class Missing:
    """A push that APNs has not taken."""

    push: str
    token_ref: str
    was_read: bool
    """Whether APNs has read it, and thrown it away."""


class Resending:
    """Remembers what is missing until it arrives, or `lose` is called with it."""

    def __init__(self, clock: Clock, lose: Callable[[Missing], None]) -> None:
        self._clock = clock
        self._lose = lose
        self._missing: dict[str, Missing] = {}
        self._connections: set[str] = set()
        self._since = 0.0
        """When something went missing last."""
        self._written = 0.0
        """When the gateway opened a connection to APNs, or wrote to one, last."""
        self._next_look = float("inf")

    def connected(self, peer: str) -> None:
        """The gateway has opened a connection to APNs."""
        self._connections.add(peer)
        self.wrote()
        if self._missing:
            self._look_at(self._clock.now + PATIENCE)

    def closed(self, peer: str) -> None:
        """A connection is gone."""
        self._connections.discard(peer)

    def wrote(self) -> None:
        """Something that the gateway wrote has arrived at APNs."""
        self._written = self._clock.now

    def add(self, what: Missing) -> None:
        """A connection to APNs has ended, and this one is missing."""
        self._since = self._clock.now
        self._missing[what.push] = what
        self._look_at(self._due(what))

    def was_discarded(self, push: str) -> bool:
        """Whether APNs has thrown it away, and it has not come again."""
        return push in self._missing and self._missing[push].was_read

    def arrived(self, push: str) -> None:
        """It has come to APNs, perhaps another time."""
        self._missing.pop(push, None)

    def _due(self, what: Missing) -> float:
        """When it is to be called lost, for all that is known."""
        quiet, end = float("inf"), self._since + LONGEST
        if self._connections:
            quiet = max(self._since, self._written) + PATIENCE
        return min(quiet, end) if what.was_read else quiet

    def _look_at(self, moment: float) -> None:
        if moment < self._next_look:
            self._next_look = moment
            self._clock.call_later(moment - self._clock.now, self._look)

    def _look(self) -> None:
        self._next_look = float("inf")
        # What is due this very moment may be a rounding error away.
        now = self._clock.now + 1e-6
        for what in list(self._missing.values()):
            if self._due(what) <= now:
                del self._missing[what.push]
                self._lose(what)
        if self._missing:
            self._look_at(min(map(self._due, self._missing.values())))
