"""The sending half of the ledger: what the logs of the site and of the gateway say.

Here notifications come into being. A push that the site asks for is first seen in the gateway's
log (accepted or refused) and a moment later in the site's, with the number that the gateway
answered; the two become one notification. What the site never claims was asked for by somebody
else: a broadcast, or a direct request.

What the site heard nothing of, because a server died or the network failed, is joined at the end
of the run (`asked`).
"""

from collections.abc import Callable
from typing import Any, Final

from scenarios.engine.ledger.findings import Event, Findings
from scenarios.engine.ledger.notifications import AtGateway, Notification, OpenHops
from scenarios.engine.ledger.site_requests import SiteRequests
from scenarios.engine.ledger.uptime import Uptime

UNKNOWN: Final = -1
"""Pushes announced of a broadcast that no log tells of: the gateway is not ours."""


class Senders:
    """The notifications of a run and how far the site and the gateway are with them."""

    def __init__(self, findings: Findings, hops: OpenHops, uptime: Uptime) -> None:
        self.notifications: list[Notification] = []
        self.handlers: dict[str, Callable[[int, Event], None]] = {
            "message.created": self._message_created,
            "push.suppressed": self._push_suppressed,
            "push.requested": self._push_requested,
            "push.refused": self._push_refused,
            "request.refused": self._request_refused,
            "push.accepted": self._push_accepted,
            "broadcast.accepted": self._broadcast_accepted,
            "push.dispatched": self._push_dispatched,
            "push.retry": self._push_retry,
            "provider.connected": self._provider_connected,
            "provider.closed": self._provider_closed,
            "host.crashed": self._server_ended,
            "server.stopped": self._server_ended,
            "push.discarded": self._push_discarded,
            "push.completed": self._push_completed,
            "push.abandoned": self._push_abandoned,
            "push.rejected": self._push_rejected,
            "push.expired": self._push_expired,
            "push.lost": self._push_lost,
            "push.unresolved": self._push_given_up,
        }
        self._findings = findings
        self._hops = hops
        self._uptime = uptime
        self._pushes: dict[str, Notification] = {}
        self._messages: dict[str, tuple[int, str]] = {}
        self._silent: dict[str, None] = {}
        """Messages for which the site has neither sent nor suppressed anything yet."""
        self._refused: dict[str | None, list[Notification]] = {}
        self._unclaimed: dict[str, list[Notification]] = {}
        self._requests = SiteRequests()
        self._broadcasts: dict[str, tuple[int, int]] = {}
        self._connections: dict[str, None] = {}
        """The gateway's connections to APNs of which it has heard nothing bad."""
        self._gateway: str | None = None
        self._gateway_has_ended = False
        self._told_before = False

    @property
    def messages(self) -> int:
        """How many messages the site told of."""
        return len(self._messages)

    def sent_before(self, token_ref: str, t: int) -> Notification | None:
        """The notification for that token which the gateway had sent at that time; of several the
        last one, but rather one that it sent again for want of an answer than any other.
        """
        sent = [
            notification
            for notification in reversed(self.notifications)
            if notification.token_ref == token_ref
            and notification.dispatched is not None
            and notification.dispatched <= t
        ]
        repeated = (
            each
            for each in sent
            if each.forced >= max(1, len(each.copies))
            and (each.completed is None or each.completed > t)
        )
        return next(repeated, sent[0] if sent else None)

    def close(self) -> None:
        """The end: a message without any notification is one that the site lost."""
        self._requests.close(self.notifications, self._messages, self._create)
        for message in self._silent:
            t, user = self._messages[message]
            notification = self._create(t, origin="message", message=message, user=user)
            notification.reason = "it made no notification of the message"
        self._silent.clear()
        for broadcast, (announced, made) in self._broadcasts.items():
            if announced not in (made, UNKNOWN):
                text = f"broadcast {broadcast} announced {announced} pushes and made {made}"
                self._findings.add("count", 0, text)

    def _create(self, t: int, **fields: Any) -> Notification:
        notification = Notification(number=len(self.notifications) + 1, created=t, **fields)
        self.notifications.append(notification)
        return notification

    # The site

    def _message_created(self, t: int, event: Event) -> None:
        message = str(event["message"])
        self._messages[message] = (t, str(event["user_to"]))
        planned = str(event.get("pushes") or "")
        if planned:
            self._requests.plan(message, t, str(event["user_from"]), planned.split(","))
        else:
            self._silent[message] = None

    def _push_suppressed(self, t: int, event: Event) -> None:
        message = str(event["message"])
        self._silent.pop(message, None)
        started, _ = self._messages.get(message, (t, ""))
        device = event.get("device")
        notification = self._create(
            started,
            origin="message",
            message=message,
            user=str(event["user_to"]),
            device=None if device is None else str(device),
            suppressed=True,
            reason=str(event["reason"]),
        )
        notification.hop(t, f"the site suppressed it ({event['reason']})")

    def _push_requested(self, t: int, event: Event) -> None:
        message = str(event["message"])
        if message not in self._messages:
            self._cause(t, f"a push was requested for message {message}, which nobody wrote")
        self._silent.pop(message, None)
        started, user = self._messages.get(message, (t, None))
        status = int(event["status"])
        token_ref = str(event["token_ref"])
        self._requests.ask(message, token_ref)
        notification = self._claim(t, token_ref, status, event.get("gateway_push"))
        if notification is None:
            notification = self._create(started, origin="message", token_ref=token_ref)
            if status:
                notification.refused = True
                answer = event.get("answer")
                notification.reason = f"{answer} ({status})" if answer else f"status {status}"
            else:
                notification.reason = str(event.get("error") or "no answer from the gateway")
                notification.excused = self._uptime.trouble_since(started)
                self._requests.unanswered(notification)
        notification.asked = t
        notification.origin = "message"
        notification.created = min(notification.created, started)
        notification.message = message
        notification.device = str(event["device"])
        notification.user = user
        if not notification.last_hop:
            notification.hop(t, f"the site asked the gateway ({status or 'no answer'})")

    def _claim(
        self, t: int, token_ref: str, status: int, push: str | int | None
    ) -> Notification | None:
        """The notification that the gateway's events already made of this request, if any."""
        if push is not None:
            known = self._pushes.get(str(push))
            if known is None:
                self._cause(t, f"the site was told of push {push}, which is unknown")
                return None
            waiting = self._unclaimed.get(token_ref, [])
            if known in waiting:
                _take(self._unclaimed, token_ref, known)
            return known
        if status == 0:
            waiting = self._unclaimed.get(token_ref, [])
            known = waiting[0] if waiting else None
            if known is not None:
                _take(self._unclaimed, token_ref, known)
            return known
        for key in (token_ref, None):
            refused = self._refused.get(key)
            if refused:
                known = refused[0]
                _take(self._refused, key, known)
                known.token_ref = token_ref
                return known
        return None

    # The gateway

    def _push_refused(self, t: int, event: Event) -> None:
        self._refuse(t, event, event.get("token_ref"))
        self._told_before = True

    def _request_refused(self, t: int, event: Event) -> None:
        # A refused push is told twice in a row: as a push, and as a request like any other.
        told, self._told_before = self._told_before, False
        if str(event.get("path", "")).strip("/") == "notification" and not told:
            self._refuse(t, event, None)

    def _refuse(self, t: int, event: Event, token_ref: str | None) -> None:
        reason = f"{event['reason']} ({event['status']})"
        notification = self._create(
            t, origin="direct", token_ref=token_ref, refused=True, reason=reason
        )
        self._refused.setdefault(token_ref, []).append(notification)
        notification.hop(t, f"the gateway refused it: {reason}")

    def _server_ended(self, t: int, event: Event) -> None:
        """Whatever the gateway has sent and not ticked off for good, it may send again: with a
        power cut that is also what it ticked off too lately to have written it down.
        """
        host = str(event["host"])
        if host != self._gateway:
            return
        self._gateway_has_ended = True
        power_cut = event["kind"] == "host.crashed"
        if power_cut:
            self._connections.clear()
        for notification in self._pushes.values():
            ended = notification.completed
            if notification.dispatched is not None and (
                ended is None
                or (power_cut and self._uptime.ran_for(host, ended, t) <= UNWRITTEN_FOR)
            ):
                notification.in_doubt = True

    def _provider_connected(self, t: int, event: Event) -> None:
        self._hops.open(str(event["connection"]))
        self._connections[str(event["connection"])] = None

    def _provider_closed(self, t: int, event: Event) -> None:
        connection = str(event["connection"])
        if self._connections.pop(connection, "") is None and _is_status(str(event["reason"])):
            for notification in self._pushes.values():
                if notification.connection == connection:
                    notification.by_silence = False

    def _push_accepted(self, t: int, event: Event) -> None:
        self._gateway = str(event["host"])
        push, token_ref = str(event["push"]), str(event["token_ref"])
        broadcast = event.get("broadcast")
        if event.get("was_refused"):
            notification = self._refused_before(token_ref)
        else:
            notification = self._create(
                t,
                origin="direct" if broadcast is None else "broadcast",
                message=None if broadcast is None else f"broadcast {broadcast}",
                token_ref=token_ref,
            )
        notification.push, notification.gateway, notification.accepted = push, AtGateway.HELD, t
        if push in self._pushes:
            self._cause(t, f"the gateway gave the number {push} to two pushes")
        self._pushes[push] = notification
        if event.get("was_refused"):
            pass  # the site has asked for it already
        elif broadcast is None:
            self._unclaimed.setdefault(token_ref, []).append(notification)
        else:
            announced, made = self._broadcasts.get(str(broadcast), (UNKNOWN, 0))
            self._broadcasts[str(broadcast)] = (announced, made + 1)
        notification.hop(t, "the gateway accepted it")

    def _refused_before(self, token_ref: str) -> Notification:
        """The notification that the gateway refused, and sent all the same."""
        refused = (each for each in self.notifications if each.token_ref == token_ref)
        notification = next(each for each in refused if each.refused)
        notification.refused, notification.reason = False, ""
        return notification

    def _broadcast_accepted(self, t: int, event: Event) -> None:
        made = self._broadcasts.get(str(event["broadcast"]), (UNKNOWN, 0))[1]
        self._broadcasts[str(event["broadcast"])] = (int(event["pushes"]), made)

    def _push_of(self, t: int, event: Event) -> Notification | None:
        notification = self._pushes.get(str(event["push"]))
        if notification is None and self._gateway_has_ended:
            # Committed in the very moment in which the gateway died, before it could say so.
            push = str(event["push"])
            notification = self._create(t, origin="direct", push=push, gateway=AtGateway.HELD)
            self._pushes[push] = notification
        if notification is None:
            self._cause(t, f"{event['kind']} for push {event['push']}, never accepted")
        return notification

    def _push_dispatched(self, t: int, event: Event) -> None:
        notification = self._push_of(t, event)
        if notification is None:
            return
        notification.attempts += 1
        if notification.in_doubt:
            notification.forced += 1
            notification.in_doubt = False
        if notification.gateway in (AtGateway.COMPLETED, AtGateway.LOST):
            notification.gateway = AtGateway.HELD
        notification.completed = None
        notification.dispatched = t if notification.dispatched is None else notification.dispatched
        notification.written = t
        connection = event.get("connection")
        notification.connection = None if connection is None else str(connection)
        notification.provider = str(event["provider"])
        if event.get("identifier") is not None:
            self._hops.send(str(event["connection"]), int(event["identifier"]), notification)
        notification.hop(t, f"the gateway sent it to {notification.provider}")

    def _push_retry(self, t: int, event: Event) -> None:
        notification = self._push_of(t, event)
        if notification is not None:
            notification.in_doubt |= _may_have_been_taken(str(event["reason"]))
            notification.gateway = AtGateway.HELD
            notification.hop(t, f"the gateway will send it again: {event['reason']}")

    def _push_discarded(self, t: int, event: Event) -> None:
        notification = self._push_of(t, event)
        if notification is not None:
            notification.hop(t, f"{event['provider']} threw it away, on {event['connection']}")

    def _push_completed(self, t: int, event: Event) -> None:
        notification = self._push_of(t, event)
        if notification is None:
            return
        notification.gateway = AtGateway.COMPLETED
        notification.completed = t
        notification.in_doubt = False
        notification.by_silence = notification.connection in self._connections
        if event.get("message_id") is not None:
            copy = self._hops.answers.pop(str(event["message_id"]), None)
            if copy is None:
                self._cause(t, f"push {event['push']} completed, but nobody accepted it")
            else:
                notification.join(copy)

    def _ended_at_gateway(self, t: int, event: Event, state: AtGateway, text: str) -> None:
        notification = self._push_of(t, event)
        if notification is not None:
            notification.gateway = state
            notification.completed = t
            notification.reason = str(event.get("reason") or notification.reason)
            notification.hop(t, text)

    def _push_abandoned(self, t: int, event: Event) -> None:
        notification = self._push_of(t, event)
        if notification is not None:
            notification.gateway = AtGateway.ABANDONED

    def _push_rejected(self, t: int, event: Event) -> None:
        text = f"the gateway gave it up: {event.get('reason')}"
        self._ended_at_gateway(t, event, AtGateway.REJECTED, text)

    def _push_expired(self, t: int, event: Event) -> None:
        self._ended_at_gateway(t, event, AtGateway.EXPIRED, "it expired at the gateway")

    def _push_lost(self, t: int, event: Event) -> None:
        self._ended_at_gateway(t, event, AtGateway.LOST, "the gateway lost it")

    def _push_given_up(self, t: int, event: Event) -> None:
        text = f"the gateway wrote it {event['writes']} times and gave it up: outcome unknown"
        self._ended_at_gateway(t, event, AtGateway.GIVEN_UP, text)

    def _cause(self, t: int, text: str) -> None:
        self._findings.add("cause", t, text)


_NOT_TAKEN: Final = frozenset({"Unavailable", "InternalServerError", "DeviceMessageRateExceeded"})
"""GCM's results for a message that it did not take."""

_NOT_SENT: Final = ("ClientConnector", "ConnectionTimeout")
"""How the names of aiohttp's errors begin that say that there was no connection."""

UNWRITTEN_FOR: Final = 500_000_000
"""Nanoseconds after a push was ticked off in which a power cut undoes that: the gateway writes
completions together, a quarter of a second later, and a real disk takes its time."""

_NO_PACKET: Final = frozenset({"closed", "garbage", "stopped", "identifiers used up"})

_SILENCE: Final = frozenset({"connection_closed", "malformed_answer", "answer_too_long"})


def _is_status(reason: str) -> bool:
    """Whether a connection ended with an error packet, which names what was taken and what not."""
    return reason.islower() and reason not in _NO_PACKET


def _may_have_been_taken(reason: str) -> bool:
    """Whether nobody knows if the push service has taken what is sent again.

    APNs' statuses and HTTP's are in lower case; an exception's name says that there was no answer.
    """
    if reason in _NOT_TAKEN or reason.startswith(_NOT_SENT):
        return False
    return not reason.islower() or reason in _SILENCE


def _take(table: dict[Any, list[Notification]], key: Any, notification: Notification) -> None:
    left = [other for other in table[key] if other is not notification]
    if left:
        table[key] = left
    else:
        del table[key]
