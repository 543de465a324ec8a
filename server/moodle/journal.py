"""Log events that wait for their transaction.

What is logged has to have happened, so work inside a transaction notes its events here and the
caller writes them after the commit. A rolled back transaction leaves no trace in the log.
"""

from server.logs import EventLog, Field


class Journal:
    """Events in the order in which they were noted."""

    __slots__ = ("_events",)

    def __init__(self) -> None:
        self._events: list[tuple[str, dict[str, Field]]] = []

    def note(self, event: str, /, **fields: Field) -> None:
        """Remember an event."""
        self._events.append((event, fields))

    def write(self, log: EventLog) -> None:
        """Log what was noted, once."""
        for event, fields in self._events:
            log.event(event, **fields)
        self._events.clear()
