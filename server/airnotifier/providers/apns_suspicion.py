"""Finding the push that makes the server hang up without a word.

Normally an error packet names a bad push. If a connection ends silently, all its unconfirmed
pushes are sent again: delivery is at least once. If it ends silently again, one of them may be the
reason, and sending all of them for ever would hold up everything behind. So the number that may be
under way is halved at each such end and doubled at each success, which closes in on the culprit;
alone on a connection and cut off repeatedly, it is given up.

A server that hangs up on everybody must not make us give up everything. While there is suspicion,
a fresh connection first has to survive PROBE seconds of silence; if it does not, the pushes are
innocent.
"""

from server.airnotifier.push import Push

PROBE = 1.0
"""Seconds a suspected connection waits before it writes."""
STRIKES = 2
"""Silent ends, alone on a connection that survived its probe, after which a push is given up."""


class Suspicion:
    """How many pushes may be unconfirmed at once, from `limit` (no suspicion) down to one."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.allowance = limit
        self.active = False
        """Whether a connection has to survive its probe before it is used."""
        self._silent_ends = 0
        self._suspect: int | None = None
        self._strikes = 0

    def __repr__(self) -> str:
        state = "active" if self.active else "none"
        return f"<Suspicion {state}, allowance={self.allowance}>"

    def progress(self) -> None:
        """A push was confirmed, or rejected by name, or given up."""
        self._silent_ends = 0
        self.allowance = min(self._limit, self.allowance * 2)
        self.active = self.allowance < self._limit

    def silent_end(self, unconfirmed: list[Push]) -> Push | None:
        """A connection ended without a word. Returns the push to give up, if there is one."""
        self._silent_ends += 1
        if self._silent_ends == 1 and not self.active:
            return None
        if self.active and len(unconfirmed) == 1:
            if self._suspect != unconfirmed[0].id:
                self._suspect, self._strikes = unconfirmed[0].id, 0
            self._strikes += 1
            if self._strikes >= STRIKES:
                self._suspect = None
                return unconfirmed[0]
        self.active = True
        self.allowance = max(1, len(unconfirmed) // 2)
        return None
