"""Refusing those who connect too often, as Apple does with reconnect storms."""

from collections import deque

from sim.vendors.apns.settings import ReconnectLimit


class ConnectionLimiter:
    """Counts connects per source; too many in the window and the source is refused for a while."""

    def __init__(self) -> None:
        self._recent: dict[str, deque[float]] = {}
        self._refused_until: dict[str, float] = {}

    def admits(self, source: str, now: float, limit: ReconnectLimit) -> bool:
        """Whether a connection of `source` at `now` (seconds of the loop's clock) may stay."""
        if now < self._refused_until.get(source, now):
            return False
        recent = self._recent.setdefault(source, deque())
        while recent and recent[0] <= now - limit.per:
            recent.popleft()
        recent.append(now)
        if len(recent) <= limit.connects:
            return True
        recent.clear()
        self._refused_until[source] = now + limit.penalty
        return False
