"""Wrong calendar clocks of hosts whose code runs in this process: the push services.

`time.time` is exchanged while there is such a clock, and then shows the time of the host whose code
is running, as in a simulated world. Code of no host, and other threads, have the right time.
"""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sim.kernel.context import current_host

if TYPE_CHECKING:
    from sim.kernel.environment import SimEnvironment


class Calendar:
    """See the module. One per world."""

    def __init__(self, environment: "SimEnvironment") -> None:
        self._environment = environment
        self._right: Callable[[], float] | None = None

    def set_clock(self, host: Any, offset: float, drift: float) -> None:
        """As `sim.hosts.Host.set_clock`."""
        skews, since = self._environment.skews, self._environment.now
        if offset or drift:
            skews[host] = lambda now: offset + drift * (now - since)
            self._exchange()
        else:
            skews.pop(host, None)

    def close(self) -> None:
        """Give the process its clock back."""
        if self._right is not None:
            time.time = self._right
            self._right = None

    def _exchange(self) -> None:
        if self._right is not None:
            return
        environment = self._environment
        right = self._right = time.time

        def shown() -> float:
            skew = environment.skews.get(current_host.get(None))
            return right() + (0.0 if skew is None else skew(environment.now))

        time.time = shown
