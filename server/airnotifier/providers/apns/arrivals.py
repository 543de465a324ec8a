"""Up to which push everything that was written to a connection has arrived, and since when.

Silence means consent only to what the server has got. So the kernel is asked how many bytes it has
taken whenever something was written, and how many were acknowledged for as long as some are not.
No I/O and no clock of its own.
"""

from collections import deque

from server.airnotifier.providers.apns.tcp_progress import TcpProgress


class Arrivals:
    """The arrivals of one connection. Times are monotonic seconds.

    `end` is always an identifier that has not been given yet: everything before it is meant.
    """

    def __init__(self) -> None:
        self._under_way: deque[tuple[int, int]] = deque()
        """End, and the bytes written until then; not all of them acknowledged."""
        self._arrived: deque[tuple[int, float]] = deque()
        """End, and when everything before it was seen to have arrived."""
        self._reached = 0
        self._known = 0

    def look(self, now: float, end: int, progress: TcpProgress | None) -> None:
        """Take in what the kernel says when everything before `end` has left the process. None (it
        does not say): that has arrived.
        """
        if progress is None:
            reached = end
        else:
            if end > (self._under_way[-1][0] if self._under_way else self._reached):
                self._under_way.append((end, progress.written))
            reached = self._reached
            while self._under_way and self._under_way[0][1] <= progress.acknowledged:
                reached = self._under_way.popleft()[0]
        if reached > self._reached:
            self._reached = reached
            self._arrived.append((reached, now))

    def has_all(self, end: int) -> bool:
        """Whether everything before `end` was seen to have arrived."""
        return self._reached >= end

    def known_since(self, moment: float) -> int:
        """The end of what was seen to have arrived at `moment`. What it covers is not `oldest`
        any more.
        """
        while self._arrived and self._arrived[0][1] <= moment:
            self._known = self._arrived.popleft()[0]
        return self._known

    @property
    def oldest(self) -> float | None:
        """When the first of the arrivals was seen that are not known for long enough."""
        return self._arrived[0][1] if self._arrived else None
