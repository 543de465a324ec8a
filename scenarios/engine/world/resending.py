"""Whether an external gateway sends again what APNs discarded; what it does not is lost.

Nothing says that it will not: its log is elsewhere. A gateway that sends again does so as soon as
it has a connection, everything in one go. So the pushes are lost when it has had one and has
written nothing to APNs for `PATIENCE`, and in any case after `LONGEST`. One that comes later all
the same is a push like any other, and lost no more.
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
class Discarded:
    """A push that APNs read and threw away."""

    push: str
    token_ref: str
    connection: str


class Resending:
    """Remembers what was discarded until it is sent again or `lose` is called with it."""

    def __init__(self, clock: Clock, lose: Callable[[Discarded], None]) -> None:
        self._clock = clock
        self._lose = lose
        self._waiting: dict[str, Discarded] = {}
        self._connections: set[str] = set()
        self._discarded = 0.0
        """When it happened last."""
        self._written = 0.0
        """When the gateway opened a connection to APNs, or wrote to one, last."""

    def connected(self, peer: str) -> None:
        """The gateway has opened a connection to APNs."""
        self._connections.add(peer)
        self.wrote()
        if self._waiting:
            self._clock.call_later(PATIENCE, self._look)

    def closed(self, peer: str) -> None:
        """A connection is gone."""
        self._connections.discard(peer)

    def wrote(self) -> None:
        """Something that the gateway wrote has arrived at APNs."""
        self._written = self._clock.now

    def discarded(self, what: Discarded) -> None:
        """APNs threw a push away and has closed its connection."""
        self._connections.discard(what.connection)
        self._discarded = self._clock.now
        if not self._waiting:
            self._clock.call_later(PATIENCE if self._connections else LONGEST, self._look)
        self._waiting[what.push] = what

    def is_waiting(self, push: str) -> bool:
        """Whether it was discarded and has not been sent again."""
        return push in self._waiting

    def sent_again(self, push: str) -> None:
        """It has arrived at APNs another time."""
        self._waiting.pop(push, None)

    def _look(self) -> None:
        if not self._waiting:
            return
        due = self._discarded + LONGEST
        if self._connections:
            due = min(due, max(self._discarded, self._written) + PATIENCE)
        # What is due this very moment may be a rounding error away.
        if (left := due - self._clock.now) > 1e-6:
            self._clock.call_later(left, self._look)
            return
        lost, self._waiting = self._waiting, {}
        for what in lost.values():
            self._lose(what)
