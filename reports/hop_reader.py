"""Reads a run's trace into hops and marks, each under its step: pairs an event with its cause."""

from typing import Any

from reports.drawn import Item, Section, Tone

MAX_SAID = 90
"""Characters shown of a line of an external gateway's log."""

# These belong to the step that names them, if they begin at the moment at which it begins.
_HOME = {"dispatch": "dispatch", "receive": "receive", "open": "open_at_page"}


class HopReader:
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
