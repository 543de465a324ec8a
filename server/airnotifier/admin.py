"""What an administrator does to a gateway's database: bulk import of tokens, access keys.

Functions for programs, and a command line around them:

    python -m server.airnotifier.admin --config FILE import-tokens APP TOKENS.csv
    python -m server.airnotifier.admin --config FILE create-key APP create_token --description TEXT
    python -m server.airnotifier.admin --config FILE delete-key APP SHA256

A gateway reads applications and keys when it starts; tokens may be imported while it runs. The CSV
has no header; its columns are token, device, and one for each channel.
"""

import argparse
import asyncio
import csv
import secrets
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from sqlalchemy import Connection, delete, func, select

from server import clock
from server.airnotifier import registry
from server.airnotifier.errors import Refused
from server.airnotifier.names import channel_names
from server.airnotifier.permissions import Permission
from server.airnotifier.settings import GatewaySettings, key_digest
from server.airnotifier.tables import keys, metadata, outbox
from server.airnotifier.targets import target
from server.configuration_file import read_model
from server.database import Database
from server.serving import UNUSABLE, complain

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
    app_id = registry.ensure_app(connection, app)
    return registry.import_tokens(connection, app_id, checked, clock.now())


def create_key(
    connection: Connection, app: str, permissions: Permission, description: str = ""
) -> str:
    """Make an access key. Returns it; this is the only time it can be seen."""
    key = secrets.token_hex(16)
    app_id = registry.ensure_app(connection, app)
    registry.add_key(
        connection, app_id, key_digest(key), int(permissions), description, "admin", clock.now()
    )
    return key


def delete_key(connection: Connection, app: str, sha256: str) -> bool:
    """Withdraw an access key by its digest. Returns whether it was there."""
    app_id = registry.ensure_app(connection, app)
    query = delete(keys).where(keys.c.app_id == app_id, keys.c.sha256 == sha256)
    return connection.execute(query).rowcount > 0


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


def _read_csv(path: Path) -> list[Registration]:
    with path.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.reader(file) if row]
    stripped = [[cell.strip() for cell in row] + [""] for row in rows]
    return [(token, device, list(filter(None, names))) for token, device, *names in stripped]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m server.airnotifier.admin")
    parser.add_argument("--config", type=Path, required=True, help="YAML or JSON file")
    commands = parser.add_subparsers(dest="command", required=True)
    tokens = commands.add_parser("import-tokens", help="register the tokens of a CSV file")
    tokens.add_argument("app")
    tokens.add_argument("file", type=Path)
    create = commands.add_parser("create-key", help="make an access key and print it")
    create.add_argument("app")
    create.add_argument(
        "permissions",
        nargs="+",
        choices=[str(permission.name).lower() for permission in Permission],
    )
    create.add_argument("--description", default="")
    withdraw = commands.add_parser("delete-key", help="withdraw an access key")
    withdraw.add_argument("app")
    withdraw.add_argument("sha256")
    return parser


def main() -> int:
    """The command line; returns the exit code."""
    options = _parser().parse_args()
    try:
        settings = read_model(options.config, GatewaySettings)
        database = Database(settings.database, durability=settings.durability)
    except UNUSABLE as error:
        return complain("airnotifier", error)
    try:
        database.create(metadata)
        if options.command == "import-tokens":
            rows = _read_csv(options.file)
            print(f"{database.run_now(import_tokens, options.app, rows)} new tokens")
        elif options.command == "create-key":
            bits = Permission(0)
            for name in options.permissions:
                bits |= Permission[name.upper()]
            print(database.run_now(create_key, options.app, bits, options.description))
        elif not database.run_now(delete_key, options.app, options.sha256):
            print("airnotifier: there is no such key", file=sys.stderr)
            return 1
    except (ValueError, *UNUSABLE) as error:
        return complain("airnotifier", error)
    finally:
        asyncio.run(database.close())
    return 0


if __name__ == "__main__":
    sys.exit(main())
