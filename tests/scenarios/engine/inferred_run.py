"""Events of a run with an external gateway, told by a test, and what is inferred from them."""

from collections.abc import Callable, Container
from functools import partial
from typing import Any

from scenarios.engine.ledger.fates import Ledger
from scenarios.engine.world.inferred_gateway import InferredGateway

CREATED = {
    "host": "site", "kind": "message.created", "message": 1, "user_from": 2, "user_to": 3,
    "pushes": "a",
}  # fmt: skip


BROADCAST = {"host": "engine", "kind": "step.started", "n": 1, "do": "broadcast", "by": "admin"}


def message(number: int, *tokens: str) -> dict[str, Any]:
    return {**CREATED, "message": number, "pushes": ",".join(tokens)}


def requested(token: str, status: int = 200, push: str | None = None) -> dict[str, Any]:
    return {
        "host": "site", "kind": "push.requested", "message": 1, "device": 1, "token_ref": token,
        "status": status, "gateway_push": push, "error": None,
    }  # fmt: skip


def at_apns(what: str, token: str, identifier: int, **fields: Any) -> dict[str, Any]:
    return {
        "host": "apns", "kind": f"vendor.{what}", "service": "apns", "token_ref": token,
        "peer": "127.0.0.1:5", "identifier": identifier, **fields,
    }  # fmt: skip


def at_gcm(token: str, message_id: str) -> dict[str, Any]:
    return {
        "host": "gcm", "kind": "vendor.accepted", "service": "gcm", "token_ref": token,
        "nid": message_id, "message_id": message_id,
    }  # fmt: skip


class Clock:
    """A clock of which the test turns the hand."""

    def __init__(self) -> None:
        self.now = 0.0
        self._calls: list[tuple[float, int, Callable[[], object]]] = []
        self._made = 0

    def call_later(
        self, delay: float, function: Callable[..., object], *arguments: object
    ) -> object:
        self._made += 1
        self._calls.append((self.now + delay, self._made, partial(function, *arguments)))
        return None

    def turn_to(self, moment: float) -> None:
        while due := min((call for call in self._calls if call[0] <= moment), default=None):
            self._calls.remove(due)
            self.now = max(self.now, due[0])
            due[2]()
        self.now = moment


class Run:
    """A run with an external gateway, of which the test tells the events."""

    def __init__(
        self, ours: Container[str] = frozenset("abc"), gcm: Container[str] = frozenset()
    ) -> None:
        """`ours`: tokens of the run's phones; those in `gcm` are Google's."""

        def service_of(token: str) -> str | None:
            return None if token not in ours else "gcm" if token in gcm else "apns"

        self.clock, self.ledger = Clock(), Ledger()
        self.seen: list[dict[str, Any]] = []
        self._gateway = InferredGateway("moodle", self.clock, self._emit, service_of)

    def _emit(self, kind: str, host: str, /, **fields: Any) -> None:
        self.record({"kind": kind, "host": host, **fields})

    def tell(self, *events: dict[str, Any], at: float | None = None) -> "Run":
        """Let these happen, `at` a moment of the run or a millisecond after what was before."""
        for event in events:
            self.clock.turn_to(self.clock.now + 0.001 if at is None else at)
            self.record(event)
        return self

    def record(self, event: dict[str, Any]) -> None:
        for each in self._gateway.interpret({"t": round(self.clock.now * 1e9), **event}):
            self.seen.append(dict(each))
            self.ledger.feed(each)

    def wait_until(self, moment: float) -> "Run":
        self.clock.turn_to(moment)
        return self

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.seen if event["kind"] == kind]

    def fates(self) -> dict[str, int]:
        return {name: count for name, count in self.ledger.counts().items() if count}


P1, P2 = "127.0.0.1:5", "127.0.0.1:6"
CONNECTED = {"host": "apns", "kind": "vendor.connected", "service": "apns", "topic": "t"}
CLOSED = {"host": "apns", "kind": "vendor.closed", "service": "apns", "reason": "rejected"}


def discarded(*tokens: str, peer: str = P1) -> dict[str, Any]:
    return {
        "host": "apns", "kind": "vendor.discarded", "service": "apns", "peer": peer,
        "bytes": 100 * len(tokens), "notifications": len(tokens), "token_refs": ",".join(tokens),
    }  # fmt: skip


def bad_token(*behind: str) -> Run:
    """Pushes for `x` and for those behind it: the first is rejected at 1.05 s, and APNs closes the
    connection at 1.56 s.
    """
    run = Run(frozenset("xabcd")).tell({**CONNECTED, "peer": P1}, message(1, "x", *behind))
    run.tell(requested("x"), *map(requested, behind))
    run.tell(at_apns("rejected", "x", 0, reason="invalid_token"), at=1.05)
    return run.tell(discarded(*behind), {**CLOSED, "peer": P1}, at=1.56)


def rejected_by_gcm(token: str) -> dict[str, Any]:
    return {
        "host": "gcm", "kind": "vendor.rejected", "service": "gcm", "token_ref": token,
        "reason": "NotRegistered", "peer": "127.0.0.1:9",
    }  # fmt: skip


def unavailable(*tokens: str) -> dict[str, Any]:
    return {
        "host": "gcm", "kind": "vendor.refused", "service": "gcm", "status": 503,
        "retry_after": "30", "peer": "127.0.0.1:9", "token_refs": ",".join(tokens),
    }  # fmt: skip
