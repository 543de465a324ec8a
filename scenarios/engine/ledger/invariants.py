"""What must hold in every run, whatever the scenario: checked at its end against the trace.

`conservation`      every notification has one fate; the sums match, also with what site, gateway,
                    push services and phones have themselves; nothing comes from nowhere
`causal_order`      no hop happens before its cause; time does not go back
`no_token_leak`     no token, key, password or text in a log, trace or record; no notification on
                    a phone, or for a user, other than the addressee
`no_needless_duplicate`  a user saw a notification twice only where the gateway could not know that
                    it had arrived: a connection ended without a word, a server died
`no_needless_loss`  a notification got lost only where nobody could help it (`losses`)
`bad_token_pruned`  a token that a push service called invalid is no longer at the gateway

A violation is a sentence for people. It never contains the secret that it is about.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from scenarios.engine.leaks import Leak
from scenarios.engine.ledger.audit import Audit, differences
from scenarios.engine.ledger.fates import Ledger
from scenarios.engine.ledger.findings import Event
from scenarios.engine.ledger.losses import is_needless, reason_of
from scenarios.engine.ledger.notifications import AtGateway, Fate, Notification


class Witness:
    """Remembers from the trace what the invariants ask for and the ledger does not know."""

    def __init__(self) -> None:
        self.users_of_token: dict[str, dict[str, None]] = {}
        """By token reference: the users under whom the site registered it."""
        self.bad_tokens: dict[str, str] = {}
        """Token reference -> reason, for tokens that a push service called invalid and that are
        still at the gateway."""

    def feed(self, event: Event) -> None:
        """Take the next event of the trace."""
        match event["kind"]:
            case "device.registered":
                users = self.users_of_token.setdefault(str(event["token_ref"]), {})
                users[str(event["user"])] = None
            case "vendor.rejected" | "push.rejected":
                reason = str(event.get("reason"))
                # Identifier 0 names no push: the gateway of 2013 cannot know which one was bad.
                named = event.get("identifier") != 0
                if named and _is_about_the_token(reason):
                    self.bad_tokens[str(event["token_ref"])] = reason
            case "token.pruned" | "token.deleted":
                self.bad_tokens.pop(str(event["token_ref"]), None)


_TOKEN_REASONS: Final = (
    "invalid_token",
    "invalidtoken",
    "8",
    "notregistered",
    "invalidregistration",
)
"""APNs status 8 ("invalid token"), GCM's NotRegistered and InvalidRegistration."""


def _is_about_the_token(reason: str) -> bool:
    return reason.lower().replace(" ", "_") in _TOKEN_REASONS


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that the invariants look at."""

    ledger: Ledger
    witness: Witness
    phones_of_tokens: Mapping[str, str]
    """Token reference -> the phone to which the push service issued the token."""
    leaks: Sequence[Leak]
    audit: Audit | None = None
    """What others say; None when the run broke off before they could be asked."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether an invariant held, and what broke it."""

    name: str
    violations: tuple[str, ...]

    @property
    def holds(self) -> bool:
        return not self.violations


def check(name: str, evidence: Evidence) -> Verdict:
    """Check one invariant by its name. Raises KeyError for a name that is none."""
    return Verdict(name, tuple(INVARIANTS[name](evidence)))


def _conservation(evidence: Evidence) -> Iterator[str]:
    counts = evidence.ledger.counts()
    total = sum(counts[fate] for fate in Fate)
    if counts["created"] != total:
        yield f"{counts['created']} notifications were created, but {total} have a fate"
    for finding in evidence.ledger.findings.of("count"):
        yield finding.text
    if evidence.audit is not None:
        yield from differences(evidence.ledger, evidence.audit)
    for notification in evidence.ledger.notifications:
        gave_up = notification.gateway in (AtGateway.REJECTED, AtGateway.EXPIRED)
        # What was in doubt when the gateway gave it up may have arrived all the same.
        knew = not notification.in_doubt and notification.forced == 0
        if gave_up and knew and notification.fate is Fate.DELIVERED:
            yield f"{_name(notification)} was given up by the gateway and reached a phone"


def _causal_order(evidence: Evidence) -> Iterator[str]:
    for finding in evidence.ledger.findings.of("cause", "time"):
        yield finding.text
    for notification in evidence.ledger.notifications:
        for earlier, later, start, end in _ordered_hops(notification):
            if start is not None and end is not None and end < start:
                yield f"{_name(notification)}: {later} came before {earlier}"


def _ordered_hops(
    notification: Notification,
) -> Iterator[tuple[str, str, int | None, int | None]]:
    if notification.origin == "message":
        yield "the message", "acceptance", notification.created, notification.accepted
    yield "acceptance", "dispatch", notification.accepted, notification.dispatched
    yield "dispatch", "the gateway's conclusion", notification.dispatched, notification.completed
    for copy in notification.copies:
        service = copy.service
        yield "dispatch", f"acceptance by {service}", notification.dispatched, copy.accepted
        yield f"acceptance by {service}", "sending to the phone", copy.accepted, copy.sent
        yield "sending to the phone", "receipt", copy.sent, copy.received
        yield "receipt", "display", copy.received, copy.displayed
        yield "receipt", "opening", copy.received, copy.read_at


def _no_token_leak(evidence: Evidence) -> Iterator[str]:
    for leak in evidence.leaks:
        yield str(leak)
    for notification in evidence.ledger.notifications:
        users = evidence.witness.users_of_token.get(notification.token_ref or "")
        if users and notification.user is not None and notification.user not in users:
            yield f"{_name(notification)} for user {notification.user} went to another's device"
        for copy in notification.copies:
            owner = evidence.phones_of_tokens.get(copy.token_ref)
            if copy.phone is not None and copy.phone != owner:
                yield f"{_name(notification)} reached {copy.phone}; its token belongs to {owner}"
            if copy.reader is not None and notification.user not in (None, copy.reader):
                yield (
                    f"{_name(notification)} for user {notification.user} reached {copy.phone}, on"
                    f" which user {copy.reader} was logged in"
                )


def _no_needless_duplicate(evidence: Evidence) -> Iterator[str]:
    for notification in evidence.ledger.notifications:
        if notification.needless:
            yield (
                f"{_name(notification)} was taken as new {notification.duplicates + 1} times, and"
                f" only {notification.forced} repetitions were forced"
            )


def _no_needless_loss(evidence: Evidence) -> Iterator[str]:
    for notification in evidence.ledger.notifications:
        if is_needless(notification, evidence.ledger.uptime):
            yield f"{_name(notification)} is lost without need: {reason_of(notification)}"


def _bad_token_pruned(evidence: Evidence) -> Iterator[str]:
    for token_ref, reason in evidence.witness.bad_tokens.items():
        yield f"token {token_ref} was rejected ({reason}) and is still at the gateway"


def _name(notification: Notification) -> str:
    of = f" of {notification.message}" if notification.message else ""
    return f"notification {notification.number}{of}"


INVARIANTS: Final[Mapping[str, Callable[[Evidence], Iterator[str]]]] = {
    "conservation": _conservation,
    "causal_order": _causal_order,
    "no_token_leak": _no_token_leak,
    "no_needless_duplicate": _no_needless_duplicate,
    "no_needless_loss": _no_needless_loss,
    "bad_token_pruned": _bad_token_pruned,
}
