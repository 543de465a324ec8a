"""What there is to draw of a run: its lanes, and under each step the hops and marks in order.

A hop goes from one lane to another (a request, a push on its way); a mark stays on one lane (the
phone shows the notification). They are read from a record's trace by pairing an event with the
one that caused it.

Rows are in the order of the time at which they begin, over the whole drawing: a hop that begins
before the step it was meant for (the gateway sends while the message is still being stored) stands
under the step that runs at that time. Where many phones do the same shortly after each other, in
one step and with no turn of events between, they become one hop with a count: fleets are one lane,
and a run with a hundred phones draws about as many rows as one with one.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable

from reports.drawn import Drawing, Item, Lane, Section
from reports.hop_reader import HopReader
from reports.reading import Record

MAX_ROWS_APART = 12
"""A step with more hops and marks than this has those alike drawn as one."""
MAX_GAP = 250_000_000
"""Nanoseconds from one to the next of those that are drawn as one."""

_ROLES = ("person", "site", "gateway", "apns", "gcm", "phone")


def drawing(record: Record) -> Drawing:
    """Read a record's trace into what there is to draw."""
    lanes = [
        Lane(
            host["name"], host["role"], host["title"], host.get("detail", ""), host.get("count", 1)
        )
        for host in sorted(record.summary["hosts"], key=lambda host: _ROLES.index(host["role"]))
    ]
    sections = [
        Section(
            step["n"], step["title"], step["by"], step["with"], step["start_ns"], step["end_ns"],
            step["status"], step["do"],
        )
        for step in record.summary["steps"]
    ]  # fmt: skip
    reader = HopReader(record.summary, sections)
    for event in record.events():
        reader.feed(event)
    reader.close()
    known = {lane.name for lane in lanes}
    for section in sections:
        section.items = [
            item
            for item in section.items
            if item.source in known and (item.target is None or item.target in known)
        ]
    _order(sections)
    for section in sections:
        if len(section.items) > MAX_ROWS_APART:
            section.items = _merged(section.items)
    used = {item.source for s in sections for item in s.items}
    used |= {item.target for s in sections for item in s.items if item.target}
    faults = list(record.summary.get("faults", ()))
    return Drawing([lane for lane in lanes if lane.name in used], sections, faults)


def _order(sections: list[Section]) -> None:
    """Put every item under the step that ran when it began, and each step's items in order.

    What begins at the very moment at which one step ends and the next begins may stand under
    either, and stays where it is. What is older than the first step stands under the first.
    """
    starts = [section.start for section in sections]
    placed = [(n, item) for n, section in enumerate(sections) for item in section.items]
    for section in sections:
        section.items = []
    for n, item in sorted(placed, key=lambda each: each[1].start):
        first = max(0, bisect_left(starts, item.start) - 1)
        last = max(0, bisect_right(starts, item.start) - 1)
        sections[min(max(n, first), last)].items.append(item)
        sections[n].early |= n > last


def _merged(items: Iterable[Item]) -> list[Item]:
    """Alike items as one, at the place of the first, unless a turn or a longer gap parts them."""
    rows: list[Item] = []
    alike: dict[tuple[str, str | None, str], tuple[Item, int]] = {}
    for item in items:
        key = (item.source, item.target, item.label)
        row, latest = alike.get(key, (item, item.start))
        if row is item or item.start - latest > MAX_GAP:
            row = item
            if item.turn:
                alike.clear()
            rows.append(item)
        else:
            row.count += item.count
            row.end = max(row.end, item.end)
        alike[key] = row, item.start
    return rows
