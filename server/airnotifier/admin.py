"""What an administrator does to a gateway's database: applications, access keys, tokens in bulk.

Functions for programs, and a command line around them:

    python -m server.airnotifier.admin --config FILE create-app APP
    python -m server.airnotifier.admin --config FILE create-key APP create_token --description TEXT
    python -m server.airnotifier.admin --config FILE list-keys [APP]
    python -m server.airnotifier.admin --config FILE delete-key APP SHA256
    python -m server.airnotifier.admin --config FILE import-tokens APP TOKENS.csv

Whatever they change counts in every running gateway within a second. The CSV has no header; its
columns are token, device, and one for each channel. Exit code 1: there is no such application or
key, or there is one already; 2: the settings, the file or the database cannot be used.
"""

import argparse
import asyncio
import csv
import difflib
import re
import secrets
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, delete, func, select

from server import clock
from server.airnotifier import access, registry
from server.airnotifier.errors import Refused
from server.airnotifier.names import channel_names
from server.airnotifier.permissions import Permission
from server.airnotifier.settings import APP_NAME, APP_NAME_RULE, GatewaySettings, key_digest
from server.airnotifier.tables import apps, keys, metadata, outbox
from server.airnotifier.targets import target
from server.configuration_file import read_model
from server.database import Database
from server.serving import UNUSABLE, complain

_DIGEST = re.compile("[0-9a-f]{64}", re.IGNORECASE)

Registration = tuple[str, str, Sequence[str]]
"""Token, device name (may be empty), channels (none: `default`)."""


def import_tokens(connection: Connection, app: str, registrations: Iterable[Registration]) -> int:
    """Register many tokens of an application, which is created if need be.

    Returns how many were new. Raises ValueError with the position of the first that is invalid;
    the transaction should then be rolled back.
    """
    checked = []
    for number, (token, device, channels) in enumerate(registrations, start=1):
        try:
            checked.append((target(token, device, explain=True), channel_names(channels)))
        except Refused as refused:
            raise ValueError(f"registration {number}: {refused.reason}") from None
    app_id = access.ensure_app(connection, app)
    return registry.import_tokens(connection, app_id, checked, clock.now())


def create_key(
    connection: Connection, app: str, permissions: Permission, description: str = ""
) -> str:
    """Make an access key, and the application if need be. Returns the key; this is the only time
    it can be seen.
    """
    key = secrets.token_hex(16)
    app_id = access.ensure_app(connection, app)
    access.add_key(
        connection, app_id, key_digest(key), int(permissions), description, "admin", clock.now()
    )
    return key


def delete_key(connection: Connection, app: str, sha256: str) -> bool:
    """Withdraw an access key by its digest. Returns whether it was there."""
    query = delete(keys).where(
        keys.c.app_id == access.find_app(connection, app), keys.c.sha256 == sha256.lower()
    )
    if not connection.execute(query).rowcount:
        return False
    access.changed(connection)
    return True


def create_app(connection: Connection, name: str) -> bool:
    """Make an application without keys. Returns whether it is new. Raises ValueError for a name
    that clients could not send.
    """
    if not re.fullmatch(APP_NAME, name):
        raise ValueError(f"the name of an application is {APP_NAME_RULE}")
    if access.find_app(connection, name) is not None:
        return False
    access.ensure_app(connection, name)
    return True


@dataclass(frozen=True, slots=True)
class KnownKey:
    """A key as far as anybody can still see it."""

    app: str
    sha256: str
    permissions: Permission
    origin: str
    """`settings`: it seeded the store; `admin`: it was created."""
    created: float
    """Unix seconds."""
    description: str


def list_keys(connection: Connection, app: str | None = None) -> list[KnownKey]:
    """The keys of an application, or of all, oldest first."""
    query = (
        select(
            apps.c.name,
            keys.c.sha256,
            keys.c.permissions,
            keys.c.origin,
            keys.c.created,
            keys.c.description,
        )
        .join_from(keys, apps)
        .order_by(apps.c.id, keys.c.id)
    )
    if app is not None:
        query = query.where(apps.c.name == app)
    return [
        KnownKey(name, sha256, Permission(bits), *rest)
        for name, sha256, bits, *rest in connection.execute(query)
    ]


def seed(connection: Connection, settings: GatewaySettings) -> bool:
    """Store the applications and keys of the settings if the store is new. Returns whether."""
    return access.seed(connection, settings.apps, clock.now())


def must_exist(connection: Connection, app: str) -> None:
    """Raises UnknownName for an application that is not in the store."""
    names = list(connection.scalars(select(apps.c.name).order_by(apps.c.id)))
    if app not in names:
        hint = f"{suggested(app, names)}create-app makes one"
        raise UnknownName(f"there is no application {app!r}; {hint}")


def outbox_counts(connection: Connection) -> dict[str, int]:
    """How many pushes wait in the outbox, by provider."""
    statement = (
        select(outbox.c.provider, func.count().label("waiting"))
        .group_by(outbox.c.provider)
        .order_by(outbox.c.provider)
    )
    return {row.provider: row.waiting for row in connection.execute(statement)}


def outbox_pushes(connection: Connection) -> list[int]:
    """The numbers of the pushes that wait in the outbox, oldest first."""
    return list(connection.scalars(select(outbox.c.id).order_by(outbox.c.id)))


class UnknownName(Exception):
    """A command names an application or a key that is not there."""


def suggested(name: str, known: Iterable[str]) -> str:
    """`did you mean ...? ` if something is close."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"did you mean {close[0]}? " if close else ""


def main() -> int:
    """Do what the arguments say; returns the exit code."""
    options = _parser().parse_args()
    try:
        settings = read_model(options.config, GatewaySettings)
        database = Database(settings.database, durability=settings.durability)
    except UNUSABLE as error:
        return complain("airnotifier", error)
    try:
        database.create(metadata)
        database.run_now(seed, settings)
        rows = _read_csv(options.file) if options.command == "import-tokens" else []
        for line in database.run_now(_execute, options, rows):
            print(line)
    except UnknownName as error:
        print(f"airnotifier: {error}", file=sys.stderr)
        return 1
    except (ValueError, *UNUSABLE) as error:
        return complain("airnotifier", error)
    finally:
        asyncio.run(database.close())
    return 0


def _execute(
    connection: Connection, options: argparse.Namespace, rows: list[Registration]
) -> list[str]:
    """One command; what it prints. A name that is not there makes nothing."""
    app: str | None = options.app
    if options.command == "create-app":
        assert app is not None
        if not create_app(connection, app):
            raise UnknownName(f"there is an application {app!r} already")
        return []
    if app is not None:
        must_exist(connection, app)
    if app is None or options.command == "list-keys":
        return [_shown(key) for key in list_keys(connection, app)]
    if options.command == "import-tokens":
        return [f"{import_tokens(connection, app, rows)} new tokens"]
    if options.command == "create-key":
        bits = Permission(0)
        for name in options.permissions:
            bits |= Permission[name.upper()]
        return [create_key(connection, app, bits, options.description)]
    _delete_key(connection, app, options.sha256)
    return []


def _delete_key(connection: Connection, app: str, sha256: str) -> None:
    if delete_key(connection, app, sha256):
        return
    known = [key.sha256 for key in list_keys(connection, app)]
    if _DIGEST.fullmatch(sha256):
        hint = suggested(sha256.lower(), known)
    else:
        hint = "give its SHA-256, 64 hexadecimal digits; "
    raise UnknownName(f"there is no such key of {app}; {hint}list-keys shows them")


def _shown(key: KnownKey) -> str:
    """A line: application, SHA-256, permissions, origin, time of creation, description."""
    names = ",".join(str(bit.name).lower() for bit in Permission if bit in key.permissions)
    created = datetime.fromtimestamp(key.created, UTC).isoformat(timespec="seconds")
    description = "".join(c if c.isprintable() else " " for c in key.description)
    return "\t".join([key.app, key.sha256, names or "none", key.origin, created, description])


def _read_csv(path: Path) -> list[Registration]:
    with path.open(newline="", encoding="utf-8") as file:
        rows = [[cell.strip() for cell in row] for row in csv.reader(file) if row]
    padded = [[*row, ""] for row in rows]
    return [(token, device, list(filter(None, names))) for token, device, *names in padded]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m server.airnotifier.admin")
    parser.add_argument("--config", type=Path, required=True, help="YAML or JSON file")
    commands = parser.add_subparsers(dest="command", required=True)
    app = commands.add_parser("create-app", help="make an application")
    app.add_argument("app")
    create = commands.add_parser("create-key", help="make an access key and print it")
    create.add_argument("app")
    create.add_argument(
        "permissions",
        nargs="+",
        choices=[str(permission.name).lower() for permission in Permission],
    )
    create.add_argument("--description", default="")
    keys = commands.add_parser(
        "list-keys",
        help="print the keys: application, SHA-256, permissions, origin, age, description",
    )
    keys.add_argument("app", nargs="?")
    withdraw = commands.add_parser("delete-key", help="withdraw an access key")
    withdraw.add_argument("app")
    withdraw.add_argument("sha256")
    tokens = commands.add_parser("import-tokens", help="register the tokens of a CSV file")
    tokens.add_argument("app")
    tokens.add_argument("file", type=Path)
    return parser


if __name__ == "__main__":
    sys.exit(main())
