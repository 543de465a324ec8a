"""Why a notification is lost, and whether that could not be helped.

A site of 2013 asks the gateway once and remembers nothing: what it has not asked for when it dies
is lost, and what it asks for while the gateway cannot hear it. What the gateway has accepted is
safe in its outbox, so nothing excuses its loss but the silence of the binary APNs protocol: APNs
throws away what follows a bad notification, or what it has not read when it hangs up, and if the
news of that is later than the silence that counts as consent, the gateway has let go of it. So has
it of what it wrote as often as it may without ever hearing of it, when connections or the gateway
itself end too early each time.
"""

from enum import StrEnum
from typing import Final

from scenarios.engine.ledger.notifications import AtGateway, Fate, Notification
from scenarios.engine.ledger.uptime import Uptime

CONSENT: Final = 5_000_000_000
"""Nanoseconds of silence that count as consent (`confirm_after` of the gateway, as delivered)."""

SITE: Final = "site"
GATEWAY: Final = "gateway"


class Loss(StrEnum):
    """Where a lost notification got lost."""

    NOT_ASKED = "the site never asked the gateway"
    UNANSWERED = "the site asked, and the gateway has not got it"
    SILENCE = "APNs threw it away, and said so too late or not at all"
    UNKNOWN = "the gateway wrote it again and again, and never learned what became of it"
    DROPPED = "the gateway had it"
    PHONE = "the phone said that it has it"


def loss_of(notification: Notification) -> Loss | None:
    """Where it got lost; None if it is not."""
    if notification.fate is not Fate.LOST:
        return None
    if notification.copies:
        return Loss.PHONE
    if notification.accepted is None and notification.push is None:
        return Loss.UNANSWERED if notification.asked is not None else Loss.NOT_ASKED
    if notification.gateway is AtGateway.GIVEN_UP:
        return Loss.UNKNOWN
    return Loss.SILENCE if _was_consented(notification) else Loss.DROPPED


def reason_of(notification: Notification) -> str:
    """Why it came to its fate, as far as anybody said; of a lost one, where it got lost."""
    loss = loss_of(notification)
    if loss is None:
        return notification.reason
    return f"{loss}: {notification.reason}" if notification.reason else str(loss)


def is_needless(notification: Notification, uptime: Uptime) -> bool:
    """Whether it is lost although nothing was done to those who had it."""
    match loss_of(notification):
        case None:
            return False
        case Loss.SILENCE | Loss.UNKNOWN:
            assert notification.written is not None
            return not uptime.trouble_since(notification.written)
        case Loss.NOT_ASKED:
            # A gateway that dies after it has taken a request leaves its caller waiting for good.
            since = notification.created
            return notification.overtaken or not (
                uptime.ended.get(SITE, -1) >= since or uptime.crashed.get(GATEWAY, -1) >= since
            )
        case Loss.UNANSWERED:
            return not notification.excused
        case _:
            return True


def _was_consented(notification: Notification) -> bool:
    """Whether the gateway let it go after silence on a connection of which it had heard nothing."""
    written, completed = notification.written, notification.completed
    if notification.provider != "apns" or written is None or completed is None:
        return False
    return notification.by_silence and completed - written >= CONSENT
