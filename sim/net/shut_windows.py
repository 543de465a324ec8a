"""Shut windows: ends that have bytes to send and whose peer does not read.

Model, after Linux's timer for zero-window probes: an end whose window is shut sends probes with the
back-off of retransmissions. An answer says how large the window is and that somebody is there; when
as many as there would be retransmissions stay without one, the end gives up with ETIMEDOUT. With
TCP_USER_TIMEOUT it gives up when bytes have waited for so long, answered or not (tcp(7): "or
buffered data may remain untransmitted, due to zero window size").

As long as nothing can be wrong no timer runs, unless there is such a timeout; a window that opens
is told at once then.
"""

import math
from functools import partial
from typing import TYPE_CHECKING

from sim.net import retransmission
from sim.net.retransmission import FIRST_RETRANSMISSION, MAX_RETRANSMISSION
from sim.net.socket_timeouts import timeouts_of

if TYPE_CHECKING:
    from sim.kernel.environment import Call
    from sim.net.network import Network
    from sim.net.probes import Probes
    from sim.net.transport import SimTransport


class _ShutWindow:
    __slots__ = ("backoff", "end", "in_doubt", "next_probe", "since", "timer", "unanswered")

    def __init__(self, end: "SimTransport", now: float) -> None:
        self.end = end
        self.since = now
        self.backoff = 0
        self.next_probe = now
        self.in_doubt = False
        """What the peer says of its window may have been lost."""
        self.unanswered = 0
        self.timer: Call | None = None
        self.step()

    def step(self) -> None:
        """On to the moment of the next probe. The back-off stops growing at the limit of attempts,
        as Linux's does.
        """
        steps = min(self.backoff, retransmission.RETRANSMISSIONS)
        self.next_probe += min(FIRST_RETRANSMISSION * 2.0**steps, MAX_RETRANSMISSION)
        self.backoff += 1

    def patience(self) -> float:
        """The virtual second at which TCP_USER_TIMEOUT ends; infinite without one."""
        timeout = timeouts_of(self.end.options).user_timeout
        return math.inf if timeout is None else self.since + timeout


class ShutWindows:
    """The shut windows of a network."""

    def __init__(self, network: "Network", probes: "Probes") -> None:
        self._network = network
        self._probes = probes
        self._shut: dict[tuple[int, int], _ShutWindow] = {}

    def shut(self, end: "SimTransport") -> None:
        """`end` has more to send than its peer's window takes."""
        window = _ShutWindow(end, self._network.environment._now)
        self._shut[end.number, end.direction] = window
        self._consider(window)

    def progressed(self, end: "SimTransport") -> None:
        """Some of what `end` had to send was sent: its patience begins anew."""
        window = self._shut.get((end.number, end.direction))
        if window is not None:
            window.since = self._network.environment._now
            window.unanswered = 0

    def opened(self, end: "SimTransport") -> None:
        """`end` has sent all it had to, or is no more."""
        window = self._shut.pop((end.number, end.direction), None)
        if window is not None and window.timer is not None:
            window.timer.cancel()

    def consider_all(self) -> None:
        """Something may be wrong, or an end may have set other options."""
        for window in list(self._shut.values()):
            if window.timer is not None:
                window.timer.cancel()
                window.timer = None
            self._consider(window)

    def _consider(self, window: _ShutWindow) -> None:
        """Set the timer, if one is needed."""
        patience = window.patience()
        window.in_doubt = window.in_doubt or self._probes.may_fail(window.end)
        if window.in_doubt:
            while window.next_probe <= self._network.environment._now:
                window.step()
            self._wait(window, min(window.next_probe, patience))
        elif patience < math.inf:
            self._wait(window, patience)

    def _wait(self, window: _ShutWindow, until: float) -> None:
        environment = self._network.environment
        window.timer = environment.call_at(max(until, environment._now), self._due, window)

    def _due(self, window: _ShutWindow) -> None:
        end = window.end
        window.timer = None
        if end.is_dead:
            self.opened(end)
        elif self._is_hopeless(window):
            self.opened(end)
            end.time_out()
        else:
            if not self._probes.may_fail(end):
                window.in_doubt = False
                self._answered(window)
            elif end.outage is None:  # otherwise retransmissions ask the same
                window.unanswered += 1
                self._probes.send(end, partial(self._answered, window))
            if (end.number, end.direction) in self._shut:
                self._consider(window)

    def _is_hopeless(self, window: _ShutWindow) -> bool:
        patience = window.patience()
        if patience < math.inf:
            return self._network.environment._now >= patience
        # Retransmissions count for themselves.
        return window.end.outage is None and window.unanswered >= retransmission.RETRANSMISSIONS

    def _answered(self, window: _ShutWindow) -> None:
        window.unanswered = 0
        window.end.window_told()
