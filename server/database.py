"""Access to a server's database: SQLAlchemy Core behind the event loop's executor.

SQLite (a file in WAL mode) by default, PostgreSQL by URL. Every unit of work is a plain function
that receives a connection inside one transaction; it commits when the function returns and rolls
back when it raises. The loop never blocks on the database.

SQLite allows one writer, so its executor has one thread; that also gives every transaction
a definite place in one order.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Concatenate, Literal, ParamSpec, TypeVar

from sqlalchemy import (
    BigInteger,
    Connection,
    Engine,
    Integer,
    MetaData,
    create_engine,
    event,
)
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

P = ParamSpec("P")
T = TypeVar("T")

Number = BigInteger().with_variant(Integer(), "sqlite")
"""The type of whole numbers in tables: 64 bits. SQLite's always have them, and it numbers the rows
only of a column that is called INTEGER.
"""

Durability = Literal["full", "normal"]
"""SQLite's `synchronous`: `full` survives a power cut, `normal` the death of the process."""


class DatabaseUnusable(Exception):
    """There can be no database of this URL. The text does not repeat it: it may hold a password."""


def explained(error: SQLAlchemyError) -> str:
    """What the database complains about, in its own words and without ours."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    return f"the database cannot be used: {cause}"


class Database:
    """One database, used from one event loop."""

    def __init__(self, url: str, *, durability: Durability = "full", threads: int = 4) -> None:
        # Errors are logged and shown; the values may be tokens, texts and password hashes.
        try:
            self.engine: Engine = create_engine(url, hide_parameters=True)
        except (SQLAlchemyError, ImportError) as error:
            raise DatabaseUnusable(f"database: {error}") from error
        except ValueError:
            raise DatabaseUnusable("database: the URL cannot be read") from None
        if self.engine.dialect.name == "sqlite":
            threads = 1
            _configure_sqlite(self.engine, durability)
        self._thread = threading.local()
        self._connections: list[Connection] = []
        self._executor = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="database")

    def create(self, metadata: MetaData) -> None:
        """Create the tables that do not exist yet. Blocking: call it at start-up."""
        metadata.create_all(self.engine)

    async def run(
        self, work: Callable[Concatenate[Connection, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run `work(connection, ...)` in one transaction outside the loop and return its result."""

        def transaction() -> T:
            connection = self._connection()
            with connection.begin():
                return work(connection, *args, **kwargs)

        return await asyncio.get_running_loop().run_in_executor(self._executor, transaction)

    def run_now(
        self, work: Callable[Concatenate[Connection, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """The same, blocking: for start-up and command-line tools."""
        with self.engine.begin() as connection:
            return work(connection, *args, **kwargs)

    async def close(self) -> None:
        """Finish what runs and close all connections."""
        self._executor.shutdown(wait=True)
        for connection in self._connections:
            connection.close()
        self.engine.dispose()

    def _connection(self) -> Connection:
        """The connection that this thread keeps: fetching one from the pool for every transaction
        would cost a third of the transaction.
        """
        connection: Connection | None = getattr(self._thread, "connection", None)
        if connection is None:
            connection = self._thread.connection = self.engine.connect()
            self._connections.append(connection)
        return connection


def _configure_sqlite(engine: Engine, durability: Durability) -> None:
    @event.listens_for(engine, "connect")
    def on_connect(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute(f"PRAGMA synchronous={durability}")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute("PRAGMA busy_timeout=5000")
        cursor.close()
