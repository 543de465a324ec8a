"""Browser sessions: a cookie for who it is, a session key in every form against forged ones."""

import hashlib
import secrets
from typing import NamedTuple

from sqlalchemy import Connection, delete, insert, select, update

from server.moodle.accounts import USER_COLUMNS, User, touch
from server.moodle.tables import sessions, users

COOKIE = "MoodleSession"


class Session(NamedTuple):
    """A logged-in browser."""

    user: User
    sesskey: str


def open_session(connection: Connection, user: User, now: int, timeout: int) -> str:
    """Start a session and return the cookie's value. Forgets sessions that ran out."""
    connection.execute(delete(sessions).where(sessions.c.timemodified < now - timeout))
    sid = secrets.token_hex(16)
    connection.execute(
        insert(sessions).values(
            sid=_hash(sid),
            userid=user.id,
            sesskey=secrets.token_urlsafe(8)[:10],
            timecreated=now,
            timemodified=now,
        )
    )
    touch(connection, user, now)
    return sid


def find_session(connection: Connection, sid: str, now: int, timeout: int) -> Session | None:
    """The session of a cookie, which lives on; None if it ran out or its user may not log in."""
    where = sessions.c.sid == _hash(sid)
    row = connection.execute(
        select(sessions.c.sesskey, sessions.c.timemodified, *USER_COLUMNS)
        .join(users, users.c.id == sessions.c.userid)
        .where(where)
    ).first()
    if row is None or row.timemodified < now - timeout:
        return None
    user = User._make(row[2:])
    if not user.active:
        return None
    if now - row.timemodified >= 60:
        connection.execute(update(sessions).where(where).values(timemodified=now))
    touch(connection, user, now)
    return Session(user, row.sesskey)


def close_session(connection: Connection, sid: str) -> None:
    """Log out."""
    connection.execute(delete(sessions).where(sessions.c.sid == _hash(sid)))


def _hash(sid: str) -> str:
    return hashlib.sha256(sid.encode("utf-8", "surrogateescape")).hexdigest()
