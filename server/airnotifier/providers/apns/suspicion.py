"""Finding the push that makes the server hang up without a word.

Normally an error packet names a bad push. If a connection ends silently, all its unconfirmed
pushes are sent again: delivery is at least once. If it ends silently again, one of them may be the
reason, and sending all of them for ever would hold up everything behind. So they are sent a few at
a time; those of a connection that still ends are sent one at a time, and one that is cut off
repeatedly when alone is given up.

So no push is written more than five times (`max_unknown_writes`): twice with all others, once with
a few, twice alone. Bisecting would need fewer connections, but would write every other push once
for each of them.

A server that hangs up on everybody must not make us give up everything. While there is suspicion,
a fresh connection first has to survive PROBE seconds of silence; if it does not, the pushes are
innocent.
"""

from server.airnotifier.push import Push

PROBE = 1.0
"""Seconds a suspected connection waits before it writes."""
STRIKES = 2
"""Silent ends, alone on a connection that survived its probe, after which a push is given up."""
TOGETHER = 64
"""Suspects that are sent together. More would pass faster if all are innocent; with a culprit among
them, each takes `confirm_after`."""


class Suspicion:
    """How many pushes may be unconfirmed at once: `limit` while there is no suspicion."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.allowance = limit
        self.active = False
        """Whether a connection has to survive its probe before it is used."""
        self._silent_ends = 0
        self._suspects = 0
        """Pushes at the front that were on a connection which ended silently."""
        self._alone = 0
        """Of these, those that were so again, with a few others."""
        self._suspect: int | None = None
        self._strikes = 0

    def __repr__(self) -> str:
        state = "active" if self.active else "none"
        return f"<Suspicion {state}, allowance={self.allowance}>"

    def progress(self, settled: int) -> None:
        """So many pushes were confirmed, or rejected by name, or given up."""
        self._silent_ends = 0
        self._suspects = max(0, self._suspects - settled)
        self._alone = max(0, self._alone - settled)
        if not self._alone:
            most = TOGETHER if self._suspects and self.active else self._limit
            self.allowance = min(self._limit, most, self.allowance * 2)
        self.active = self.allowance < self._limit

    def silent_end(self, unconfirmed: list[Push]) -> Push | None:
        """A connection ended without a word. Returns the push to give up, if there is one."""
        self._silent_ends += 1
        self._suspects = max(self._suspects, len(unconfirmed))
        if not self.active:
            if self._silent_ends == 1:
                return None
        else:
            self._alone = max(self._alone, len(unconfirmed))
            if len(unconfirmed) == 1:
                if self._suspect != unconfirmed[0].id:
                    self._suspect, self._strikes = unconfirmed[0].id, 0
                self._strikes += 1
                if self._strikes >= STRIKES:
                    self._suspect = None
                    return unconfirmed[0]
        self.active = True
        self.allowance = 1
        return None
