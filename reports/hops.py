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
from dataclasses import dataclass, field
from typing import Any, Literal

from reports.reading import Record

Tone = Literal["request", "push", "quiet", "good", "problem"]

MAX_ROWS_APART = 12
"""A step with more hops and marks than this has those alike drawn as one."""
MAX_GAP = 250_000_000
"""Nanoseconds from one to the next of those that are drawn as one."""

MAX_SAID = 90
"""Characters shown of a line of an external gateway's log."""


@dataclass(slots=True)
class Lane:
    """A vertical line of the drawing: a host, or a fleet of `count` hosts."""

    name: str
    role: str
    title: str
    detail: str = ""
    count: int = 1


@dataclass(slots=True)
class Item:
    """A hop (`target` is another lane) or a mark (`target` is None). Times in ns."""

    start: int
    end: int
    source: str
    target: str | None
    label: str
    tone: Tone
    count: int = 1
    fault: str = ""
    """The id of the fault that begins or ends here."""
    turn: bool = False
    """What is like it before and after it is not for the same cause: a fault, a new attempt."""


@dataclass(slots=True)
class Section:
    """A step of the scenario and what began while it ran."""

    n: int
    title: str
    by: str
    arguments: dict[str, Any]
    start: int
    end: int | None
    status: str
    do: str
    items: list[Item] = field(default_factory=list)
    early: bool = False
    """Whether something happened for its sake before it began, and stands further up."""


@dataclass(slots=True)
class Drawing:
    """Lanes from left to right, sections from top to bottom."""

    lanes: list[Lane]
    sections: list[Section]
    faults: list[dict[str, Any]]
    """As the summary has them: `id`, `start_ns`, `end_ns` ..."""


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
    reader = _Reader(record.summary, sections)
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


# These belong to the step that names them, if they begin at the moment at which it begins.
_HOME = {"dispatch": "dispatch", "receive": "receive", "open": "open_at_page"}


class _Reader:
    """Pairs events into hops and puts them under the right step."""

    def __init__(self, summary: dict[str, Any], sections: list[Section]) -> None:
        hosts = summary["hosts"]
        self._sections = sections
        self._faults = {fault["id"]: fault for fault in summary.get("faults", ())}
        self._waiting: list[Item] = []
        """Faults that were there before the first step."""
        self._lane_of: dict[str, str] = {
            name: host["name"] for host in hosts for name in host["names"]
        }
        self._fleets: list[tuple[str, str]] = [
            (f"{host['name']}-", host["name"]) for host in hosts if "count" in host
        ]
        self._current = -1
        self._free_since: dict[str, int] = {}
        self._redirected: dict[str, Item] = {}
        self._in_flight: dict[tuple[str, int], list[tuple[int, str]]] = {}
        self._to_gcm: dict[str, tuple[int, str]] = {}
        self._gcm_accepted: dict[str | None, tuple[int, str]] = {}
        self._sent: dict[tuple[str, str, str], tuple[int, str, int]] = {}
        self._phones: dict[tuple[str, str], str] = {}
        self._last_message: tuple[int, str] | None = None

    def feed(self, event: dict[str, Any]) -> None:
        handler = getattr(self, "_" + event["kind"].replace(".", "_"), None)
        if handler is not None:
            handler(event["t"], event)
        elif event["kind"] in _MARKS:
            label, tone = _MARKS[event["kind"]]
            turn = event["kind"] in _TURNS
            label = label.format_map(_Fields(event))
            self._mark(event["t"], event["host"], label, tone, turn=turn)

    def lane(self, host: str) -> str:
        """The lane of a host by any of its names; of a fleet's phone, the fleet's."""
        known = self._lane_of.get(host)
        if known is not None:
            return known
        for prefix, name in self._fleets:
            if host.startswith(prefix):
                return name
        return host

    def _section(self, kind: str) -> Section | None:
        if not self._sections or self._current < 0:
            return None
        home = _HOME.get(kind)
        if home is not None:
            last_cause = max(
                (i for i in range(self._current + 1) if self._sections[i].do in _CAUSES),
                default=self._current,
            )
            for section in self._sections[last_cause:]:
                if section.do == home:
                    return section
        return self._sections[self._current]

    def _hop(
        self, start: int, source: str, end: int, target: str, label: str, tone: Tone, kind: str = ""
    ) -> Item | None:
        section = self._section(kind)
        if section is None:
            return None
        item = Item(start, end, self.lane(source), self.lane(target), label, tone)
        section.items.append(item)
        return item

    def _mark(
        self, t: int, host: str, label: str, tone: Tone, kind: str = "", *, turn: bool = False
    ) -> None:
        section = self._section(kind)
        if section is not None:
            section.items.append(Item(t, t, self.lane(host), None, label, tone, turn=turn))

    # Steps and requests

    def _step_started(self, t: int, event: dict[str, Any]) -> None:
        self._current += 1
        self._free_since.clear()
        if self._waiting and self._sections:
            self._sections[self._current].items += self._waiting
            self._waiting = []

    def _http_request(self, t: int, event: dict[str, Any]) -> None:
        host = event["host"]
        since = self._sections[self._current].start if self._current >= 0 else 0
        start = self._free_since.get(host, since)
        self._free_since[host] = t
        status = event["status"]
        redirected = self._redirected.pop(host, None)
        if redirected is not None and event["method"] == "GET":
            redirected.end = t
            redirected.label += f" → {status}"
            item: Item | None = redirected
        else:
            tone: Tone = "request" if 200 <= status < 400 else "problem"
            label = f"{_called(event)} → {status or 'no answer'}"
            item = self._hop(start, host, t, event["server"], label, tone)
        if 300 <= status < 400 and item is not None:
            self._redirected[host] = item

    # Steps 7 to 10

    def _message_created(self, t: int, event: dict[str, Any]) -> None:
        self._last_message = (t, event["host"])

    def _device_enabled(self, t: int, event: dict[str, Any]) -> None:
        self._mark(t, event["host"], f"device {'en' if event['enabled'] else 'dis'}abled", "good")

    def _fault_started(self, t: int, event: dict[str, Any]) -> None:
        self._fault_mark(t, event["fault"], "{inject} of {place} begins ({id})", "problem")

    def _fault_ended(self, t: int, event: dict[str, Any]) -> None:
        fault = self._faults.get(event["fault"])
        if fault is not None and fault["fired"] and fault["end_ns"] != fault["start_ns"]:
            self._fault_mark(t, event["fault"], "{inject} of {place} is over ({id})", "good")

    def _fault_mark(self, t: int, name: str, label: str, tone: Tone) -> None:
        fault = self._faults.get(name)
        if fault is None:
            return
        place = fault["target"].partition(".")[2]
        lane = self.lane(place.partition("-")[0])
        if not fault["fired"]:  # nothing came its way, or chance decided against it
            label, tone = "{inject} of {place} has no effect ({id})", "quiet"
        elif fault["end_ns"] == fault["start_ns"]:
            label = "{inject} of {place} ({id})"
        label = label.format_map({**fault, "place": place})
        item = Item(t, t, lane, None, label, tone, fault=name, turn=fault["fired"] > 0)
        section = self._section("")
        items = self._waiting if section is None else section.items
        if all((known.fault, known.label) != (name, item.label) for known in items):
            items.append(item)

    def _push_accepted(self, t: int, event: dict[str, Any]) -> None:
        if event.get("broadcast") is not None:
            self._mark(t, event["host"], "one push per token of the channel", "push")
        elif self._last_message is not None:
            start, site = self._last_message
            self._hop(start, site, t, event["host"], "push request accepted", "push")

    def _push_dispatched(self, t: int, event: dict[str, Any]) -> None:
        if event.get("identifier") is None:
            self._to_gcm[str(event["push"])] = (t, event["host"])
        else:
            key = (event["connection"], event["identifier"])
            self._in_flight.setdefault(key, []).append((t, event["host"]))

    def _arrived(self, event: dict[str, Any]) -> tuple[int, str] | None:
        sent = self._in_flight.get((event.get("peer", ""), event.get("identifier", 0)))
        return sent.pop(0) if sent else None

    def _vendor_accepted(self, t: int, event: dict[str, Any]) -> None:
        if event.get("message_id") is None:
            start = self._arrived(event)
        else:
            self._gcm_accepted[event["message_id"]] = (t, event["host"])
            start = None
        if start is not None:
            began, gateway = start
            self._hop(began, gateway, t, event["host"], "push accepted", "push", "dispatch")

    def _push_completed(self, t: int, event: dict[str, Any]) -> None:
        sent = self._to_gcm.pop(str(event["push"]), None)
        taken = self._gcm_accepted.pop(event.get("message_id"), None)
        if sent is not None and taken is not None:
            self._hop(sent[0], sent[1], taken[0], taken[1], "push accepted", "push", "dispatch")

    def _vendor_rejected(self, t: int, event: dict[str, Any]) -> None:
        label = f"push rejected: {event['reason']}"
        start = self._arrived(event)
        if start is None:
            self._mark(t, event["host"], label, "problem", "dispatch")
        else:
            self._hop(start[0], start[1], t, event["host"], label, "problem", "dispatch")

    def _vendor_sent(self, t: int, event: dict[str, Any]) -> None:
        phone = self._phones.get((event["service"], event["device"]), event["device"])
        key = (event["service"], phone, event["mid"])
        self._missed(self._sent.pop(key, None), phone)
        self._sent[key] = (t, event["host"], self._current)

    def _missed(self, sent: tuple[int, str, int] | None, phone: str) -> None:
        """What was sent before and is sent again did not arrive."""
        if sent is not None and sent[2] >= 0:
            t, vendor, step = sent
            label = "sent, but the phone is not there"
            item = Item(t, t, self.lane(vendor), self.lane(phone), label, "problem")
            self._sections[step].items.append(item)

    def _phone_session(self, t: int, event: dict[str, Any]) -> None:
        self._phones[event["service"], event["device"]] = event["host"]

    def _phone_received(self, t: int, event: dict[str, Any]) -> None:
        sent = self._sent.pop((event["service"], event["host"], event["mid"]), None)
        label = "push arrives" if not event["duplicate"] else "push arrives again"
        if sent is not None:
            self._hop(sent[0], sent[1], t, event["host"], label, "push", "receive")

    def close(self) -> None:
        """The trace is over."""
        for (_, phone, _), sent in self._sent.items():
            self._missed(sent, phone)

    def _phone_displayed(self, t: int, event: dict[str, Any]) -> None:
        self._mark(t, event["host"], "notification shown", "good", "receive")

    def _gateway_log(self, t: int, event: dict[str, Any]) -> None:
        text = str(event["text"])
        shown = text if len(text) <= MAX_SAID else f"{text[: MAX_SAID - 1]}…"
        self._mark(t, event["host"], f"log: {shown}", "quiet")

    def _app_popup(self, t: int, event: dict[str, Any]) -> None:
        self._mark(t, event["host"], "pop-up in the open app", "good", "receive")

    def _app_opened(self, t: int, event: dict[str, Any]) -> None:
        label = f"opens page “{event['page']}”"
        if event.get("from_state"):
            label += f" (was {event['from_state']})"
        self._mark(t, event["host"], label, "good", "open")


def _called(event: dict[str, Any]) -> str:
    """What a request asked for: method and path, or the function of the site's web service."""
    path, _, function = event["path"].partition("?wsfunction=")
    return f"{function}()" if function else f"{event['method']} {path}"


_CAUSES = ("message", "broadcast")

_MARKS: dict[str, tuple[str, Tone]] = {
    "app.state": ("app {state}", "quiet"),
    "request.refused": ("refused: {reason} ({status})", "problem"),
    "token.registered": ("token stored", "good"),
    "token.pruned": ("token removed: {reason}", "quiet"),
    "login.succeeded": ("logged in", "good"),
    "login.failed": ("login failed: {reason}", "problem"),
    "device.registered": ("device stored", "good"),
    "preference.changed": ("preference saved", "good"),
    "token.issued": ("has its push token", "good"),
    "push.suppressed": ("no push: {reason}", "problem"),
    "push.retry": ("will try again: {reason}", "problem"),
    "push.expired": ("expired", "problem"),
    "push.lost": ("lost", "problem"),
    "push.unresolved": ("given up: outcome unknown", "problem"),
    "vendor.refused": ("answers {status}", "problem"),
    "vendor.stored": ("stored: phone not connected", "quiet"),
    "vendor.collapsed": ("replaced by a newer one", "problem"),
    "vendor.expired": ("expired", "problem"),
    "vendor.discarded": ("discards what follows", "problem"),
    "phone.offline": ("goes offline", "problem"),
    "phone.online": ("is online again", "good"),
    "phone.off": ("is switched off", "problem"),
    "phone.on": ("is switched on again", "good"),
    "phone.undeliverable": ("app is gone", "problem"),
}


_TURNS = frozenset({"push.retry", "vendor.discarded"})


class _Fields(dict[str, Any]):
    """An event's fields for a label; one that is missing reads as a dash."""

    def __missing__(self, key: str) -> str:
        return "-"
