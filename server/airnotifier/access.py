"""Applications and access keys in the database: who may call.

The settings file seeds a store that is new; from then on the store holds the truth, and only the
administrator's commands change it. Each change raises the store's version, by which every running
gateway learns of it.

Every function is one unit of work for `Database.run`: it receives a connection inside a
transaction.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, insert, select, update

from server.airnotifier.settings import AppSettings
from server.airnotifier.tables import administration, apps, keys

_ONLY_ROW = 1


@dataclass(frozen=True, slots=True)
class StoredApp:
    """An application as the API needs it: row id, and permissions by key digest."""

    id: int
    permissions: dict[str, int]


@dataclass(frozen=True, slots=True)
class Stored:
    """All of it, at one version."""

    version: int
    apps: dict[str, StoredApp]


def seed(connection: Connection, settings: Iterable[AppSettings], now: float) -> bool:
    """Store the applications and keys of the settings, unless that has been done before.

    Returns whether it was done. Keys and applications that an administrator made are left alone.
    """
    if version(connection) is not None:
        return False
    connection.execute(insert(administration).values(id=_ONLY_ROW, version=1))
    for app in settings:
        app_id = ensure_app(connection, app.name)
        present = set(connection.scalars(select(keys.c.sha256).where(keys.c.app_id == app_id)))
        for key in app.keys:
            if key.digest not in present:
                add_key(
                    connection,
                    app_id,
                    key.digest,
                    key.permissions,
                    key.description,
                    "settings",
                    now,
                )
    return True


def version(connection: Connection) -> int | None:
    """Rises with every change; None in a store that has not been seeded."""
    found: int | None = connection.scalar(select(administration.c.version))
    return found


def load(connection: Connection) -> Stored:
    """All applications with their keys."""
    stored = {
        row.name: StoredApp(row.id, {})
        for row in connection.execute(select(apps.c.name, apps.c.id).order_by(apps.c.id))
    }
    query = select(apps.c.name, keys.c.sha256, keys.c.permissions).join_from(keys, apps)
    for row in connection.execute(query.order_by(keys.c.id)):
        stored[row.name].permissions[row.sha256] = row.permissions
    return Stored(version(connection) or 0, stored)


def changed(connection: Connection) -> None:
    """To be called in every transaction that changes applications or keys."""
    connection.execute(update(administration).values(version=administration.c.version + 1))


def find_app(connection: Connection, name: str) -> int | None:
    """The row id of an application."""
    found: int | None = connection.scalar(select(apps.c.id).where(apps.c.name == name))
    return found


def ensure_app(connection: Connection, name: str) -> int:
    """The row id of an application, which is created if need be."""
    found = find_app(connection, name)
    if found is not None:
        return found
    changed(connection)
    primary_key = connection.execute(insert(apps).values(name=name)).inserted_primary_key
    assert primary_key is not None
    number: int = primary_key[0]
    return number


def add_key(
    connection: Connection,
    app_id: int,
    digest: str,
    permissions: int,
    description: str,
    origin: str,
    now: float,
) -> None:
    """Store a key by its digest."""
    changed(connection)
    connection.execute(
        insert(keys).values(
            app_id=app_id,
            sha256=digest,
            permissions=permissions,
            description=description,
            origin=origin,
            created=now,
        )
    )
