"""Browser sessions: a cookie for who it is, a session key in every form against forged ones.

A session belongs to an account as it was at the login. The session key is made from the cookie,
password, role and kind of login, and compared at every page with one made from the current values:
any change of these ends the session.

The login form has a key, too (`logintoken`, Moodle 3.1 and later). It is made from a cookie that
the form sets, so no other page can log a browser in. Apps do not see it: they use `token.php`.
"""

import base64
import hashlib
import hmac
import re
import secrets
from typing import NamedTuple

from sqlalchemy import Connection, delete, insert, select, update

from server.moodle.accounts import USER_COLUMNS, User, touch
from server.moodle.tables import sessions, users

COOKIE = "MoodleSession"

_SID = re.compile("[0-9a-f]{32}")
_RIGHTS = (users.c.password, users.c.role, users.c.auth)


class Session(NamedTuple):
    """A logged-in browser."""

    user: User
    sesskey: str


def new_sid() -> str:
    """A value for the cookie that nobody can guess."""
    return secrets.token_hex(16)


def is_sid(cookie: str) -> bool:
    """Whether a cookie has the form of those that the site sets."""
    return _SID.fullmatch(cookie) is not None


def login_token(sid: str) -> str:
    """The key of the login form in a browser with this cookie."""
    return hashlib.sha256(b"logintoken:" + sid.encode()).hexdigest()[:32]


def open_session(connection: Connection, user: User, old: str, now: int, timeout: int) -> str:
    """Start a session and return the cookie's value, which is never one that came with the request.

    Ends the session of the `old` cookie and forgets sessions that ran out.
    """
    connection.execute(delete(sessions).where(sessions.c.timemodified < now - timeout))
    close_session(connection, old)
    rights = connection.execute(select(*_RIGHTS).where(users.c.id == user.id)).one()
    sid = new_sid()
    connection.execute(
        insert(sessions).values(
            sid=_hash(sid),
            userid=user.id,
            sesskey=_sesskey(sid, *rights),
            timecreated=now,
            timemodified=now,
        )
    )
    touch(connection, user, now)
    return sid


def find_session(connection: Connection, sid: str, now: int, timeout: int) -> Session | None:
    """The session of a cookie, which lives on; None if it is over or its user may not log in."""
    where = sessions.c.sid == _hash(sid)
    row = connection.execute(
        select(sessions.c.sesskey, sessions.c.timemodified, *_RIGHTS, *USER_COLUMNS)
        .join(users, users.c.id == sessions.c.userid)
        .where(where)
    ).first()
    if row is None or row.timemodified < now - timeout:
        return None
    sesskey, _, *columns = row
    rights, user = columns[: len(_RIGHTS)], User._make(columns[len(_RIGHTS) :])
    if not hmac.compare_digest(sesskey, _sesskey(sid, *rights)):
        connection.execute(delete(sessions).where(where))
        return None
    if not user.active:
        return None
    if now - row.timemodified >= 60:
        connection.execute(update(sessions).where(where).values(timemodified=now))
    touch(connection, user, now)
    return Session(user, sesskey)


def close_session(connection: Connection, sid: str) -> None:
    """Log out."""
    connection.execute(delete(sessions).where(sessions.c.sid == _hash(sid)))


def _sesskey(sid: str, *rights: str) -> str:
    # The cookie is the secret in it; 60 bits are what Moodle's ten characters hold.
    key = sid.encode("utf-8", "surrogateescape")
    digest = hmac.digest(key, "\0".join(rights).encode(), "sha256")
    return base64.urlsafe_b64encode(digest)[:10].decode()


def _hash(sid: str) -> str:
    return hashlib.sha256(sid.encode("utf-8", "surrogateescape")).hexdigest()
