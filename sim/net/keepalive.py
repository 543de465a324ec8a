"""Keep-alive: ends that ask for it find out that nobody is there any more.

Model: after `idle` seconds without a sound an end sends probes; an answer means life, RST means
the peer has forgotten the connection, and after `count` probes in vain the end gives up with
ETIMEDOUT and sends RST. While bytes wait for acknowledgement there are no probes: retransmission
finds out.

As long as nothing can be wrong (no rules, both hosts on the network, the peer alive) every probe
would be answered (`sim.net.probes`), so no timer runs: ten thousand idle connections cost nothing.
"""

from functools import partial
from typing import TYPE_CHECKING

from sim.net.socket_timeouts import timeouts_of

if TYPE_CHECKING:
    from sim.hosts import Host
    from sim.kernel.environment import Call
    from sim.net.network import Network
    from sim.net.probes import Probes
    from sim.net.stream import StreamEnd


class _Watch:
    __slots__ = ("end", "heard", "probes", "timer")

    def __init__(self, end: "StreamEnd", heard: float) -> None:
        self.end = end
        self.heard = heard
        self.probes = 0
        self.timer: Call


class KeepAlives:
    """The keep-alive timers of a network: only of connections with which something may be wrong."""

    def __init__(self, network: "Network", probes: "Probes") -> None:
        self._network = network
        self._probes = probes
        self._watches: dict[tuple[int, int], _Watch] = {}

    def consider_all(self) -> None:
        """Something may be wrong anywhere."""
        for host in self._network.hosts():
            self.consider_host(host)

    def consider_host(self, host: "Host") -> None:
        """Something may be wrong with the host's connections."""
        for end in list(host.connections.values()):
            self.consider(end)
            self.consider(end.peer)

    def consider(self, end: "StreamEnd") -> None:
        """Watch the end, if it asked for keep-alive and something may be wrong."""
        key = (end.number, end.direction)
        timeouts = timeouts_of(end.options)
        if timeouts.keepalive and key not in self._watches and self._probes.may_fail(end):
            watch = self._watches[key] = _Watch(end, self._last_sound(end))
            self._wait(watch, watch.heard + timeouts.idle)

    def reconsider(self, end: "StreamEnd") -> None:
        """Its options have changed: begin again with what they say now."""
        watch = self._watches.pop((end.number, end.direction), None)
        if watch is not None:
            watch.timer.cancel()
        self.consider(end)

    def _last_sound(self, end: "StreamEnd") -> float:
        """When bytes or an acknowledgement last came in, as far as is known; now at the latest."""
        now = self._network.environment._now
        arrivals = (each.last_arrival for each in (end, end.peer))
        return max((moment for moment in arrivals if moment <= now), default=0.0)

    def _wait(self, watch: _Watch, until: float) -> None:
        watch.timer = self._network.environment.call_at(until, self._due, watch)

    def _due(self, watch: _Watch) -> None:
        end = watch.end
        timeouts = timeouts_of(end.options)
        now = self._network.environment._now
        watch.heard = max(watch.heard, self._last_sound(end))
        if not self._probes.may_fail(end) or not timeouts.keepalive:
            del self._watches[end.number, end.direction]
        elif end.outage is not None:
            watch.probes = 0
            self._wait(watch, now + timeouts.idle)
        elif not watch.probes and now < watch.heard + timeouts.idle:
            self._wait(watch, watch.heard + timeouts.idle)
        elif timeouts.is_hopeless(now - watch.heard, watch.probes):
            del self._watches[end.number, end.direction]
            end.give_up()
        else:
            watch.probes += 1
            self._probes.send(end, partial(self._answered, watch))
            self._wait(watch, now + timeouts.interval)

    def _answered(self, watch: _Watch) -> None:
        watch.heard = self._network.environment._now
        watch.probes = 0
