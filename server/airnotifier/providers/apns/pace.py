"""How fast an application may connect to APNs.

A push service takes many connections in a short time for an attack and then refuses its client for
a long time (Apple, "Best Practices for Managing Connections"; it publishes no number). So all links
of an application share one allowance: so many connects in any minute, the failed ones included.
"""

from collections import deque

PERIOD = 60.0


class Pace:
    """At most `limit` connects in any `PERIOD` (monotonic seconds)."""

    def __init__(self, limit: int) -> None:
        self._recent: deque[float] = deque(maxlen=limit)

    def wait(self, now: float) -> float:
        """Seconds until the next connect is allowed; 0: now."""
        if len(self._recent) < (self._recent.maxlen or 0):
            return 0.0
        return max(0.0, self._recent[0] + PERIOD - now)

    def note(self, now: float) -> None:
        """A connect begins."""
        self._recent.append(now)
