"""What an administrator does from the command line: accounts and phones in bulk.

    python -m server.moodle.admin --config site.yaml import accounts.json

The file holds `users` and `devices`, see `Accounts`. The functions are for tools in the same
process and take a connection inside a transaction, as given by `Database.run` or `run_now`.
"""

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from argon2 import PasswordHasher
from pydantic import Field, SecretStr
from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from server.configuration_file import read_model
from server.database import Database
from server.moodle import configuration
from server.moodle.configuration import PROCESSORS, STATES
from server.moodle.messaging.choosing import preference_name
from server.moodle.passwords import make_hasher
from server.moodle.settings import PersonName, Role, SiteSettings
from server.moodle.site import install
from server.moodle.tables import (
    airnotifier_user_devices,
    external_tokens,
    message,
    message_read,
    sessions,
    user_preferences,
    users,
)
from server.private_files import readable_by_others
from server.serving import UNUSABLE, complain
from server.settings import StrictSettings


class AdminError(Exception):
    """The import cannot be done as asked. Nothing of it was stored."""


class NewUser(StrictSettings):
    """An account to create. Without a password nobody can log in to it, but it gets messages."""

    username: str = Field(min_length=1, max_length=100)
    firstname: PersonName
    lastname: PersonName
    email: str = Field(default="", max_length=100)
    role: Role = "student"
    password: SecretStr | None = None


class NewDevice(StrictSettings):
    """A registered phone to create. `token` as the gateway knows it."""

    username: str
    token: str = Field(max_length=255, repr=False)
    devicename: str = Field(default="", max_length=255)
    enabled: bool = True


class Accounts(StrictSettings):
    """The contents of an import file."""

    users: list[NewUser] = Field(default=[])
    devices: list[NewDevice] = Field(default=[])


def import_users(
    connection: Connection, new: Iterable[NewUser], hasher: PasswordHasher
) -> dict[str, int]:
    """Create accounts; username -> id, in the order given. Raises AdminError for a name in use."""
    rows: list[dict[str, Any]] = [
        {
            **user.model_dump(),
            "password": _hash(hasher, user.password),
        }
        for user in new
    ]
    present = set(connection.scalars(select(users.c.username)))
    for row in rows:
        if row["username"] in present:
            raise AdminError(f"there is already a user {row['username']!r}")
        present.add(row["username"])
    if rows:
        connection.execute(insert(users), rows)
    ids = user_ids(connection)
    return {row["username"]: ids[row["username"]] for row in rows}


def _hash(hasher: PasswordHasher, password: SecretStr | None) -> str:
    return "" if password is None else hasher.hash(password.get_secret_value())


def import_devices(connection: Connection, new: Sequence[NewDevice]) -> None:
    """Register phones for the site's app and tick mobile notifications for their owners.

    The owners' preferences become the site's default outputs and airnotifier, for both states.
    Raises AdminError for an unknown username.
    """
    ids = user_ids(connection)
    unknown = [device.username for device in new if device.username not in ids]
    if unknown:
        raise AdminError(f"there is no user {unknown[0]!r}")
    if not new:
        return
    current = configuration.load(connection)
    appname = current.values["airnotifierappname"]
    connection.execute(
        insert(airnotifier_user_devices),
        [
            {
                "appname": appname,
                "devicename": device.devicename,
                "devicenotificationtoken": device.token,
                "userid": ids[device.username],
                "enable": int(device.enabled),
            }
            for device in new
        ],
    )
    owners = list(dict.fromkeys(ids[device.username] for device in new))
    for state in STATES:
        outputs = (*current.defaults[state], "airnotifier")
        set_outputs(connection, owners, state, outputs)


def set_outputs(
    connection: Connection, owners: Iterable[int], state: str, outputs: Iterable[str]
) -> None:
    """Set the outputs of private messages of many users for a state, loggedin or loggedoff."""
    if state not in STATES:
        raise AdminError(f"there is no state {state!r}: use one of {', '.join(STATES)}")
    wanted = list(outputs)
    name = preference_name(state)
    value = ",".join(output for output in PROCESSORS if output in wanted) or "none"
    rows = [{"userid": owner, "name": name, "value": value} for owner in dict.fromkeys(owners)]
    if not rows:
        return
    table = user_preferences
    connection.execute(
        delete(table).where(table.c.name == name, table.c.userid == bindparam("userid")), rows
    )
    connection.execute(insert(table), rows)


def suspend_user(connection: Connection, username: str, *, suspended: bool = True) -> None:
    """Suspend an account or lift its suspension. Raises AdminError for an unknown username."""
    _change(connection, username, suspended=int(suspended))


def stop_notifications(connection: Connection, username: str) -> None:
    """Disable all notifications of a user, as the user could on the page of preferences."""
    _change(connection, username, emailstop=1)


def delete_user(connection: Connection, username: str) -> None:
    """Delete an account: its tokens and sessions go; messages and phones stay, as in Moodle."""
    _change(connection, username, deleted=1)
    owner = select(users.c.id).where(users.c.username == username).scalar_subquery()
    for table in (external_tokens, sessions):
        connection.execute(delete(table).where(table.c.userid == owner))


def _change(connection: Connection, username: str, **values: int) -> None:
    changed = connection.execute(update(users).where(users.c.username == username).values(values))
    if not changed.rowcount:
        raise AdminError(f"there is no user {username!r}")


def user_ids(connection: Connection) -> dict[str, int]:
    """All usernames and their ids, in the order of creation."""
    rows = connection.execute(select(users.c.username, users.c.id).order_by(users.c.id))
    return {row.username: row.id for row in rows}


def count_messages(connection: Connection) -> int:
    """How many messages were ever stored and not deleted, read or not."""
    tables = (message, message_read)
    counts = (connection.scalar(select(func.count()).select_from(table)) for table in tables)
    return sum(count or 0 for count in counts)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m server.moodle.admin", description=__doc__)
    parser.add_argument("--config", type=Path, required=True, help="YAML or JSON file")
    commands = parser.add_subparsers(dest="command", required=True)
    importing = commands.add_parser("import", help="create the accounts and phones of a file")
    importing.add_argument("accounts", type=Path, help="YAML or JSON file")
    arguments = parser.parse_args()
    try:
        settings = read_model(arguments.config, SiteSettings)
        accounts = read_model(arguments.accounts, Accounts)
        database = Database(settings.database, durability=settings.durability)
        database.run_now(_import_all, settings, accounts)
    except (AdminError, *UNUSABLE) as error:
        return complain("moodle", error)
    for path in (arguments.config, arguments.accounts):
        if readable_by_others(path):
            print(f"moodle: {path}: others may read this file: chmod 600", file=sys.stderr)
    print(f"imported {len(accounts.users)} users and {len(accounts.devices)} phones")
    return 0


def _import_all(connection: Connection, settings: SiteSettings, accounts: Accounts) -> None:
    hasher = make_hasher(settings.password_hash)
    install(connection, settings, hasher)
    import_users(connection, accounts.users, hasher)
    import_devices(connection, accounts.devices)


if __name__ == "__main__":
    sys.exit(main())
