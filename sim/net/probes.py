"""Probes: segments without new bytes that ask whether the other end is still there.

An end that hears nothing sends them: on an idle connection if it asked for keep-alive, and on one
whose window is shut. The answer is an acknowledgement, or RST from a host that does not know the
connection. As long as nothing can be wrong every probe would be answered, so none is sent.

Probes are not part of the wire digest.
"""

from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING

from sim.net.rules import Kind, Reset

if TYPE_CHECKING:
    from sim.net.network import Network
    from sim.net.stream import StreamEnd


class Probes:
    """Sends the probes of a network's connections."""

    def __init__(self, network: "Network", rng: Random) -> None:
        self._network = network
        self._rng = rng

    def may_fail(self, end: "StreamEnd") -> bool:
        """Whether it is possible that a probe of `end` would not be answered."""
        if end.is_dead or end.host is end.peer.host:
            return False
        return bool(self._network.rules) or not end.hears() or end.peer.is_dead

    def send(self, end: "StreamEnd", answered: Callable[[], None]) -> None:
        """Send one; `answered` is called when the acknowledgement arrives, if it does."""
        if self.gets_through(end, Kind.PROBE):
            delay = self._delay(end)
            self._network.environment.call_later(delay, self._arrive, end, answered)

    def gets_through(self, end: "StreamEnd", kind: Kind) -> bool:
        """Whether a segment without bytes that `end` sends now arrives."""
        path = self._network.path
        verdict = path.verdict(end, kind)
        path.tell(end, kind, lost=verdict is not None)
        if isinstance(verdict, Reset):
            path.reset(end, verdict)
        return verdict is None and end.peer.hears()

    def _delay(self, source: "StreamEnd") -> float:
        links = (source.host.link, source.peer.host.link)
        return sum(link.delay(self._rng) for link in links)

    def _arrive(self, end: "StreamEnd", answered: Callable[[], None]) -> None:
        peer = end.peer
        if end.is_dead or not peer.hears():
            return
        call_later = self._network.environment.call_later
        if peer.is_dead:
            if self.gets_through(peer, Kind.RST):
                call_later(self._delay(peer), end.take_reset)
        elif self.gets_through(peer, Kind.PROBE_ACK):
            call_later(self._delay(peer), self._answer, end, answered)

    def _answer(self, end: "StreamEnd", answered: Callable[[], None]) -> None:
        if end.hears() and not end.is_dead:
            answered()
