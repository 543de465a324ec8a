"""What an external gateway ran into and what it did about it, in words for who develops it.

    token 9f0c2a41d7e3 rejected (invalid_token) on connection 127.0.0.1:40112 at 1.050 s; 62 pushes
    written behind it until 1.560 s discarded; the API had answered ok to 62; sent again: 0

Only what was observed: what the site was answered, and what the push services read, answered and
closed. What a gateway decided, and what stands in its queues, nobody here knows.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from devices.tokens import token_ref
from scenarios.engine.running.play import StepOutcome
from scenarios.engine.running.refused_requests import RefusedRequests
from sim.trace.recorder import Event

MAX_LINES: Final = 12
"""Told of one run; the trace has all."""
MAX_TOKENS: Final = 3
"""Named in one line."""

_NOT_OURS: Final = "not of this run, and not counted"

_OWN_REASONS: Final = {
    "shutdown": "APNs closed connection {peer} at {at} with code 10 (shutdown)",
    "silence": "APNs closed connection {peer} at {at} and sent no error packet",
    "unparseable": "APNs could not parse what came on connection {peer} and closed it at {at}",
    "certificate": "APNs closed connection {peer} at {at}: the client certificate is not one for"
    " this environment",
    "reconnect limit": "APNs closed connection {peer} at {at}: too many connections too soon",
}  # fmt: skip
"""Why APNs itself closed a connection, apart from a rejected notification."""


@dataclass(slots=True)
class _Connection:
    """One connection of the gateway to APNs."""

    rejected: Event | None = None
    closed: Event | None = None
    discarded: dict[str, None] = field(default_factory=dict)
    """Pushes by their numbers."""
    leftovers: int = 0


class GatewayStory:
    """Listens to a trace in which the gateway's log is inferred."""

    def __init__(self) -> None:
        self._connections: dict[str, list[_Connection]] = {}
        """By its name; the last one is the present one."""
        self._tokens: dict[str, str] = {}
        """Push -> token reference, in the order of acceptance."""
        self._answered: dict[str, Event] = {}
        """Push -> what the site was told about it."""
        self._of_broadcast: dict[str, int] = {}
        """Push -> the broadcast's number."""
        self._broadcasts: dict[int, Event] = {}
        """By its number: what the site was told about it."""
        self._broadcast = 0
        self._written: dict[str, None] = {}
        self._sent_again: dict[str, None] = {}
        self._rejected_by_gcm: dict[str, Event] = {}
        self._refused_by_gcm: list[Event] = []
        self._leftovers: list[Event] = []
        self._refusals = RefusedRequests()
        self._handlers: dict[str, Callable[[Event], None]] = {
            "vendor.connected": self._connected,
            "vendor.rejected": self._rejected,
            "vendor.accepted": self._arrived,
            "vendor.discarded": self._discarded,
            "vendor.closed": self._closed,
            "vendor.refused": self._refused_by_gcm.append,
            "push.accepted": self._accepted,
            "push.dispatched": self._dispatched,
            "push.discarded": self._thrown_away,
            "push.rejected": self._rejected_push,
            "push.requested": self._requested,
            "step.started": self._step_started,
            "broadcast.requested": self._broadcast_requested,
        }

    def __call__(self, event: Event) -> None:
        self._refusals(event)
        handler = self._handlers.get(event["kind"])
        if handler is not None:
            handler(event)

    def lines(self, steps: Iterable[StepOutcome]) -> list[str]:
        """What to tell at the end of the run; empty if nothing happened."""
        told = [
            *self._about_leftovers(),
            *self._refusals.lines(),
            *self._about_connections(),
            *self._about_gcm(),
            *self._about_channels(steps),
            *self._about_unwritten(),
        ]
        more = len(told) - MAX_LINES
        return told if more <= 0 else [*told[:MAX_LINES], f"and {more} more like these"]

    # -- what happens

    def _at(self, event: Event) -> _Connection:
        return self._connections.setdefault(str(event["peer"]), [_Connection()])[-1]

    def _connected(self, event: Event) -> None:
        if event["service"] == "apns":
            self._connections.setdefault(str(event["peer"]), []).append(_Connection())

    def _rejected(self, event: Event) -> None:
        self._arrived(event)
        if event["service"] == "apns":
            self._at(event).rejected = event

    def _arrived(self, event: Event) -> None:
        if event.get("leftover"):
            self._leftovers.append(event)

    def _discarded(self, event: Event) -> None:
        self._at(event).leftovers = int(event.get("leftovers", 0))

    def _closed(self, event: Event) -> None:
        if event["service"] == "apns":
            self._at(event).closed = event

    def _accepted(self, event: Event) -> None:
        self._tokens[str(event["push"])] = str(event["token_ref"])
        if event.get("broadcast") is not None:
            self._of_broadcast[str(event["push"])] = int(event["broadcast"])

    def _dispatched(self, event: Event) -> None:
        self._written[str(event["push"])] = None
        if event["attempt"] > 1:
            self._sent_again[str(event["push"])] = None

    def _thrown_away(self, event: Event) -> None:
        connections = self._connections.setdefault(str(event["connection"]), [_Connection()])
        connections[-1].discarded[str(event["push"])] = None

    def _rejected_push(self, event: Event) -> None:
        if event["provider"] == "gcm":
            self._rejected_by_gcm[str(event["push"])] = event

    def _requested(self, event: Event) -> None:
        if event.get("gateway_push") is not None:
            self._answered[str(event["gateway_push"])] = event

    def _step_started(self, event: Event) -> None:
        self._broadcast += event["do"] == "broadcast"

    def _broadcast_requested(self, event: Event) -> None:
        self._broadcasts[self._broadcast] = event

    # -- what is told

    def _about_leftovers(self) -> Iterator[str]:
        strange = [each for each in self._leftovers if each["leftover"] == "token"]
        early = [each for each in self._leftovers if each["leftover"] == "moment"]
        if strange:
            names = dict.fromkeys(str(each["token_ref"]) for each in strange)
            yield (
                f"{_pushes(len(strange))} reached the push services for tokens that no phone of"
                f" this run had by then ({_some(names)}), first at {_at(strange[0])}: {_NOT_OURS}"
            )
        if early:
            yield (
                f"{_pushes(len(early))} reached the push services before this run had sent"
                f" anything, first at {_at(early[0])}: {_NOT_OURS}"
            )

    def _about_connections(self) -> Iterator[str]:
        for peer, connections in self._connections.items():
            for connection in connections:
                if told := self._what_ended(peer, connection):
                    yield told + self._what_was_behind(connection)

    def _what_ended(self, peer: str, connection: _Connection) -> str:
        rejected, closed = connection.rejected, connection.closed
        if rejected is not None:
            whose = ""
            if rejected.get("leftover") == "token":
                whose = ", of no phone of this run,"
            return (
                f"token {rejected['token_ref']}{whose} rejected ({rejected['reason']}) on"
                f" connection {peer} at {_at(rejected)}"
            )
        if closed is None:
            return ""
        reason = str(closed["reason"])
        if reason in _OWN_REASONS:
            return _OWN_REASONS[reason].format(peer=peer, at=_at(closed))
        return f"connection {peer} ended at {_at(closed)}" if connection.discarded else ""

    def _what_was_behind(self, connection: _Connection) -> str:
        pushes, closed = connection.discarded, connection.closed
        behind = len(pushes) + connection.leftovers
        if not behind:
            return "; nothing came behind it" if connection.rejected is not None else ""
        until = "" if closed is None else f" until {_at(closed)}"
        if connection.rejected is not None:
            text = f"; {_pushes(behind)} written behind it{until} discarded"
        else:
            text = f"; {_pushes(behind)} that it had read by then discarded"
        if connection.leftovers:
            text += f" ({connection.leftovers} of them for tokens of no phone of this run)"
        ok = sum(self._was_answered_ok(push) for push in pushes)
        said = f" to {ok} of them" if ok < len(pushes) else ""
        text += f"; the API had answered ok{said}" if ok else ""
        return text + f"; sent again: {sum(push in self._sent_again for push in pushes)}"

    def _was_answered_ok(self, push: str) -> bool:
        answer = self._answered.get(push)
        if push in self._of_broadcast:
            answer = self._broadcasts.get(self._of_broadcast[push])
        return answer is not None and _is_ok(answer)

    def _about_gcm(self) -> Iterator[str]:
        statuses: dict[int, list[Event]] = {}
        for event in self._refused_by_gcm:
            statuses.setdefault(int(event["status"]), []).append(event)
        for status, events in statuses.items():
            why = {401: ": it does not know the API key"}.get(status, "")
            wait = events[0].get("retry_after")
            asked = f" (Retry-After: {wait})" if wait is not None else ""
            times = "" if len(events) == 1 else f", {len(events)} times until {_at(events[-1])}"
            yield f"GCM answered the gateway {status}{asked} at {_at(events[0])}{times}{why}"
        for push, event in self._rejected_by_gcm.items():
            answer = self._answered.get(push)
            rejected = f"GCM rejected token {event['token_ref']} ({event['reason']})"
            said = "" if answer is None else f"; the API answered the site {_answer(answer)}"
            yield f"{rejected} at {_at(event)}{said}"

    def _about_channels(self, steps: Iterable[StepOutcome]) -> Iterator[str]:
        """Phones that a broadcast reached although they are on other channels only."""
        channels: dict[str, dict[str, None]] = {}
        phones: dict[str, str] = {}
        for step in steps:
            token, channel = step.arguments.get("token"), step.arguments.get("channel")
            if step.do == "register_gateway" and token is not None and channel is not None:
                reference = token_ref(str(token))
                channels.setdefault(reference, {})[str(channel)] = None
                phones[reference] = step.by
        for push, number in self._of_broadcast.items():
            reference, broadcast = self._tokens[push], self._broadcasts.get(number)
            known = channels.get(reference)
            if broadcast is not None and known and broadcast["channel"] not in known:
                yield (
                    f"the broadcast on channel {broadcast['channel']} went to token {reference} of"
                    f" {phones[reference]}, which was registered on channel {', '.join(known)}"
                )

    def _about_unwritten(self) -> Iterator[str]:
        missing = [
            push
            for push in self._tokens
            if push not in self._written and self._was_answered_ok(push)
        ]
        if missing:
            names = dict.fromkeys(self._tokens[push] for push in missing)
            first = min((self._answered[push] for push in missing), key=lambda each: each["t"])
            yield (
                f"{_pushes(len(missing))} that the API answered ok to, first at {_at(first)},"
                f" reached no push service while the run lasted: tokens {_some(names)}"
            )


def _is_ok(answer: Event) -> bool:
    return 200 <= int(answer["status"]) < 300 and not answer.get("refused")


def _answer(answer: Event) -> str:
    status = int(answer["status"])
    if not status:
        return "nothing in time"
    return f"{status} with an error" if answer.get("refused") and status == 200 else str(status)


def _at(event: Event) -> str:
    return f"{event['t'] / 1e9:.3f} s"


def _pushes(count: int) -> str:
    return "1 push" if count == 1 else f"{count} pushes"


def _some(names: Iterable[str]) -> str:
    shown = list(names)
    more = len(shown) - MAX_TOKENS
    text = ", ".join(shown[:MAX_TOKENS])
    return f"{text} and {more} more" if more > 0 else text
