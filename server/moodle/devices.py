"""The table of phones that the AirNotifier output of 2013 keeps: one row per user, app and token.

The same phone used by two people has two rows, and both people's pushes reach it.
"""

from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from server.moodle.accounts import lock
from server.moodle.errors import MoodleError
from server.moodle.tables import airnotifier_user_devices as table
from server.prepared import Prepared

_LOWERED = ("devicetype", "deviceos", "deviceosversion", "devicebrand")


class Device(NamedTuple):
    """A registered phone."""

    id: int
    token: str
    name: str
    enabled: int


_of_user = Prepared(
    select(table.c.id, table.c.devicenotificationtoken, table.c.devicename, table.c.enable)
    .where(table.c.userid == bindparam("u"), table.c.appname == bindparam("a"))
    .order_by(table.c.id)
)


def devices_of(connection: Connection, user_id: int, appname: str) -> list[Device]:
    """A user's phones with this app, in the order of their registration."""
    return [Device._make(row) for row in _of_user.rows(connection, u=user_id, a=appname)]


def register(
    connection: Connection, user_id: int, attributes: Mapping[str, str]
) -> tuple[int, bool]:
    """Insert the phone or update what is known of it; its row id and whether it is new.

    A phone is known by (app, token, user). Being registered again does not enable one that the
    user disabled. Unlike the original, which reads and writes without a lock, two registrations
    at the same time give one row.
    """
    values = dict(attributes)
    for name in _LOWERED:
        if name in values:
            values[name] = _strtolower(values[name])
    _check_lengths(values)
    lock(connection, user_id)
    row = connection.execute(
        select(table.c.id)
        .where(
            table.c.userid == user_id,
            table.c.appname == values["appname"],
            table.c.devicenotificationtoken == values["devicenotificationtoken"],
        )
        .order_by(table.c.id)
    ).first()
    if row is not None:
        connection.execute(update(table).where(table.c.id == row.id).values(values))
        return row.id, False
    result = connection.execute(insert(table).values(userid=user_id, enable=1, **values))
    assert result.inserted_primary_key is not None
    return result.inserted_primary_key[0], True


def set_enabled(connection: Connection, user_id: int, device_id: int, enabled: bool) -> bool:
    """Enable or disable one of the user's own phones; False if it is not one."""
    changed = connection.execute(
        update(table)
        .where(table.c.id == device_id, table.c.userid == user_id)
        .values(enable=int(enabled))
    )
    return changed.rowcount == 1


def remove(connection: Connection, user_id: int, device_id: int) -> bool:
    """Forget one of the user's own phones; False if it is not one."""
    where = (table.c.id == device_id) & (table.c.userid == user_id)
    return connection.execute(delete(table).where(where)).rowcount == 1


def _strtolower(text: str) -> str:
    """PHP's strtolower in the C locale: ASCII letters only."""
    return "".join(c.lower() if c.isascii() else c for c in text)


def _check_lengths(values: Mapping[str, str]) -> None:
    # Not every database refuses what is too long for a column; Moodle's do.
    for name, value in values.items():
        limit: int = table.c[name].type.length  # type: ignore[attr-defined]
        if len(value) > limit:
            raise MoodleError("dmlwriteexception", detail=f"{name} is longer than {limit}")
