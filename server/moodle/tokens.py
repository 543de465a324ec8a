"""Tokens for web services: given out at the login, presented with every call."""

import secrets
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from server.moodle.accounts import USER_COLUMNS, User, lock
from server.moodle.errors import MoodleError
from server.moodle.tables import external_tokens, users
from server.prepared import Prepared

MOBILE_SERVICE = "moodle_mobile_app"

_TOUCH_INTERVAL = 60
"""Seconds. Moodle writes a token's last use with every call; once a minute tells as much."""

_by_token = Prepared(
    select(
        external_tokens.c.id,
        external_tokens.c.service,
        external_tokens.c.validuntil,
        external_tokens.c.lastaccess,
        *USER_COLUMNS,
    )
    .join(users, users.c.id == external_tokens.c.userid)
    .where(external_tokens.c.token == bindparam("t"))
)


def obtain(connection: Connection, user: User, now: int) -> str:
    """The user's token for the mobile service: the newest valid one, or a new one."""
    mine = (external_tokens.c.userid == user.id) & (external_tokens.c.service == MOBILE_SERVICE)
    connection.execute(delete(external_tokens).where(mine, external_tokens.c.validuntil < now))
    newest = (
        select(external_tokens.c.id, external_tokens.c.token)
        .where(mine)
        .order_by(external_tokens.c.timecreated.desc(), external_tokens.c.id.desc())
    )
    row = connection.execute(newest).first()
    if row is None:
        lock(connection, user.id)  # of two first logins the second gets the token of the other
        row = connection.execute(newest).first()
    if row is not None:
        connection.execute(
            update(external_tokens).where(external_tokens.c.id == row.id).values(lastaccess=now)
        )
        return str(row.token)
    values: dict[str, Any] = {
        "token": secrets.token_hex(16),
        "service": MOBILE_SERVICE,
        "userid": user.id,
        # Moodle 2.5.0 sets no end; twelve weeks came with MDL-43119.
        "validuntil": None,
        "timecreated": now,
        "lastaccess": now,
    }
    connection.execute(insert(external_tokens).values(values))
    return str(values["token"])


def authenticate(connection: Connection, token: str, now: int) -> User | MoodleError:
    """Whose call this is.

    An error is returned, not raised: an expired token is deleted, and that has to be committed.
    """
    # No token that was given out is anything else, and a driver may not take it.
    row = _by_token.first(connection, t=token) if token.isascii() and token.isalnum() else None
    if row is None:
        return MoodleError("invalidtoken")
    token_id, service, validuntil, lastaccess = row[:4]
    if validuntil and validuntil < now:
        connection.execute(delete(external_tokens).where(external_tokens.c.id == token_id))
        return MoodleError("accessexception", detail="token expired")
    user = User._make(row[4:])
    if not user.active or service != MOBILE_SERVICE:
        return MoodleError("accessexception")
    if lastaccess is None or now - lastaccess >= _TOUCH_INTERVAL:
        connection.execute(
            update(external_tokens).where(external_tokens.c.id == token_id).values(lastaccess=now)
        )
    return user
