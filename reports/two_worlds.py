"""How faithful the simulated world is: the records of the same runs in both worlds, compared.

The records below two directories are paired by scenario, cell and seed.

Compared of each pair: the verdict, the steps and their results, the fates, the order of the hops
of every notification, the status of every request, who opened how many connections to whom, and
what was sent again. Not compared: when things happened. A difference is not a mistake by itself: a
machine decides by chance what a simulated world decides by its seed. Where the records show what a
difference comes from, the comparison says so (`reports.reasons`).
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any, Final

from reports.reading import NotARecord, Record, reading
from reports.reasons import Row, came_late, confirmed_early

_AGAIN: Final = "sent again"
_CONNECTIONS: Final = "connections"
_SEEN: Final = "seen by "
_SERVICES: Final = ("apns", "gcm")

MAX_SHOWN: Final = 10
"""Differences listed of one aspect; the rest are counted."""

HOPS: Final = (
    "created", "accepted", "dispatched", "vendor_accepted", "sent", "received", "displayed",
    "read", "completed",
)  # fmt: skip
"""In the order in which they stand in a row of notifications.csv, which decides ties."""


@dataclass(slots=True)
class Aspect:
    """One thing that was compared: what it was in each world, and the differences one by one."""

    name: str
    simulated: str
    live: str
    differences: list[str] = field(default_factory=list)

    @property
    def same(self) -> bool:
        return not self.differences


@dataclass(slots=True)
class Comparison:
    """One run in both worlds."""

    name: str
    aspects: list[Aspect]
    reason: str | None = None
    """What accounts for all of its differences."""

    @property
    def same(self) -> bool:
        return all(aspect.same for aspect in self.aspects)


@dataclass(slots=True)
class Fidelity:
    """All pairs that were found, and what there was no pair of (name, reason)."""

    comparisons: list[Comparison]
    left_out: list[tuple[str, str]]

    @property
    def differences(self) -> int:
        return sum(len(a.differences) for c in self.comparisons for a in c.aspects)

    @property
    def explained(self) -> int:
        """How many of the differences are accounted for."""
        return sum(len(a.differences) for c in self.comparisons for a in c.aspects if c.reason)


def fidelity(simulated: Path, live: Path, left_out: Iterable[tuple[str, str]] = ()) -> Fidelity:
    """Compare the records below two directories. Raises NotARecord."""
    here, there = _records(simulated), _records(live)
    missing = list(left_out)
    missing += [(here[key].name, "there is no live record") for key in here if key not in there]
    missing += [
        (there[key].name, "there is no simulated record") for key in there if key not in here
    ]
    pairs = [(here[key], there[key]) for key in here if key in there]
    return Fidelity([compare(one, other) for one, other in pairs], missing)


def compare(simulated: Record, live: Record) -> Comparison:
    """One run in both worlds. Raises NotARecord."""
    sides = []
    for record in (simulated, live):
        with reading(record.path):
            sides.append(_Side(record))
    with reading(live.path):
        return _compare(sides)


def _compare(sides: Sequence["_Side"]) -> Comparison:
    hops, why, late = _hops(sides)
    aspects = [
        _one("verdict", sides, lambda side: side.summary["verdict"]),
        _listed("steps", sides, _steps, "steps"),
        _counted("fates", sides, lambda side: side.summary["fates"]),
        hops,
        _listed("requests", sides, lambda side: side.requests, "requests"),
        _counted(_CONNECTIONS, sides, lambda side: side.connections),
        _counted(_AGAIN, sides, lambda side: side.repetitions),
    ]
    # The fates are those of the notifications: what accounts for these accounts for them.
    consequences = {hops.name, "fates"}
    if _as_many(sides, late):
        consequences.add(_AGAIN)
    if _more_live(sides):
        consequences.add(_CONNECTIONS)
    if not {aspect.name for aspect in aspects if not aspect.same} <= consequences:
        why = None
    return Comparison(sides[0].name, aspects, why)


def _as_many(sides: Sequence["_Side"], number: int) -> bool:
    """Whether each count of what was sent again differs by that number, if it does."""
    here, there = (side.repetitions for side in sides)
    return {abs(here[name] - there[name]) for name in {*here, *there}} <= {0, number}


def _more_live(sides: Sequence["_Side"]) -> bool:
    """Whether only push services had other connections, and live one more: for what came late."""
    here, there = (side.connections for side in sides)
    changed = {name: there[name] - here[name] for name in {*here, *there}}
    return all(n == 0 or (n == 1 and name.startswith(_SEEN)) for name, n in changed.items())


class _Side:
    """What a comparison needs of one record, read in one pass over its trace."""

    def __init__(self, record: Record) -> None:
        self.name = record.name
        self.summary = record.summary
        self.rows = list(record.notifications())
        self.connections: Counter[str] = Counter()
        self.repetitions: Counter[str] = Counter()
        self.moment: int | None = None
        """When a push service refused a notification, or a fault of it began, for the first time.
        """
        by_host: dict[str, list[str]] = {}
        for event in record.events():
            match event["kind"]:
                case "connection.opened":
                    self.connections[f"{_lane(event['host'])} to {event['to']}"] += 1
                case "vendor.connected":
                    self.connections[f"{_SEEN}{event['service']}"] += 1
                case "http.request":
                    text = f"{event['method']} {event['server']}{event['path']}: {event['status']}"
                    by_host.setdefault(event["host"], []).append(f"{event['host']} {text}")
                case "vendor.rejected" if self.moment is None:
                    self.moment = event["t"]
                case "fault.fired" if self.moment is None and event["host"] in _SERVICES:
                    self.moment = event["t"]
                case "push.retry":
                    self.repetitions["put off by the gateway"] += 1
                case "push.dispatched" if event["attempt"] > 1:
                    self.repetitions["sent to a push service again"] += 1
                case "vendor.sent" if event["redelivery"]:
                    self.repetitions["sent to a phone again"] += 1
        # Each host's own order; what two hosts do at the same time has none.
        self.requests = [line for host in sorted(by_host) for line in by_host[host]]


def _steps(side: _Side) -> list[str]:
    found = []
    for step in side.summary["steps"]:
        results = {name: _without_date(value) for name, value in step["results"].items()}
        found.append(f"{step['n']} {step['do']}: {step['status']} {results or ''}".rstrip())
    return found


def _without_date(result: Any) -> Any:
    """What a push says of the calendar is the calendar's."""
    if not isinstance(result, dict):
        return result
    return {name: value for name, value in result.items() if name != "date"}


_End = tuple[str, dict[str, str]]
"""The hops of a notification as they are shown, and its row."""


def _hops(sides: Sequence[_Side]) -> tuple[Aspect, str | None, int]:
    """Notifications are told apart by message and addressee, not by number. With the differences
    comes what accounts for them, and of how many notifications.
    """
    here, there = (_orders(side.rows) for side in sides)
    aspect = Aspect("hops", _notifications(len(sides[0].rows)), f"{len(sides[1].rows)}")
    nothing: _End = ("none", {})
    pairs: list[tuple[Row, Row]] = []
    differing: list[bool] = []
    for key in [*here, *(key for key in there if key not in here)]:
        ends = here.get(key, []), there.get(key, [])
        pair: tuple[_End, _End]
        for pair in zip_longest(*ends, fillvalue=nothing):
            one, other = pair
            if one[0] != other[0]:
                row = one[1] or other[1]
                name = f"{row['message'] or row['origin']} to {_addressee(row)}"
                aspect.differences.append(f"{name}: {one[0]} | {other[0]}")
            pairs.append((one[1], other[1]))
            differing.append(one[0] != other[0])
    whole = all(row for pair in pairs for row in pair)
    moments = [side.moment for side in sides]
    why = None
    if whole:
        why = came_late(moments, pairs, differing) or confirmed_early(pairs, differing)
    return aspect, why, sum(differing)


def _notifications(count: int) -> str:
    return f"{count} {'notification' if count == 1 else 'notifications'}"


def _orders(rows: Iterable[dict[str, str]]) -> dict[str, list[_End]]:
    found: dict[str, list[_End]] = {}
    for row in rows:
        # Which phone it was is not known of what never got there.
        who = row["token_ref"] or row["user"] or row["phone"]
        attempts = f", {row['attempts']} attempts" if row["attempts"] not in ("", "0", "1") else ""
        end = f"{_order(row)} ({row['fate']}{attempts})"
        found.setdefault(f"{row['message'] or row['origin']} to {who}", []).append((end, row))
    return found


def _order(row: dict[str, str]) -> str:
    """The hops in their order. What the gateway concludes and what becomes of the push behind the
    push service have none.
    """
    times = [(int(row[f"{hop}_ns"]), place) for place, hop in enumerate(HOPS) if row[f"{hop}_ns"]]
    order = [HOPS[place] for _, place in sorted(times)]
    if "vendor_accepted" in order[: order.index("completed") if "completed" in order else 0]:
        order.remove("completed")
        return f"{' > '.join(order)}, completed"
    return " > ".join(order)


def _addressee(row: dict[str, str]) -> str:
    return row["phone"] or row["token_ref"] or row["user"] or "nobody"


def _one(name: str, sides: Sequence[_Side], of: Callable[[_Side], str]) -> Aspect:
    here, there = (of(side) for side in sides)
    return Aspect(name, here, there, [] if here == there else [f"{here} | {there}"])


def _listed(
    name: str, sides: Sequence[_Side], of: Callable[[_Side], list[str]], what: str
) -> Aspect:
    here, there = (of(side) for side in sides)
    aspect = Aspect(name, f"{len(here)} {what}", f"{len(there)}")
    for one, other in zip_longest(here, there):
        if one != other:
            aspect.differences.append(f"{one or 'none'} | {other or 'none'}")
    return aspect


def _counted(name: str, sides: Sequence[_Side], of: Callable[[_Side], Any]) -> Aspect:
    here, there = (of(side) for side in sides)
    aspect = Aspect(name, _sum(here), _sum(there))
    for key in dict.fromkeys([*here, *there]):
        if here.get(key, 0) != there.get(key, 0):
            aspect.differences.append(f"{key}: {here.get(key, 0)} | {there.get(key, 0)}")
    return aspect


def _sum(counts: Any) -> str:
    return ", ".join(f"{key} {count}" for key, count in counts.items() if count) or "none"


def _lane(host: str) -> str:
    return "fleet" if host.startswith("fleet-") else host


def _records(directory: Path) -> dict[tuple[str, str, int], Record]:
    found = {}
    for record in _all(directory):
        summary = record.summary
        # Later records of the same run take the place of earlier ones.
        found[summary["name"], summary["cell"], summary["seed"]] = record
    return found


def _all(directory: Path) -> Iterator[Record]:
    if not directory.is_dir():
        raise NotARecord(f"{directory}: there is no such directory")
    for path in sorted(directory.iterdir()):
        if (path / "summary.json").is_file():
            yield Record.read(path)
