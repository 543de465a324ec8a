"""Reading the outbox: what waits, and what no provider of this configuration will ever send.

Every function is one unit of work for `Database.run`: it receives a connection inside a
transaction.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, func, literal, select
from sqlalchemy.sql import Select

from server.airnotifier.push import Push
from server.airnotifier.tables import outbox


def load_pushes(
    connection: Connection, app: str, provider: str, after: int, limit: int, inherited: int
) -> list[Push]:
    """The next waiting pushes of an application and push service, in the order of acceptance.

    Those up to the number `inherited` may have been written by an earlier process.
    """
    query: Select[Any] = (
        select(
            outbox.c.id,
            literal(app),
            literal(provider),
            outbox.c.token,
            outbox.c.payload,
            outbox.c.collapse_key,
            outbox.c.broadcast,
            outbox.c.accepted,
            outbox.c.expires,
            literal(0),
            outbox.c.writes,
            outbox.c.writes,
        )
        .where(outbox.c.app == app, outbox.c.provider == provider, outbox.c.id > after)
        .order_by(outbox.c.id)
        .limit(limit)
    )
    pushes = [Push(*row) for row in connection.execute(query)]
    for push in pushes:
        if push.id <= inherited:
            push.writes = max(push.writes, 1)
    return pushes


def latest_push(connection: Connection) -> int:
    """The highest number in the outbox; 0 if it is empty."""
    latest: int | None = connection.scalar(select(func.max(outbox.c.id)))
    return latest or 0


def concerned_by_refusal(connection: Connection, push: Push, registered: float | None) -> int:
    """The number of the last push that it concerns when a push service has refused the token of
    `push`: of all in the outbox, or, if the app has registered the token again since `push` was
    accepted, of those accepted before.
    """
    if registered is None or registered <= push.accepted:
        return max(push.id, latest_push(connection))
    query = (
        select(outbox.c.id)
        .where(
            outbox.c.app == push.app,
            outbox.c.provider == push.provider,
            outbox.c.accepted < registered,
        )
        .order_by(outbox.c.id.desc())
        .limit(1)
    )
    return max(push.id, connection.scalar(query) or 0)


@dataclass(frozen=True, slots=True)
class Orphans:
    """Pushes in the outbox that no provider of this configuration will ever send."""

    app: str
    provider: str
    expired: list[int]
    """The numbers of those whose time is over; they have been deleted."""
    waiting: int


def find_orphans(
    connection: Connection, served: Sequence[tuple[str, str]], now: float
) -> list[Orphans]:
    """Look for pushes of applications and push services that are not `served` any more.

    Those that have not expired stay: the next configuration may serve them again.
    """
    lanes = (
        select(outbox.c.app, outbox.c.provider, func.count())
        .group_by(outbox.c.app, outbox.c.provider)
        .order_by(outbox.c.app, outbox.c.provider)
    )
    found: list[Orphans] = []
    for app, provider, count in connection.execute(lanes).all():
        if (app, provider) in served:
            continue
        expired = (
            (outbox.c.app == app) & (outbox.c.provider == provider) & (outbox.c.expires <= now)
        )
        ids = connection.scalars(select(outbox.c.id).where(expired).order_by(outbox.c.id)).all()
        connection.execute(delete(outbox).where(expired))
        found.append(Orphans(app, provider, list(ids), count - len(ids)))
    return found
