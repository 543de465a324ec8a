"""The recorder: every event of a run as one line of JSON, in the order in which it happened.

An event has a time `t` (integer nanoseconds of virtual time), a `host`, a `kind` (dotted, lower
case) and flat scalar fields. The lines go to a sink as they happen, so memory stays bounded
however long the run.
"""

from collections.abc import Callable
from typing import Any

from pydantic_core import to_json

from sim.kernel.environment import SimEnvironment

Scalar = str | int | float | bool | None
Event = dict[str, Any]
Listener = Callable[[Event], None]


class Recorder:
    """Takes events and hands each to the listeners, in the order in which these were added.

    >>> recorder = Recorder(SimEnvironment())
    >>> events = recorder.keep()
    >>> recorder.emit("phone.online", "phone")
    >>> events
    [{'t': 0, 'host': 'phone', 'kind': 'phone.online'}]

    `wants_connections` says whether opened and closed connections are events too; the network
    asks before it makes one.
    """

    def __init__(self, environment: SimEnvironment, *, wants_connections: bool = True) -> None:
        self._environment = environment
        self._listeners: list[Listener] = []
        self.wants_connections = wants_connections

    def emit(self, kind: str, host: str, /, **fields: Scalar) -> None:
        """Record that something of this kind happened on this host now."""
        if self._listeners:
            event: Event = {
                "t": round(self._environment._now * 1e9),
                "host": host,
                "kind": kind,
                **fields,
            }
            for listener in self._listeners:
                listener(event)

    def listen(self, listener: Listener) -> None:
        """Call `listener(event)` for every event from now on. It must not change the event."""
        self._listeners.append(listener)

    def close(self) -> None:
        """Record nothing from now on."""
        self._listeners.clear()

    def keep(self) -> list[Event]:
        """A list that fills with all events from now on: for tests and short runs."""
        events: list[Event] = []
        self.listen(events.append)
        return events


def line_of(event: Event) -> str:
    """The event as one line of JSON, fields in the order in which they were given."""
    return to_json(event).decode()
