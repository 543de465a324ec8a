"""Which outputs a recipient gets a message through (Moodle up to 3.11: two states).

A recipient counts as logged in for five minutes after the last page seen in a browser. For each
state the user has a preference: a comma list of outputs, or `none` when everything was unticked. No
preference means the site's default.
"""

from typing import NamedTuple

from sqlalchemy import Connection, and_, bindparam, select

from server.moodle.accounts import USER_COLUMNS, User
from server.moodle.configuration import PROCESSORS, PROVIDER, Configuration, split_outputs
from server.moodle.errors import MoodleError
from server.moodle.tables import user_preferences, users
from server.prepared import Prepared

ONLINE = 300
"""Seconds after the last page (`block_online_users_timetosee`, five minutes as delivered)."""


def preference_name(state: str) -> str:
    """The user preference that holds the outputs for a state."""
    return f"message_provider_{PROVIDER}_{state}"


class Recipient(NamedTuple):
    """A user with the two preferences that count; empty if not set."""

    user: User
    loggedin: str
    loggedoff: str


_in = user_preferences.alias()
_off = user_preferences.alias()
_recipient = Prepared(
    select(_in.c.value, _off.c.value, *USER_COLUMNS)
    .select_from(
        users.outerjoin(
            _in, and_(_in.c.userid == users.c.id, _in.c.name == preference_name("loggedin"))
        ).outerjoin(
            _off, and_(_off.c.userid == users.c.id, _off.c.name == preference_name("loggedoff"))
        )
    )
    .where(users.c.id == bindparam("i"))
)


def get_recipient(connection: Connection, user_id: int) -> Recipient | None:
    """The user with this id; None if there is none or it was deleted."""
    row = _recipient.first(connection, i=user_id)
    if row is None:
        return None
    user = User._make(row[2:])
    return None if user.deleted else Recipient(user, row[0] or "", row[1] or "")


def select_outputs(recipient: Recipient, configuration: Configuration, now: int) -> list[str]:
    """The outputs to use, in the order in which they are asked.

    Forced ones are used even if the user disabled all notifications. An output without
    a permission is an incomplete installation and an error (MDL-25114).
    """
    user = recipient.user
    loggedin = now - ONLINE < user.lastaccess
    preference = recipient.loggedin if loggedin else recipient.loggedoff
    if preference:
        wanted = split_outputs(preference)
    else:
        wanted = configuration.defaults["loggedin" if loggedin else "loggedoff"]
    selected = []
    for name in PROCESSORS:
        if not configuration.ready(name):
            continue
        permission = configuration.permissions.get(name)
        if permission is None:
            raise MoodleError("codingerror", f"{name} has no permission for {PROVIDER}")
        if permission == "forced" or (
            permission == "permitted" and not user.emailstop and name in wanted
        ):
            selected.append(name)
    return selected
