"""Up to which moment everything that was written to a connection has arrived.

Silence means consent only to what the server has got. So the kernel is asked now and then how far
it has come, and each answer is kept with the moment of the question until its bytes are
acknowledged. No I/O and no clock of its own.
"""

from collections import deque

from server.airnotifier.providers.tcp_progress import TcpProgress


class Arrivals:
    """The arrivals of one connection. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._open: deque[tuple[float, int]] = deque()
        """Moment of a look, bytes written until then; not all of them acknowledged."""
        self._arrived: deque[tuple[float, float]] = deque()
        """Moment of a look, and when everything written until then was seen to have arrived."""
        self._until = float("-inf")

    def look(self, now: float, progress: TcpProgress | None) -> None:
        """Take in what the kernel says. None (it does not say): everything has arrived."""
        if progress is None:
            self._arrived.append((now, now))
            return
        self._open.append((now, progress.written))
        reached: float | None = None
        while self._open and self._open[0][1] <= progress.acknowledged:
            reached = self._open.popleft()[0]
        if reached is not None:
            self._arrived.append((reached, now))

    def known_since(self, moment: float) -> float:
        """What was written before the returned time had arrived at `moment`."""
        while self._arrived and self._arrived[0][1] <= moment:
            self._until = self._arrived.popleft()[0]
        return self._until

    def seen(self, newest: float) -> float | None:
        """When the first arrival was seen that is not known since long; None while something
        written at `newest` or earlier may still be under way.
        """
        if not self._arrived or self._arrived[-1][0] <= newest:
            return None
        return self._arrived[0][1]
