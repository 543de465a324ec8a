"""When to send again what was not acknowledged, and when to give up: TCP's back-off, without a
clock and without a network.

Linux's rules (Documentation/networking/ip-sysctl, tcp_retries2; tcp(7), TCP_USER_TIMEOUT). Its
retransmission timer depends on the measured round trip; here it starts at its minimum.
"""

from collections import deque

FIRST_RETRANSMISSION = 0.2
"""Seconds to the first retransmission (Linux's minimum RTO); doubles up to `MAX_RETRANSMISSION`."""

MAX_RETRANSMISSION = 120.0
"""Seconds between retransmissions at the most (Linux's maximum RTO)."""

RETRANSMISSIONS = 15
"""Retransmissions without an answer after which the sender gives up (Linux, tcp_retries2): with
the waits above 924.6 s in all.
"""


_NO_TIME = 1e-6
"""Seconds that are too short for a wait: added to a large time they may change nothing."""


class Backoff:
    """The waits between attempts since something was lost at virtual second `started`.

    With a `user_timeout` (seconds, TCP_USER_TIMEOUT) the time alone decides, otherwise the number
    of attempts.
    """

    __slots__ = ("attempts", "started", "user_timeout")

    def __init__(self, started: float, user_timeout: float | None = None) -> None:
        self.started = started
        self.user_timeout = user_timeout
        self.attempts = 0

    def next_wait(self, now: float) -> float | None:
        """Seconds until the next attempt; None if there is none any more."""
        wait = min(FIRST_RETRANSMISSION * 2.0 ** min(self.attempts, 30), MAX_RETRANSMISSION)
        if self.user_timeout is not None:
            remaining = self.user_timeout - (now - self.started)
            if remaining < _NO_TIME:
                return None
            wait = min(wait, remaining)
        elif self.attempts > RETRANSMISSIONS:
            return None
        self.attempts += 1
        return wait


class Outage:
    """What one end of a connection cannot get across at the moment."""

    __slots__ = ("backoff", "due", "held", "stalled")

    def __init__(self, backoff: Backoff) -> None:
        self.backoff = backoff
        self.due = 0.0
        """When the next attempt is made, in virtual seconds."""
        self.stalled: deque[list[bytes]] = deque()
        """Was under way and did not arrive. Empty: it did, but its acknowledgement did not."""
        self.held: deque[list[bytes]] = deque()
        """Was sent since."""
