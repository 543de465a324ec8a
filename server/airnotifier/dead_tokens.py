"""Tokens that were deleted, or refused by their push service: which waiting pushes are not sent.

What was accepted before that waits in the outbox and must not be sent, even after a restart, while
what was accepted after the app had registered the token again must. So a token is kept here with
the number of the last push that this concerns, until no such push can turn up any more.

Every function is one unit of work for `Database.run`: it receives a connection inside a
transaction.
"""

from collections.abc import Sequence
from typing import Literal

from sqlalchemy import Connection, delete, func, insert, select

from server.airnotifier.registry import CHUNK
from server.airnotifier.tables import dead_tokens, outbox

Reason = Literal["dead_token", "token_deleted"]

KEPT_SECONDS = 3600.0
"""For which an entry outlives the pushes that it concerns: one that seemed to be done may be stored
again when APNs discarded it after all, which takes minutes at the most."""


def remember(
    connection: Connection, app_id: int, token: str, last: int, reason: Reason, now: float
) -> None:
    """The pushes for a token up to the number `last` are not sent. `now`: Unix seconds."""
    oldest = connection.scalar(select(func.min(outbox.c.id)))
    over = dead_tokens.c.since < now - KEPT_SECONDS
    if oldest is not None:
        over &= dead_tokens.c.last < oldest
    connection.execute(delete(dead_tokens).where(over))
    connection.execute(
        delete(dead_tokens).where(dead_tokens.c.app_id == app_id, dead_tokens.c.token == token)
    )
    row = {"app_id": app_id, "token": token, "last": last, "reason": reason, "since": now}
    connection.execute(insert(dead_tokens), row)


def find(
    connection: Connection, app_id: int, texts: Sequence[str]
) -> list[tuple[str, int, Reason]]:
    """Which of these tokens are among them: each with the last push concerned, and why."""
    distinct = list(dict.fromkeys(texts))
    found: list[tuple[str, int, Reason]] = []
    for start in range(0, len(distinct), CHUNK):
        query = select(dead_tokens.c.token, dead_tokens.c.last, dead_tokens.c.reason).where(
            dead_tokens.c.app_id == app_id,
            dead_tokens.c.token.in_(distinct[start : start + CHUNK]),
        )
        found.extend((row.token, row.last, row.reason) for row in connection.execute(query))
    return found
