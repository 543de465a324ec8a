"""The ledger: follows every notification through the trace of a run and says what became of it.

It reads trace events one by one, as they happen or from a trace file, in one pass. Each system
on the way names a notification in its own terms, so the ledger joins them: the site's request to
the gateway's push by the number that the gateway answered, the gateway's dispatch to the push
service's acceptance by connection and identifier (APNs) or by message id (GCM), and the push
service's delivery to the phone's receipt by session and wire id. What cannot be joined is a
finding.

State: one `Notification` and one `Copy` per notification for the whole run (its row is written at
the end, since the user may open it any time), join keys only while a hop is open.

Simplification: one site and one gateway per run; their numbers are not prefixed by a host name.
"""

from collections.abc import Iterable, Iterator, Mapping

from scenarios.engine.ledger.findings import Event, Findings
from scenarios.engine.ledger.notifications import READINGS, Copy, Fate, Notification, OpenHops
from scenarios.engine.ledger.receivers import Receivers
from scenarios.engine.ledger.senders import Senders
from scenarios.engine.ledger.uptime import Uptime


class Ledger:
    """Feed it every event of a run in order; ask it at any time."""

    def __init__(self) -> None:
        self.findings = Findings()
        self._hops = OpenHops()
        self.uptime = Uptime()
        self._senders = Senders(self.findings, self._hops, self.uptime)
        self._receivers = Receivers(self.findings, self._hops)
        self._handlers = self._senders.handlers | self._receivers.handlers
        self._now = 0

    @property
    def notifications(self) -> list[Notification]:
        """All notifications in the order of their creation."""
        return self._senders.notifications

    @property
    def messages(self) -> int:
        """How many messages the site told of."""
        return self._senders.messages

    @property
    def removals(self) -> Mapping[str, int]:
        """Phone -> when the app was last removed from it (ns)."""
        return self._receivers.removals

    @property
    def leftovers(self) -> list[Copy]:
        """What push services accepted of an external gateway that this run has not sent."""
        return self._receivers.leftovers

    def is_leftover(self, phone: str, mid: str) -> bool:
        """Whether what came to a phone under that id is one of these."""
        return self._receivers.is_leftover(phone, mid)

    def feed(self, event: Event) -> None:
        """Take the next event of the trace."""
        t: int = event["t"]
        if t < self._now:
            text = f"{event['kind']} at {t} ns comes after an event at {self._now} ns"
            self.findings.add("time", t, text)
        self._now = t
        kind = event["kind"]
        lived = self.uptime.handlers.get(kind)
        if lived is not None:
            lived(t, event)
        handler = self._handlers.get(kind)
        if handler is not None:
            handler(t, event)

    def feed_all(self, events: Iterable[Event]) -> "Ledger":
        """Take a whole trace; returns itself."""
        for event in events:
            self.feed(event)
        return self

    def close(self) -> None:
        """The run is over: join what only the end can join.

        A copy that GCM accepted while its answer never reached the gateway belongs to a push of
        the same token that was sent before.
        """
        for copy in self._hops.answers.values():
            notification = self._senders.sent_before(copy.token_ref, copy.accepted)
            if notification is not None:
                notification.join(copy)
            else:
                text = f"{copy.service} accepted {copy.nid}, which no gateway sent"
                self.findings.add("cause", copy.accepted, text)
        self._hops.answers.clear()
        self._senders.close()

    def counts(self) -> dict[str, int]:
        """`created`, every fate, the readings of the delivered ones, and `duplicate`."""
        counts: dict[str, int] = {"created": len(self.notifications)}
        counts |= {fate.value: 0 for fate in Fate}
        counts |= dict.fromkeys(READINGS, 0)
        counts["duplicate"] = 0
        for notification in self.notifications:
            counts[notification.fate] += 1
            reading = notification.reading
            if reading is not None:
                counts[reading] += 1
            counts["duplicate"] += notification.duplicates
        return counts

    def in_motion(self) -> Iterator[Notification]:
        """The notifications that are still on their way by themselves."""
        return (n for n in self.notifications if n.in_motion)
