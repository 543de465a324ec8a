"""What the site meant to ask the gateway for, and what it heard nothing of.

A site tells with each message for which tokens it is going to ask. What it never told to have
asked for, and what it had no answer to, may have come to the gateway all the same: such a push
belongs to nobody in the trace, and is joined at the end of the run, by token. Which message it was
for is written nowhere; of several the one that was written first has it.
"""

from collections.abc import Callable, Mapping

from scenarios.engine.ledger.notifications import Notification

Create = Callable[..., Notification]


class Asked:
    """The requests of a site that are open."""

    def __init__(self) -> None:
        self._planned: dict[str, list[str]] = {}
        """By message, in the order of writing: tokens that the site has not yet asked for."""
        self._unanswered: list[Notification] = []

    def plan(self, message: str, token_refs: list[str]) -> None:
        """The site is going to ask for these."""
        self._planned[message] = token_refs

    def ask(self, message: str, token_ref: str) -> None:
        """It has asked for one of them."""
        planned = self._planned.get(message)
        if planned is not None and token_ref in planned:
            planned.remove(token_ref)
            if not planned:
                del self._planned[message]

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
        for message, token_refs in self._planned.items():
            t, user = messages[message]
            self._unanswered += [
                create(t, origin="message", message=message, user=user, token_ref=token_ref)
                for token_ref in token_refs
            ]
        self._planned.clear()
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
