"""Where two records of runs differ: the first event, field by field, and what the summaries say.

Both traces are read once, side by side and line by line, so memory stays bounded however long
the runs were. What follows the first difference is not compared: after it everything may differ.

Not compared: how the runs were asked for (file, command), the times of steps (they are events, too)
and the machine's own times; the versions they were made with are only told.
"""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice, zip_longest
from typing import Any, Final

from reports.reading import Record

Event = dict[str, Any]
CONTEXT: Final = 3
"""Events shown before the first one that differs."""

ABSENT: Final = "(absent)"
_HOW_IT_WAS_ASKED_FOR: Final = (
    "file", "command", "name", "description", "cell", "values", "seed", "mode",
)  # fmt: skip
_REQUEST: Final = ("name", "cell", "seed", "mode")
_TIMES: Final = (".start_ns", ".end_ns")
_PROVENANCE: Final = ("airbed", "git", "python", "packages")


@dataclass(frozen=True, slots=True)
class Change:
    """One value that differs; `path` is dotted: `fates.lost`, `steps.3.status`."""

    path: str
    left: Any
    right: Any


@dataclass(frozen=True, slots=True)
class FirstEvent:
    """The first place where two traces differ. A trace that has ended there has no event."""

    number: int
    """Counted from 1."""
    left: Event | None
    right: Event | None
    before: tuple[Event, ...]
    """The last events that both have, oldest first."""

    @property
    def fields(self) -> list[Change]:
        """The fields that differ, in the order in which the events have them."""
        return list(_changes(self.left or {}, self.right or {}))


def first_difference(left: Record, right: Record, upto: int | None = None) -> FirstEvent | None:
    """The first event that differs; None if the traces are equal. Raises NotARecord.

    `upto`: compare only so many events.
    """
    before: deque[tuple[int, str]] = deque(maxlen=CONTEXT)
    pairs = islice(zip_longest(left.lines(), right.lines()), upto)
    for number, (its, other) in enumerate(pairs, start=1):
        # As text first: reading JSON takes ten times as long, and most lines are equal.
        if its != other:
            left_event = None if its is None else left.event(its, number)
            right_event = None if other is None else right.event(other, number)
            shared = tuple(left.event(line, place) for place, line in before)
            found = FirstEvent(number, left_event, right_event, shared)
            if left_event is None or right_event is None or found.fields:
                return found
        assert its is not None
        before.append((number, its))
    return None


def request_changes(left: Record, right: Record) -> list[Change]:
    """How the runs were asked for differently: another scenario, cell, seed or world. Such runs
    differ from early on, and no version is to blame. Raises NotARecord.
    """
    asked = [{key: record.summary.get(key) for key in _REQUEST} for record in (left, right)]
    found = list(_changes(*asked))
    hashes = [str(record.manifest().get("scenario_sha256")) for record in (left, right)]
    if hashes[0] != hashes[1] and not any(change.path in ("name", "cell") for change in found):
        found.append(Change("scenario file", *(f"{digits[:8]}..." for digits in hashes)))
    return found


def summary_changes(left: Record, right: Record) -> list[Change]:
    """What the summaries say differently of what came of the runs."""
    summaries = [
        {key: value for key, value in record.summary.items() if key not in _HOW_IT_WAS_ASKED_FOR}
        for record in (left, right)
    ]
    return [
        change
        for change in _changes(*map(dict, map(_flat, summaries)))
        if not change.path.endswith(_TIMES)
    ]


def provenance_changes(left: Record, right: Record) -> list[Change]:
    """What the two runs were made with, where it differs. Raises NotARecord."""
    made_with = [
        {key: record.manifest().get(key) for key in _PROVENANCE} for record in (left, right)
    ]
    return list(_changes(*map(dict, map(_flat, made_with))))


def _changes(left: Mapping[str, Any], right: Mapping[str, Any]) -> Iterator[Change]:
    for path in dict.fromkeys((*left, *right)):
        its, other = left.get(path, ABSENT), right.get(path, ABSENT)
        if its != other or type(its) is not type(other):
            yield Change(path, its, other)


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The single values within a value, each with its dotted path; places count from 1."""
    if isinstance(value, dict):
        items = [(str(key), item) for key, item in value.items()]
    elif isinstance(value, list):
        items = [(str(place), item) for place, item in enumerate(value, start=1)]
    else:
        yield path, value
        return
    for key, item in items:
        yield from _flat(item, f"{path}.{key}" if path else key)
