"""The durable outbox: what was accepted and whose fate is still open.

A push is in the table before its sender hears "ok" and leaves it when its fate is known, so a
gateway that dies at any moment continues where it stopped. What it may do twice is send the pushes
whose completion was not yet written (see WRITE_DELAY) or not yet known: delivery is at least once,
and `departures` sees to it that there is a limit to that.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    bindparam,
    delete,
    insert,
    select,
    update,
)
from sqlalchemy.exc import OperationalError

from server.airnotifier import registry
from server.airnotifier.errors import UnknownToken
from server.airnotifier.group_commit import GroupCommit, Work
from server.airnotifier.push import Content, Push
from server.airnotifier.tables import broadcasts, channels, outbox, tokens
from server.airnotifier.targets import (
    APNS_TOKEN_DIGITS,
    RegisteredElsewhere,
    Target,
    provider_of,
)
from server.prepared import Prepared

WRITE_DELAY = 0.25
"""Seconds for which completions are collected before they are written: what a crash may repeat."""
WRITE_COUNT = 2_000
"""Completions that are written without waiting any longer."""
WRITE_AGAIN = 5.0
"""Seconds until completions are written again that the database refused to take."""

Then = Callable[[Any], None] | None

_insert = insert(outbox)


def _given(name: str) -> BindParameter[Any]:
    return bindparam(name, type_=outbox.c[name].type)


def _insert_if_known(*also: ColumnElement[bool]) -> Prepared:
    """One statement for what nearly every request needs: is the token known, and if so, store the
    push.
    """
    return Prepared(
        insert(outbox)
        .from_select(
            [
                *("app", "provider", "token", "payload"),
                *("collapse_key", "broadcast", "accepted", "expires"),
            ],
            select(
                _given("app"),
                _given("provider"),
                tokens.c.token,
                _given("payload"),
                _given("collapse_key"),
                _given("broadcast"),
                _given("accepted"),
                _given("expires"),
            ).where(
                tokens.c.app_id == bindparam("app_id", type_=tokens.c.app_id.type),
                tokens.c.token == _given("token"),
                *also,
            ),
        )
        .returning(outbox.c.id)
    )


_store = _insert_if_known()
# A text of this one length may be a token of either push service; see `provider_of`.
_store_of_length_64 = {
    "apns": _insert_if_known(tokens.c.device == "ios"),
    "gcm": _insert_if_known(tokens.c.device != "ios"),
}
_count = update(outbox).where(outbox.c.id == bindparam("push")).values(writes=bindparam("total"))
_delete = delete(outbox).where(outbox.c.id == bindparam("push"))
_delete_broadcast = delete(broadcasts).where(
    broadcasts.c.id == bindparam("number"),
    ~select(outbox.c.id).where(outbox.c.broadcast == bindparam("number")).exists(),
)


@dataclass(frozen=True, slots=True)
class AcceptedBroadcast:
    """A broadcast in the outbox."""

    number: int
    pushes: list[tuple[Push, str]]
    """With the names of their devices, in the order of registration."""
    skipped: dict[str, int]
    """How many tokens of the audience need a push service that there is no content for."""


class Outbox:
    """Accepts pushes and forgets them. Used from one event loop."""

    def __init__(self, writer: GroupCommit) -> None:
        self._writer = writer
        self._done: dict[int, Push] = {}
        self._open: list[Push] = []
        """What was done and is not after all."""
        self._uncounted: dict[int, Push] = {}
        """What the table counts as written more often than it was."""
        self._works: list[tuple[Work, Then]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._writing: asyncio.Task[None] | None = None
        self._closed = False

    def push_done(self, push: Push) -> None:
        """The fate of a push is known: its row is deleted soon."""
        self._done[push.id] = push
        self._schedule()

    def push_open(self, push: Push) -> None:
        """A push that was done is not, after all: it is kept, or stored again soon."""
        if self._done.pop(push.id, None) is None:
            self._open.append(push)
            self._schedule()

    def push_not_taken(self, push: Push) -> None:
        """What became of the last write of a push is known: nothing."""
        push.writes -= 1
        if push.counted > push.writes:
            self._uncounted[push.id] = push
            self._schedule()

    async def count_next_write(self, pushes: Sequence[Push]) -> None:
        """Count a write of each push that has not been written yet, and wait for the commit.
        Raises SQLAlchemyError.
        """
        for push in pushes:
            self._uncounted.pop(push.id, None)
        totals = [{"push": push.id, "total": push.writes + 1} for push in pushes]
        await self._writer.run(lambda connection: connection.execute(_count, totals))
        for push in pushes:
            push.counted = push.writes + 1

    def later(self, work: Work, then: Then = None) -> None:
        """Have other work that follows from a fate written along; see `GroupCommit.run`."""
        self._works.append((work, then))
        self._schedule()

    async def close(self) -> None:
        """Write everything that was collected. Raises SQLAlchemyError; then the rows stay, and what
        was sent is sent again after the next start.
        """
        self._closed = True
        if self._writing is not None:
            await asyncio.wait([self._writing])
        while self._open or self._uncounted or self._done or self._works:
            await self._flush()

    async def _flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        opened, self._open = self._open, []
        uncounted, self._uncounted = self._uncounted, {}
        done, self._done = self._done, {}
        works, self._works = self._works, []
        try:
            if opened:
                await self._writer.run(partial(_store_again, pushes=opened))
                opened = []
            if totals := [
                {"push": push.id, "total": push.writes}
                for push in uncounted.values()
                if push.id not in done
            ]:
                for push in uncounted.values():
                    push.counted = push.writes
                await self._writer.run(partial(_count_down, totals=totals))
            if done:
                await self._writer.run(partial(_forget, done=list(done.values())))
                done = {}
            while works:
                work, then = works.pop(0)
                try:
                    await self._writer.run(work, then)
                except OperationalError:  # the database's fault, not the work's
                    works.insert(0, (work, then))
                    raise
        finally:
            self._open[:0] = opened
            for push in self._open:
                done.pop(push.id, None)
            self._done = {**done, **self._done}
            self._works[:0] = works

    def _schedule(self) -> None:
        loop = asyncio.get_running_loop()
        if self._timer is None:
            self._timer = loop.call_later(WRITE_DELAY, self._write)
        elif len(self._done) == WRITE_COUNT:
            self._timer.cancel()
            self._timer = loop.call_later(0, self._write)

    def _write(self) -> None:
        self._timer = None
        if self._writing is not None:
            self._schedule()
            return
        task = asyncio.get_running_loop().create_task(self._flush(), name="airnotifier-completions")
        self._writing = task
        task.add_done_callback(self._report)

    def _report(self, task: "asyncio.Task[None]") -> None:
        """What could not be written is still collected, and tried again after a while."""
        self._writing = None
        if task.cancelled() or (error := task.exception()) is None:
            return
        loop = asyncio.get_running_loop()
        loop.call_exception_handler(
            {"message": "completions were not written", "exception": error, "task": task}
        )
        if self._timer is not None:
            self._timer.cancel()
        if not self._closed:
            self._timer = loop.call_later(WRITE_AGAIN, self._write)


def _store_again(connection: Connection, pushes: Sequence[Push]) -> None:
    names = [column.name for column in outbox.columns]
    for push in pushes:
        if connection.scalar(select(outbox.c.id).where(outbox.c.id == push.id)) is None:
            connection.execute(_insert, {name: getattr(push, name) for name in names})


def _count_down(connection: Connection, totals: list[dict[str, int]]) -> None:
    connection.execute(_count, totals)


def _forget(connection: Connection, done: Sequence[Push]) -> None:
    connection.execute(_delete, [{"push": push.id} for push in done])
    ended = dict.fromkeys(push.broadcast for push in done if push.broadcast is not None)
    if ended:
        connection.execute(_delete_broadcast, [{"number": number} for number in ended])


def accept_push(
    connection: Connection,
    app: str,
    app_id: int,
    target: Target,
    content: Content,
    new_token_channels: Sequence[str] | None,
) -> tuple[Push, bool]:
    """Store one push. Returns it, and whether its token was new and has been registered.

    An unknown token is registered if channels for it are given (the key may create tokens), else
    raises UnknownToken. Raises RegisteredElsewhere if the token is known, but not for the
    target's push service.
    """
    values: dict[str, Any] = {
        "app": app,
        "provider": target.provider,
        "token": target.token,
        "payload": content.payload,
        "collapse_key": content.collapse_key,
        "broadcast": None,
        "accepted": content.accepted,
        "expires": content.expires,
    }
    addressed = {**values, "app_id": app_id}
    ambiguous = len(target.token) == APNS_TOKEN_DIGITS
    store = _store_of_length_64[target.provider] if ambiguous else _store
    row = store.first(connection, **addressed)
    created = row is None
    if created:
        device = registry.find_device(connection, app_id, target.token)
        if device is not None:
            there = Target(device, provider_of(target.token, device), target.token)
            raise RegisteredElsewhere(there)
        if new_token_channels is None:
            raise UnknownToken("Unknow token and you have no permission to create")
        registry.register_token(connection, app_id, target, new_token_channels, content.accepted)
        row = store.first(connection, **addressed)
    assert row is not None
    return Push(id=row[0], **values), created


def accept_broadcast(
    connection: Connection,
    app: str,
    app_id: int,
    channel: str,
    device: str | None,
    contents: Mapping[str, Content],
    now: float,
) -> AcceptedBroadcast:
    """Store one push for every token of a channel whose push service has a content.

    `device` narrows the audience to tokens registered under that name.
    """
    primary_key = connection.execute(
        insert(broadcasts).values(app_id=app_id, channel=channel, created=now)
    ).inserted_primary_key
    assert primary_key is not None
    number: int = primary_key[0]
    audience = (
        select(tokens.c.token, tokens.c.device)
        .join(channels, channels.c.token_id == tokens.c.id)
        .where(tokens.c.app_id == app_id, channels.c.channel == channel)
        .order_by(tokens.c.id)
    )
    if device is not None:
        audience = audience.where(tokens.c.device == device)
    rows: list[dict[str, Any]] = []
    devices: list[str] = []
    skipped: dict[str, int] = {}
    for token, name in connection.execute(audience):
        provider = provider_of(token, name)
        content = contents.get(provider)
        if content is None:
            skipped[provider] = skipped.get(provider, 0) + 1
            continue
        devices.append(name)
        rows.append(
            {
                "app": app,
                "provider": provider,
                "token": token,
                "payload": content.payload,
                "collapse_key": content.collapse_key,
                "broadcast": number,
                "accepted": content.accepted,
                "expires": content.expires,
            }
        )
    if not rows:
        connection.execute(_delete_broadcast, {"number": number})
        return AcceptedBroadcast(number, [], skipped)
    connection.execute(_insert, rows)
    stored = select(outbox.c.id).where(outbox.c.broadcast == number).order_by(outbox.c.id)
    numbers = connection.scalars(stored).all()
    pushes = [Push(id=number, **row) for number, row in zip(numbers, rows, strict=True)]
    return AcceptedBroadcast(number, list(zip(pushes, devices, strict=True)), skipped)
