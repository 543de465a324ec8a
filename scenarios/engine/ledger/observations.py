"""What a run measured, by the names that conditions in scenario files may use (`gateway.resent`).

Counts are taken from the trace as it goes by; figures about fates come from the ledger. Latencies
(seconds of virtual time) are for `metrics.csv`.
"""

from collections.abc import Iterator
from typing import Final

from scenarios.engine.ledger.fates import Ledger
from scenarios.engine.ledger.findings import Event
from scenarios.engine.ledger.notifications import Notification

NS_PER_SECOND: Final = 1_000_000_000
PERCENTILES: Final = (50, 95, 99, 100)

_COUNTED: Final = {
    "push.accepted": "gateway.accepted",
    "token.pruned": "gateway.pruned",
    "push.unresolved": "gateway.unresolved",
    "push.requested": "site.requested",
    "push.suppressed": "site.suppressed",
}
_COUNTED_BY_SERVICE: Final = {
    "vendor.connected": "connections_opened",
    "vendor.accepted": "accepted",
    "vendor.rejected": "rejected",
}


class Observations:
    """Counts events and answers by name."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._counts = dict.fromkeys(_COUNTED.values(), 0) | {
            "gateway.resent": 0,
            "apns.discarded": 0,
        }
        for name in _COUNTED_BY_SERVICE.values():
            self._counts |= {f"apns.{name}": 0, f"gcm.{name}": 0}

    def feed(self, event: Event) -> None:
        """Take the next event of the trace."""
        kind = event["kind"]
        if event.get("leftover"):
            return  # of a run before this one
        if kind in _COUNTED:
            self._counts[_COUNTED[kind]] += 1
        elif kind in _COUNTED_BY_SERVICE:
            self._counts[f"{event['service']}.{_COUNTED_BY_SERVICE[kind]}"] += 1
        elif kind == "vendor.discarded":
            self._counts["apns.discarded"] += event["notifications"] - event.get("leftovers", 0)
        elif kind == "push.dispatched" and event["attempt"] > 1:
            self._counts["gateway.resent"] += 1

    def all(self) -> dict[str, int]:
        """Every observation by its full name, sorted."""
        fates = self._ledger.counts()
        named = {f"fates.{name}": count for name, count in fates.items()}
        named["gateway.refused"] = fates["refused"]
        named["phones.strangers"] = sum(n.strangers for n in self._ledger.notifications)
        return dict(sorted((named | self._counts).items()))

    def metrics(self) -> Iterator[tuple[str, str, float]]:
        """Rows of metrics.csv: name, unit, value. Latencies only where there is one."""
        for name, count in self.all().items():
            yield name, "count", count
        for name, seconds in sorted(self._latencies().items()):
            ordered = sorted(seconds)
            for percentile in PERCENTILES if ordered else ():
                label = "max" if percentile == 100 else f"p{percentile}"
                yield f"latency.{name}.{label}", "s", _percentile(ordered, percentile)

    def _latencies(self) -> dict[str, list[float]]:
        latencies: dict[str, list[float]] = {
            "message_to_receive": [],
            "message_to_gateway": [],
            "gateway_to_vendor": [],
            "vendor_to_phone": [],
        }
        for notification in self._ledger.notifications:
            for name, start, end in _hops(notification):
                if start is not None and end is not None:
                    latencies[name].append((end - start) / NS_PER_SECOND)
        return latencies


def _hops(notification: Notification) -> Iterator[tuple[str, int | None, int | None]]:
    yield "message_to_gateway", notification.created, notification.accepted
    for copy in notification.copies[:1]:
        yield "message_to_receive", notification.created, copy.received
        yield "gateway_to_vendor", notification.accepted, copy.accepted
        yield "vendor_to_phone", copy.accepted, copy.received


def _percentile(ordered: list[float], percentile: int) -> float:
    """Nearest rank: the smallest value that at least `percentile` % do not exceed."""
    return ordered[max(0, -(-percentile * len(ordered) // 100) - 1)]
