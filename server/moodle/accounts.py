"""Users and their preferences as the rest of the site reads them."""

from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, insert, select, update

from server.moodle.tables import user_preferences, users
from server.prepared import Prepared


class User(NamedTuple):
    """An account without its password."""

    id: int
    username: str
    firstname: str
    lastname: str
    email: str
    role: str
    auth: str
    suspended: int
    deleted: int
    emailstop: int
    lastaccess: int

    @property
    def fullname(self) -> str:
        return f"{self.firstname} {self.lastname}"

    @property
    def active(self) -> bool:
        """May log in at all and may receive pushes."""
        return not (self.deleted or self.suspended or self.auth == "nologin")


USER_COLUMNS = tuple(users.c[name] for name in User._fields)

_by_name = Prepared(
    select(users.c.password, *USER_COLUMNS).where(users.c.username == bindparam("u"))
)


def clean_username(text: str) -> str:
    """PARAM_USERNAME: trimmed, lower case, without the characters a username cannot have."""
    return "".join(
        character
        for character in text.strip().lower()
        if character.isascii() and (character.isalnum() or character in "-.@_")
    )


def find_user(connection: Connection, username: str) -> tuple[str, User] | None:
    """Password hash and account."""
    row = _by_name.first(connection, u=username)
    return None if row is None else (row[0], User._make(row[1:]))


def lock(connection: Connection, user_id: int) -> None:
    """Let other transactions that lock this user wait for the end of this one: they read, then
    write what depends on it. (SQLite has one writer anyway.)
    """
    # Not as strong as it could be: rows that refer to the user may be stored meanwhile.
    connection.execute(
        select(users.c.id).where(users.c.id == user_id).with_for_update(key_share=True)
    )


def touch(connection: Connection, user: User, now: int) -> None:
    """Note that the user looked at a page. Once a minute is enough (LASTACCESS_UPDATE_SECS)."""
    if now - user.lastaccess > 60:
        connection.execute(update(users).where(users.c.id == user.id).values(lastaccess=now))


def get_preferences(connection: Connection, user_id: int) -> dict[str, str]:
    """All preferences of a user."""
    rows = connection.execute(
        select(user_preferences.c.name, user_preferences.c.value).where(
            user_preferences.c.userid == user_id
        )
    )
    return {row.name: row.value for row in rows}


def set_preference(connection: Connection, user_id: int, name: str, value: str) -> bool:
    """Set one preference; False if it had this value already."""
    where = (user_preferences.c.userid == user_id) & (user_preferences.c.name == name)
    old = connection.scalar(select(user_preferences.c.value).where(where))
    if old == value:
        return False
    if old is None:
        row: dict[str, Any] = {"userid": user_id, "name": name, "value": value}
        connection.execute(insert(user_preferences).values(row))
    else:
        connection.execute(update(user_preferences).where(where).values(value=value))
    return True


def unset_preferences(connection: Connection, user_id: int, *names: str) -> None:
    """Forget preferences."""
    connection.execute(
        user_preferences.delete().where(
            user_preferences.c.userid == user_id, user_preferences.c.name.in_(names)
        )
    )
