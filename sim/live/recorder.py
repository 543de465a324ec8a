"""The recorder of a live world: events of this process and log lines of the servers in one order.

A server writes its log line before it acts on the network, and into a pipe. So whenever something
happens here, everything that could have caused it is in a pipe already: the recorder reads the
pipes first, and a cause never comes after its effect. Times are the writer's own, but never earlier
than what has been recorded before.
"""

from collections.abc import Callable, Iterable

from sim.kernel.environment import SimEnvironment
from sim.trace.recorder import Event, Recorder, Scalar


class LiveRecorder(Recorder):
    """See the module. `t` is in nanoseconds of wall time since the world began."""

    def __init__(self, environment: SimEnvironment, *, wants_connections: bool = True) -> None:
        super().__init__(environment, wants_connections=wants_connections)
        self.read_logs: Callable[[], None] | None = None
        """Passes everything that stands in the servers' logs by now to `record_late`."""
        self.aliases: dict[str, str] = {}
        """Address that a push service sees -> address that the gateway knows as its own, for
        connections that come through a proxy."""
        self.interpret: Callable[[Event], Iterable[Event]] | None = None
        """Makes of an event what is to be recorded: more, if more can be inferred from it."""
        self._latest = 0
        self._reading = False

    def emit(self, kind: str, host: str, /, **fields: Scalar) -> None:
        """Record that something of this kind happened on this host now."""
        self.catch_up()
        peer = fields.get("peer")
        if isinstance(peer, str):
            fields["peer"] = self.aliases.get(peer, peer)
        self._record(self._environment.now, kind, host, fields)

    def catch_up(self) -> None:
        """Record what the servers have logged so far."""
        if self.read_logs is not None and not self._reading:
            self._reading = True
            try:
                self.read_logs()
            finally:
                self._reading = False

    def record_late(self, age: float, kind: str, host: str, fields: dict[str, Scalar]) -> None:
        """Record what happened `age` seconds ago.

        By its age, so that a step of the calendar clock does not matter.
        """
        self._record(self._environment.now - max(0.0, age), kind, host, fields)

    def _record(self, seconds: float, kind: str, host: str, fields: dict[str, Scalar]) -> None:
        self._latest = max(self._latest, round(seconds * 1e9))
        event: Event = {"t": self._latest, "host": host, "kind": kind, **fields}
        for each in (event,) if self.interpret is None else self.interpret(event):
            for listener in self._listeners:
                listener(each)
