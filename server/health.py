"""Whether a server can accept work: what `/health` says.

The check writes, since a full disk, a read-only file system and a held lock show in no other way.
It writes more than most work does, so a disk that takes it has room for a push, too. It writes once
in `FRESH` seconds at most, one attempt at a time.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

from sqlalchemy import Column, Connection, Float, MetaData, Table, Text, insert, update
from sqlalchemy.exc import SQLAlchemyError

from server import clock
from server.database import Number
from server.database_trouble import refused
from server.logs import EventLog

FRESH = 1.0
"""Seconds for which an answer is given again: watchers ask every few seconds."""
PATIENCE = 5.0
"""Seconds that a write may take; a watcher will not wait much longer."""
OK = "ok"
_BALLAST = 16_384
"""Bytes: four pages of SQLite."""

Write = Callable[[Callable[[Connection], None]], Awaitable[None]]


def health_table(metadata: MetaData) -> Table:
    """The table with the one row that is written."""
    return Table(
        "health",
        metadata,
        Column("id", Number, primary_key=True),
        Column("written", Float, nullable=False),
        Column("ballast", Text, nullable=False),
    )


class Health:
    """The health of one server. `write` runs a transaction where the server's work runs, too;
    `path` is the file of the database, if it is one.
    """

    def __init__(self, write: Write, table: Table, path: Path | None, log: EventLog) -> None:
        self._write = write
        self._table = table
        self._path = path
        self._log = log
        self._file: tuple[int, int] | None = None
        self._attempt: asyncio.Task[str] | None = None
        self._status = OK
        self._until = 0.0
        self.is_stopping = False

    def open(self) -> None:
        """The database is open: from now on its file must stay where it is."""
        self._file = self._identity()

    async def status(self) -> str:
        """`OK`, or why no work can be accepted; logs `database.failed` then."""
        if self.is_stopping:
            return "the server is stopping"
        if clock.monotonic() < self._until:
            return self._status
        attempt = self._attempt
        if attempt is None:
            attempt = self._attempt = asyncio.get_running_loop().create_task(self._try())
        # It goes on when its time is over: to start another one would not help the database.
        done, _ = await asyncio.wait([attempt], timeout=PATIENCE)
        if done:
            return attempt.result()
        self._log.trouble("database.failed", error="TimeoutError")
        return "the database does not answer"

    async def _try(self) -> str:
        try:
            await self._write(self._write_row)
            self._status = OK if self._identity() == self._file else "the database's file is gone"
        except SQLAlchemyError as error:
            self._log.trouble("database.failed", error=type(error).__name__)
            self._status = (
                f"the database {'takes no writes' if refused(error) else 'does not answer'}"
            )
        finally:
            self._until = clock.monotonic() + FRESH
            self._attempt = None
        return self._status

    def _write_row(self, connection: Connection) -> None:
        values = {"written": clock.now(), "ballast": os.urandom(_BALLAST // 2).hex()}
        changed = connection.execute(update(self._table).where(self._table.c.id == 1), values)
        if not changed.rowcount:
            connection.execute(insert(self._table).values(id=1, **values))

    def _identity(self) -> tuple[int, int] | None:
        """Which file has the database's name. A server goes on writing into one that is removed,
        and nobody will ever read it."""
        if self._path is None:
            return None
        try:
            found = self._path.stat()
        except OSError:
            return (0, 0)
        return found.st_dev, found.st_ino
