"""Which waiting push may be written next: between a lane's backlog and its push service.

Pushes leave in the order of the backlog, and some never do:

* its time is over: expired;
* the push service has refused its token meanwhile, or the token was deleted: rejected, unsent, with
  the reason `dead_token` or `token_deleted`. What was accepted after the app had registered the
  token again is sent. Whether it had is in the database; until that has answered, the pushes for
  that token are held, and nobody else is.
* it was written as often as the setting `max_unknown_writes` allows, and nobody knows what became
  of it: it is given up.

A first write waits for nothing. A push that may have been written before, by this process or an
earlier one, is written again only after the outbox counts that write too. Such pushes share
commits, and since the count is never behind, no crash makes it forget a copy.
"""

import asyncio
from collections.abc import Callable

from sqlalchemy.exc import SQLAlchemyError

from server import clock
from server.airnotifier.backlog import Backlog
from server.airnotifier.dead_tokens import Reason
from server.airnotifier.outbox import Outbox
from server.airnotifier.outcomes import Outcomes
from server.airnotifier.push import Push

COUNTED_TOGETHER = 200
"""Pushes counted with one commit. After a crash each of them may have been written once less."""
COUNT_AGAIN = 5.0
"""Seconds until pushes are counted again that the database refused to count."""
REMEMBERED_TOKENS = 100_000
"""Dead tokens of a lane, each with the last push that it concerns: more than pushes are in memory;
what is read from the outbox later is looked up there."""


class Departures:
    """The pushes of one lane that wait, as its push service sees them."""

    def __init__(
        self,
        backlog: Backlog,
        outbox: Outbox,
        outcomes: Outcomes,
        max_unknown_writes: int,
        on_arrival: Callable[[], None],
    ) -> None:
        self._backlog = backlog
        self._outbox = outbox
        self._outcomes = outcomes
        self._limit = max_unknown_writes
        self._on_arrival = on_arrival
        self._dead: dict[str, tuple[int, str]] = {}
        """Token -> number of the last push that it concerns, reason."""
        self._held: dict[str, list[Push]] = {}
        """Tokens that were refused a moment ago, and the pushes for them that came up since."""
        self._counting: list[Push] = []
        self._task: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> bool:
        """Whether there is a push to send."""
        return bool(self._counting) or self._front() is not None

    def peek(self, room: int) -> Push | None:
        """The push to write next, left in its place. None if there is none at the moment; a wake
        follows when there is one. `room`: how many could be written now.
        """
        if self._counting:
            return None
        push = self._front()
        if push is not None and _has_to_be_counted(push):
            self._count(min(room, COUNTED_TOGETHER))
            return None
        return push

    def pop(self) -> Push:
        """Take the push that `peek` has just returned."""
        return self._backlog.pop()

    def put_back(self, pushes: list[Push]) -> None:
        """Return pushes that have to be sent again, in front of the others. Wakes nobody."""
        if self._counting:
            self._counting[:0] = pushes
        else:
            self._backlog.put_back(pushes)

    def refuse(self, push: Push, reason: str, *, prune: bool) -> None:
        """The push service does not know the token of this push."""
        token = push.token
        self._held.setdefault(token, [])
        self._outcomes.refused(
            push, reason, prune=prune, then=lambda last: self._judge(token, last)
        )

    def bury(self, token: str, last: int, reason: Reason) -> None:
        """No push for this token is sent up to the number `last`."""
        if last >= self._dead.get(token, (0, ""))[0]:
            self._remember(token, last, reason)

    async def close(self) -> None:
        """Count nothing more. What is held or waits is in the outbox as well."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def _front(self) -> Push | None:
        now = clock.now()
        while (push := self._backlog.peek()) is not None:
            last, reason = self._dead.get(push.token, (0, ""))
            if push.expires <= now:
                self._outcomes.expired(self._backlog.pop())
            elif push.id <= last:
                self._outcomes.rejected(self._backlog.pop(), reason)
            elif push.token in self._held:
                self._held[push.token].append(self._backlog.pop())
            elif push.writes >= self._limit:
                self._outcomes.given_up(self._backlog.pop())
            else:
                return push
        return None

    def _judge(self, token: str, last: int) -> None:
        """The database has told which pushes a refusal concerns."""
        self._remember(token, last, "dead_token")
        held = self._held.pop(token, [])
        for push in held:
            if push.id <= last:
                self._outcomes.rejected(push, "dead_token")
        if again := [push for push in held if push.id > last]:
            self.put_back(again)
            self._on_arrival()

    def _remember(self, token: str, last: int, reason: Reason) -> None:
        self._dead.pop(token, None)
        self._dead[token] = last, reason
        if len(self._dead) > REMEMBERED_TOKENS:
            del self._dead[next(iter(self._dead))]

    def _count(self, room: int) -> None:
        while (
            len(self._counting) < room
            and (push := self._front()) is not None
            and _has_to_be_counted(push)
        ):
            self._counting.append(self._backlog.pop())
        counted = list(self._counting)
        self._task = asyncio.get_running_loop().create_task(
            self._count_these(counted), name=f"airnotifier-count:{self._backlog.name}"
        )

    async def _count_these(self, pushes: list[Push]) -> None:
        try:
            await self._outbox.count_next_write(pushes)
        except SQLAlchemyError as error:
            loop = asyncio.get_running_loop()
            loop.call_exception_handler(
                {"message": "writes were not counted", "exception": error, "task": self._task}
            )
            await asyncio.sleep(COUNT_AGAIN)
        self._task = None
        ready, self._counting = self._counting, []
        self._backlog.put_back(ready)
        self._on_arrival()


def _has_to_be_counted(push: Push) -> bool:
    return push.writes > 0 and push.counted <= push.writes
