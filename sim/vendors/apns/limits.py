"""Refusing those who connect too often, as Apple does with reconnect storms."""

from collections import deque

from sim.vendors.apns.settings import ReconnectLimit


class ConnectionLimiter:
    """Counts connects per source; too many in the window and the source is refused for a while."""

    def __init__(self, limit: ReconnectLimit | None) -> None:
        self._limit = limit
        self._recent: dict[str, deque[float]] = {}
        self._refused_until: dict[str, float] = {}

    def admits(self, source: str, now: float) -> bool:
        """Whether a connection of `source` at `now` (seconds of the loop's clock) may stay."""
        if self._limit is None:
            return True
        if now < self._refused_until.get(source, now):
            return False
        recent = self._recent.setdefault(source, deque())
        while recent and recent[0] <= now - self._limit.per:
            recent.popleft()
        recent.append(now)
        if len(recent) <= self._limit.connects:
            return True
        recent.clear()
        self._refused_until[source] = now + self._limit.penalty
        return False
