"""Access to a server's database: SQLAlchemy Core behind the event loop's executor.

SQLite (a file in WAL mode) by default, PostgreSQL by URL. Every unit of work is a plain function
that receives a connection inside one transaction; it commits when the function returns and rolls
back when it raises. The loop never blocks on the database.

SQLite allows one writer, so its executor has one thread; that also gives every transaction
a definite place in one order. On PostgreSQL transactions run side by side, each sees what others
have committed by then (READ COMMITTED), and two may be in each other's way; see `Database.run`.
"""

import asyncio
import os
import select
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar
from urllib.parse import unquote, urlsplit

from sqlalchemy import (
    URL,
    BigInteger,
    Connection,
    Engine,
    Integer,
    MetaData,
    Table,
    create_engine,
    event,
    inspect,
    make_url,
    text,
)
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.schema import CreateColumn

from server import clock
from server.database_trouble import locked
from server.durability import Durability
from server.private_files import make_private, narrow

P = ParamSpec("P")
T = TypeVar("T")

Number = BigInteger().with_variant(Integer(), "sqlite")
"""The type of whole numbers in tables: 64 bits. SQLite's always have them, and it numbers the rows
only of a column that is called INTEGER.
"""

BUSY_TIMEOUT = 5.0
"""Seconds that a transaction waits for somebody else's lock on SQLite's database."""
_PSYCOPG = "postgresql+psycopg"
_LIMITS = {"connect_timeout": "10", "tcp_user_timeout": "30000"}
"""Of libpq, which else waits for a database that is out of reach as long as the kernel does:
seconds for a connection, milliseconds for the acknowledgement of what was sent."""
_ATTEMPTS = 4
"""Of a transaction that collides with others. Who stored the same key is seen by the second; of two
that wait for each other, the one that begins again may do so too early."""
_COLLISIONS = ("40001", "40P01")
"""SQLSTATE of transactions that PostgreSQL ended for the sake of others: serialization_failure,
deadlock_detected. (PostgreSQL 15, appendix A)"""


class DatabaseUnusable(Exception):
    """There can be no database of this URL. The text does not repeat it: it may hold a password."""


def explained(error: SQLAlchemyError) -> str:
    """What the database complains about, in its own words and without ours."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    return f"the database cannot be used: {cause}"


class Database:
    """One database, used from one event loop."""

    def __init__(self, url: str, *, durability: Durability = "full", threads: int = 4) -> None:
        self.engine = _engine(url)
        self.path: Path | None = None
        """SQLite's file; None for one in memory, and for PostgreSQL."""
        if self.engine.dialect.name == "sqlite":
            threads = 1
            self.path = _sqlite_file(self.engine.url)
            _configure_sqlite(self.engine, durability, self.path)
        elif durability == "normal" and self.engine.dialect.name == "postgresql":
            _do_not_wait_for_the_disk(self.engine)
        self._thread = threading.local()
        self._connections: list[Connection] = []
        self._locked_at: float | None = None
        """When (monotonic) a transaction last gave up waiting for SQLite's lock."""
        self._executor = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="database")

    def create(self, metadata: MetaData) -> None:
        """See `create_tables`. Blocking: call it at start-up."""
        with self.engine.begin() as connection:
            create_tables(connection, metadata)

    async def run(
        self, work: Callable[Concatenate[Connection, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run `work(connection, ...)` in one transaction outside the loop and return its result.

        The work may run several times, and only the last run is committed: after a conflict over
        the same key, or a deadlock. So it must have no effect but by its connection and its result.
        Raises SQLAlchemyError; see `database_trouble`.
        """
        return await self.run_since(clock.monotonic(), work, *args, **kwargs)

    async def run_since(
        self,
        since: float,
        work: Callable[Concatenate[Connection, P], T],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """The same for work that has waited since then (monotonic). If what kept it waiting was the
        lock on SQLite's database, that was part of its `BUSY_TIMEOUT`: work that waits together
        learns together that the lock is not given up.
        """

        def transaction() -> T:
            connection = self._connection()
            if self._locked_at is not None:
                self._set_busy_timeout(connection, since)
            try:
                return _transact(connection, work, *args, **kwargs)
            except DBAPIError as error:
                if locked(error):
                    self._locked_at = clock.monotonic()
                raise

        return await asyncio.get_running_loop().run_in_executor(self._executor, transaction)

    def run_now(
        self, work: Callable[Concatenate[Connection, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """The same, blocking: for start-up and command-line tools."""
        with self.engine.connect() as connection:
            return _transact(connection, work, *args, **kwargs)

    async def close(self) -> None:
        """Finish what runs and close all connections."""
        self._executor.shutdown(wait=True)
        for connection in self._connections:
            connection.close()
        self.engine.dispose()

    def _set_busy_timeout(self, connection: Connection, since: float) -> None:
        assert self._locked_at is not None
        seconds = BUSY_TIMEOUT - max(0.0, self._locked_at - since)
        milliseconds = max(0, round(seconds * 1000))
        pooled = connection.connection
        if pooled.info.get("busy_timeout") != milliseconds:
            driver: Any = pooled.driver_connection
            driver.execute(f"PRAGMA busy_timeout={milliseconds}")
            pooled.info["busy_timeout"] = milliseconds

    def _connection(self) -> Connection:
        """The connection that this thread keeps: fetching one from the pool for every transaction
        would cost a third of the transaction. One that is lost opens itself again at its next use.
        """
        connection: Connection | None = getattr(self._thread, "connection", None)
        if connection is None:
            connection = self._thread.connection = self.engine.connect()
            self._connections.append(connection)
        elif self.engine.driver == "psycopg" and _was_ended(connection):
            connection.invalidate()
        return connection


def create_tables(connection: Connection, metadata: MetaData) -> None:
    """Create the tables that do not exist yet, and the columns that an earlier version of the
    tables did not have. Such a column needs a default of the database (`server_default`), which
    the rows that are there get.
    """
    present = set(inspect(connection).get_table_names())
    missing = [table for table in metadata.sorted_tables if table.name not in present]
    metadata.create_all(connection, missing, checkfirst=False)
    for table in metadata.sorted_tables:
        if table not in missing:
            _add_missing_columns(connection, table)


def _add_missing_columns(connection: Connection, table: Table) -> None:
    preparer = connection.dialect.identifier_preparer
    present = {column["name"] for column in inspect(connection).get_columns(table.name)}
    for column in table.columns:
        if column.name not in present:
            definition = CreateColumn(column).compile(dialect=connection.dialect)
            connection.execute(
                text(f"ALTER TABLE {preparer.format_table(table)} ADD COLUMN {definition}")
            )


def _engine(given: str) -> Engine:
    """Raises DatabaseUnusable."""
    postgresql = False
    try:
        url = make_url(given)
        postgresql = url.get_backend_name() == "postgresql"
        # Errors are logged and shown; the values may be tokens, texts and password hashes.
        return create_engine(_for_psycopg(url), hide_parameters=True)
    except ImportError as error:
        if postgresql:
            raise DatabaseUnusable(
                "database: PostgreSQL needs a driver that is not installed here: "
                f"pip install 'airbed[postgres]' ({error})"
            ) from error
        raise DatabaseUnusable(f"database: {error}") from error
    except SQLAlchemyError as error:
        raise DatabaseUnusable(f"database: {error}") from error
    except ValueError:
        raise DatabaseUnusable("database: the URL cannot be read") from None


def _for_psycopg(url: URL) -> URL:
    """With our driver where none is named, and our limits where there are no others."""
    if url.drivername == "postgresql":
        url = url.set(drivername=_PSYCOPG)
    if url.drivername == _PSYCOPG:
        url = url.update_query_dict({**_LIMITS, **url.query})
    return url


def _transact(
    connection: Connection,
    work: Callable[Concatenate[Connection, P], T],
    *args: P.args,
    **kwargs: P.kwargs,
) -> T:
    left = _ATTEMPTS
    while True:
        try:
            with connection.begin():
                return work(connection, *args, **kwargs)
        except DBAPIError as error:
            left -= 1
            if not left or not _collided(connection, error):
                _leave_out_rows(error)
                raise


def _collided(connection: Connection, error: DBAPIError) -> bool:
    return (
        isinstance(error.orig, connection.dialect.loaded_dbapi.IntegrityError)
        or getattr(error.orig, "sqlstate", None) in _COLLISIONS
    )


def _leave_out_rows(error: DBAPIError) -> None:
    """PostgreSQL adds to an error which row it is about: that is not for logs, see `_engine`."""
    summary = getattr(getattr(error.orig, "diag", None), "message_primary", None)
    if error.orig is not None and summary is not None:
        error.orig.args = (summary,)
        error.args = (f"({type(error.orig).__name__}) {summary}",)


def _was_ended(connection: Connection) -> bool:
    """Whether PostgreSQL has something to say on a connection that nobody uses: goodbye, because it
    was restarted, or because somebody ended the session. Otherwise the next transaction would fail.
    """
    if connection.invalidated:
        return False  # it will be opened again
    driver: Any = connection.connection.driver_connection
    if driver.closed:
        return True
    idle = select.poll()
    idle.register(driver.fileno(), select.POLLIN)
    return bool(idle.poll(0))


def _do_not_wait_for_the_disk(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def on_connect(connection: Any, _record: Any) -> None:
        connection.execute("SET synchronous_commit TO off")
        connection.commit()


def _sqlite_file(url: URL) -> Path | None:
    name = url.database or ""
    if name.startswith("file:"):  # a URI, as SQLite reads it
        parts = urlsplit(name)
        name = "" if "mode=memory" in parts.query else unquote(parts.path)
    return None if name in ("", ":memory:") else Path(os.path.realpath(name))


def _configure_sqlite(engine: Engine, durability: Durability, path: Path | None) -> None:
    @event.listens_for(engine, "do_connect")
    def before_connect(*_: Any) -> None:
        if path is not None:
            # SQLite gives its other files the rights of this one, when it makes them.
            make_private(path)
            for ending in ("-wal", "-shm", "-journal"):
                narrow(path.with_name(path.name + ending))

    @event.listens_for(engine, "connect")
    def on_connect(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute(f"PRAGMA synchronous={durability}")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT * 1000:.0f}")
        cursor.close()
