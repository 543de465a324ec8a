"""What the site meant to ask the gateway for, and what it heard nothing of.

A site tells with each message for which tokens it is going to ask. What it never told to have
asked for, and what it had no answer to, may have come to the gateway all the same: such a push
belongs to nobody in the trace, and is joined at the end of the run, by token. Which message it was
for is written nowhere; of several the one that was written first has it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from scenarios.engine.ledger.notifications import Notification

Create = Callable[..., Notification]


@dataclass(slots=True)
class _Planned:
    """One push that the site is going to ask for."""

    message: str
    token_ref: str
    asked: bool = False


@dataclass(slots=True)
class _Call:
    """What the site is going to ask for, one after the other, because of one call of a sender."""

    pushes: list[_Planned] = field(default_factory=list)
    next: int = 0
    """The first that is not asked for."""


class SiteRequests:
    """The requests of a site that are open."""

    def __init__(self) -> None:
        self._calls: dict[tuple[int, str], _Call] = {}
        """By the moment in which its messages were written, and the sender."""
        self._of_message: dict[str, tuple[int, str]] = {}
        self._unanswered: list[Notification] = []

    def plan(self, message: str, t: int, sender: str, token_refs: list[str]) -> None:
        """The site is going to ask for these, after what it is going to ask for already."""
        call = self._calls.setdefault((t, sender), _Call())
        call.pushes += [_Planned(message, token_ref) for token_ref in token_refs]
        self._of_message[message] = t, sender

    def ask(self, message: str, token_ref: str) -> None:
        """It has asked for one of them."""
        key = self._of_message.get(message, (-1, ""))
        call = self._calls.get(key)
        if call is None:
            return
        for place in range(call.next, len(call.pushes)):
            push = call.pushes[place]
            if push.message == message and push.token_ref == token_ref and not push.asked:
                push.asked = True
                break
        while call.next < len(call.pushes) and call.pushes[call.next].asked:
            call.next += 1
        if call.next == len(call.pushes):
            for push in call.pushes:
                self._of_message.pop(push.message, None)
            del self._calls[key]

    def unanswered(self, notification: Notification) -> None:
        """There was no answer."""
        self._unanswered.append(notification)

    def close(
        self,
        notifications: list[Notification],
        messages: Mapping[str, tuple[int, str]],
        create: Create,
    ) -> None:
        """The run is over: join what can be joined. What is left over is lost.

        `messages`: when each was written, and to whom.
        """
        for call in self._calls.values():
            last = max((n for n, planned in enumerate(call.pushes) if planned.asked), default=-1)
            for place, planned in enumerate(call.pushes):
                if not planned.asked:
                    t, user = messages[planned.message]
                    self._unanswered.append(
                        create(
                            t,
                            origin="message",
                            message=planned.message,
                            user=user,
                            token_ref=planned.token_ref,
                            overtaken=place < last,
                        )
                    )
        self._calls.clear()
        unclaimed: dict[str, list[Notification]] = {}
        for each in notifications:
            if each.origin == "direct" and each.push is not None:
                token_ref = _token_of(each)
                if token_ref is not None:
                    unclaimed.setdefault(token_ref, []).append(each)
        gone: dict[int, None] = {}
        for asked in sorted(self._unanswered, key=lambda each: each.created):
            candidates = unclaimed.get(asked.token_ref or "", [])
            push = next((each for each in candidates if _seen(each) >= asked.created), None)
            if push is None:
                continue
            candidates.remove(push)
            push.origin, push.created = "message", asked.created
            push.message, push.device, push.user = asked.message, asked.device, asked.user
            push.asked = asked.asked
            gone[asked.number] = None
        self._unanswered.clear()
        notifications[:] = [each for each in notifications if each.number not in gone]
        for number, notification in enumerate(notifications, 1):
            notification.number = number


def _token_of(push: Notification) -> str | None:
    if push.token_ref is None and push.copies:
        return push.copies[0].token_ref
    return push.token_ref


def _seen(push: Notification) -> int:
    """When it was at the gateway, as far as the trace says."""
    times = (push.accepted, push.dispatched)
    return next((time for time in times if time is not None), -1)
