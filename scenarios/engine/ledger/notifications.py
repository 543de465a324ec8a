"""One notification on its way, and the fate it has met.

A notification is one message for one device: a (message, device) pair that the site wanted to
push, one device of a broadcast, or one push that somebody asked the gateway for directly. It may
exist in several copies at the push service, since a gateway that is not sure sends again; each
copy is a `Copy`.

All times are integer nanoseconds of virtual time.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal


class Fate(StrEnum):
    """What became of a notification. Each one has exactly one fate."""

    SUPPRESSED = "suppressed"
    """The site did not send it: preference, device switched off, no device, processor off."""
    REFUSED = "refused"
    """The gateway did not accept it: key, permission, bad request."""
    REJECTED = "rejected"
    """The push service did not accept it: token unknown, certificate wrong."""
    EXPIRED = "expired"
    """Its time ran out, at the gateway or in the push service's store."""
    COLLAPSED = "collapsed"
    """A newer one took its place in the push service's store."""
    UNDELIVERABLE = "undeliverable"
    """It came to a phone on which the app is gone."""
    DELIVERED = "delivered"
    """The phone has it: opened, dismissed or unread."""
    PENDING = "pending"
    """Somebody still holds it: the gateway's outbox, the push service, or the wire."""
    LOST = "lost"
    """Nobody holds it any more and nobody said so. A finding."""


Reading = Literal["opened", "dismissed", "unread"]
"""What the user did with a delivered notification."""

READINGS: tuple[Reading, ...] = ("opened", "dismissed", "unread")


class AtGateway(StrEnum):
    """How far the gateway is with a push."""

    UNKNOWN = "unknown"
    HELD = "held"
    COMPLETED = "completed"
    ABANDONED = "abandoned"
    """Written and forgotten, as the gateway of 2013 does: whatever becomes of it."""
    REJECTED = "rejected"
    EXPIRED = "expired"
    LOST = "lost"
    GIVEN_UP = "given up"
    """Written as often as it may be; whatever became of that."""


class AtVendor(StrEnum):
    """Where a copy is at the push service and beyond it."""

    ACCEPTED = "accepted"
    STORED = "stored"
    SENT = "sent"
    ACKED = "acked"
    COLLAPSED = "collapsed"
    EXPIRED = "expired"
    UNDELIVERABLE = "undeliverable"


@dataclass(slots=True, eq=False)
class Copy:
    """One acceptance of a notification by a push service."""

    service: str
    nid: str
    token_ref: str
    accepted: int
    state: AtVendor = AtVendor.ACCEPTED
    sent: int | None = None
    acked: int | None = None
    received: int | None = None
    receipts: int = 0
    """How often a phone took it as a new one."""
    displayed: int | None = None
    undeliverable: bool = False
    read: Literal["opened", "dismissed"] | None = None
    read_at: int | None = None
    phone: str | None = None
    mid: str | None = None
    """What the phone calls it."""
    reader: str | None = None
    """The site's number of the user who was logged in in the app when it came; None: unknown."""
    notification: "Notification | None" = None

    @property
    def in_motion(self) -> bool:
        """Whether the push service or the wire to the phone is about to do something with it."""
        if self.received is not None or self.undeliverable:
            return False
        return self.state in (AtVendor.ACCEPTED, AtVendor.SENT)


@dataclass(slots=True, eq=False)
class Notification:
    """One message for one device."""

    number: int
    """Order of creation within the run, from 1."""
    origin: Literal["message", "broadcast", "direct"]
    created: int
    message: str | None = None
    device: str | None = None
    """The site's number of the device; None when the site chose none, or when no site was asked."""
    user: str | None = None
    push: str | None = None
    """The gateway's number of the push."""
    provider: str | None = None
    token_ref: str | None = None
    gateway: AtGateway = AtGateway.UNKNOWN
    asked: int | None = None
    """When the site had its answer, or none."""
    overtaken: bool = False
    """The site has not asked for it, and has asked for what came after it in the same call."""
    excused: bool = False
    """There was a reason that the site had no answer: a fault, a gateway that was down."""
    accepted: int | None = None
    dispatched: int | None = None
    """When it was written to a push service first."""
    written: int | None = None
    """And last."""
    connection: str | None = None
    """Over which connection to APNs, last."""
    completed: int | None = None
    by_silence: bool = False
    """It was completed while its connection stood, and no bad news came over that later."""
    attempts: int = 0
    in_doubt: bool = False
    """The gateway has sent it and cannot know whether it arrived: the connection ended without a
    word, the answer is missing, or the gateway itself died or was stopped."""
    forced: int = 0
    """How often it was sent again for that reason: so many duplicates are the protocol's doing."""
    vendor_rejected: bool = False
    suppressed: bool = False
    refused: bool = False
    reason: str = ""
    copies: list[Copy] = field(default_factory=list)
    last_hop: str = ""
    last_time: int = 0

    def hop(self, t: int, what: str) -> None:
        """Remember the last thing seen of it, for diagnostics."""
        self.last_hop = what
        self.last_time = t

    def join(self, copy: Copy) -> None:
        """This copy at a push service is one of this notification."""
        copy.notification = self
        self.copies.append(copy)
        if copy.accepted >= self.last_time:
            self.hop(copy.accepted, f"{copy.service} accepted it")

    @property
    def fate(self) -> Fate:
        """The one fate, as far as it is known now."""
        if self.suppressed:
            return Fate.SUPPRESSED
        if self.refused:
            return Fate.REFUSED
        best = max(
            (_fate_of_copy(copy) for copy in self.copies), key=_PREFERENCE.index, default=None
        )
        if best is Fate.DELIVERED:
            return best
        if self.gateway is AtGateway.REJECTED:
            return Fate.REJECTED
        if best is not None:
            return best
        if self.gateway is AtGateway.EXPIRED:
            return Fate.EXPIRED
        if self.gateway is AtGateway.HELD:
            return Fate.PENDING
        return Fate.REJECTED if self.vendor_rejected else Fate.LOST

    @property
    def reading(self) -> Reading | None:
        """What the user did with it; None unless delivered."""
        if self.fate is not Fate.DELIVERED:
            return None
        read = [copy.read for copy in self.copies if copy.read is not None]
        return "opened" if "opened" in read else "dismissed" if read else "unread"

    @property
    def duplicates(self) -> int:
        """How many more times than once a phone took it as new."""
        return max(0, sum(copy.receipts for copy in self.copies) - 1)

    @property
    def needless(self) -> int:
        """How many of the duplicates nothing forced the gateway to risk."""
        return max(0, self.duplicates - self.forced)

    @property
    def strangers(self) -> int:
        """How many of its copies came to a phone on which somebody else was logged in."""
        if self.user is None:
            return 0
        return sum(copy.reader not in (None, self.user) for copy in self.copies)

    @property
    def in_motion(self) -> bool:
        """Whether something still has to happen to it without anybody's doing.

        A notification in the push service's store for a phone that is offline is at rest; so is
        one that nobody holds any more. One that the gateway has not ticked off is in motion even
        when the phone has it: the gateway may send it again.
        """
        return self.gateway is AtGateway.HELD or any(copy.in_motion for copy in self.copies)


@dataclass(slots=True)
class OpenHops:
    """What the gateway and the push services know of each other while a hop is open."""

    in_flight: dict[tuple[str, int], list[Notification]] = field(default_factory=dict)
    """APNs: by (the gateway's end of the connection, identifier), until the service has seen it.
    Several in the order of sending where a gateway gives all the same identifier (2013: zero)."""
    answers: dict[str, Copy] = field(default_factory=dict)
    """GCM: by message id, until the gateway has read it."""

    def open(self, connection: str) -> None:
        """The gateway has a new connection to APNs: an older one by that name is long gone."""
        for key in [key for key in self.in_flight if key[0] == connection]:
            del self.in_flight[key]

    def send(self, connection: str, identifier: int, notification: Notification) -> None:
        """The gateway wrote it to a connection to APNs."""
        self.in_flight.setdefault((connection, identifier), []).append(notification)

    def arrive(self, peer: str, identifier: int) -> Notification | None:
        """APNs read what came from there under that identifier; the first, if there are several."""
        sent = self.in_flight.get((peer, identifier))
        if not sent:
            return None
        notification = sent.pop(0)
        if not sent:
            del self.in_flight[peer, identifier]
        return notification


_PREFERENCE = (
    Fate.LOST,
    Fate.COLLAPSED,
    Fate.EXPIRED,
    Fate.UNDELIVERABLE,
    Fate.PENDING,
    Fate.DELIVERED,
)
"""Of several copies the one that came furthest decides."""


def _fate_of_copy(copy: Copy) -> Fate:
    if copy.receipts:
        return Fate.DELIVERED  # the app may have gone since
    if copy.undeliverable or copy.state is AtVendor.UNDELIVERABLE:
        return Fate.UNDELIVERABLE
    if copy.received is not None:
        return Fate.DELIVERED
    match copy.state:
        case AtVendor.COLLAPSED:
            return Fate.COLLAPSED
        case AtVendor.EXPIRED:
            return Fate.EXPIRED
        case AtVendor.ACKED:
            return Fate.LOST  # the phone said it has it, and does not
        case _:
            return Fate.PENDING
