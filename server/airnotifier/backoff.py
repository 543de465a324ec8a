"""Waiting longer after each failure in a row, never in step with others."""

import random


class Backoff:
    """Exponential back-off: delays double from `initial` to `maximum` seconds.

    Each is cut by a random part of up to one half, so that many connections which failed together
    do not return together.
    """

    def __init__(self, initial: float, maximum: float) -> None:
        self._initial = initial
        self._maximum = maximum
        self._failures = 0

    def next(self) -> float:
        """Note a failure; return the seconds to wait before the next try."""
        self._failures += 1
        return self.after(self._failures)

    def after(self, failures: int) -> float:
        """Seconds to wait after that many failures in a row (at least one)."""
        delay = min(self._maximum, self._initial * 2.0 ** min(failures - 1, 32))
        return delay * (0.5 + random.random() / 2)

    def reset(self) -> None:
        """Something worked."""
        self._failures = 0
