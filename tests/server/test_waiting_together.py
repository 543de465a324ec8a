"""Work that waits together for a database that refuses hears together that it does."""

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event, text
from sqlalchemy.exc import OperationalError

from server import clock
from server import database as database_module
from server.airnotifier.group_commit import GroupCommit
from server.database import Database
from server.database_trouble import locked, out_of_order

BUSY = 1.0
WAITING = 12
"""Pieces of work. One by one they would wait for as many busy timeouts."""


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(database_module, "BUSY_TIMEOUT", BUSY)
    found = tmp_path / "x.db"
    with sqlite3.connect(found) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE t (n INTEGER)")
    connection.close()
    return found


@contextmanager
def somebody_else_s_lock(path: Path) -> Iterator[None]:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


def store(connection: Connection) -> None:
    connection.execute(text("INSERT INTO t VALUES (1)"))


def read(connection: Connection) -> int:
    return int(connection.scalar(text("SELECT count(*) FROM t")) or 0)


def the_site_s(database: Database) -> Callable[[Any], Any]:
    return database.run


def the_gateway_s(database: Database) -> Callable[[Any], Any]:
    return GroupCommit(database).run


@pytest.mark.parametrize("way", [the_site_s, the_gateway_s])
@pytest.mark.parametrize("apart", [False, True])
def test_all_that_wait_for_a_lock_wait_for_one_busy_timeout(
    path: Path, way: Callable[[Database], Callable[[Any], Any]], apart: bool
) -> None:
    async def main() -> tuple[list[Any], float]:
        database = Database(f"sqlite:///{path}")
        run = way(database)
        try:
            with somebody_else_s_lock(path):
                begun = clock.monotonic()
                waiting = []
                for number in range(WAITING):
                    waiting.append(asyncio.ensure_future(run(store)))
                    if apart and number < 5:
                        await asyncio.sleep(BUSY / 10)
                heard = await asyncio.gather(*waiting, return_exceptions=True)
            took = clock.monotonic() - begun
            await run(store)  # and is stored as soon as the lock is given up
            assert await database.run(read) == 1
            return heard, took
        finally:
            await database.close()

    heard, took = asyncio.run(main())
    assert [locked(error) for error in heard] == [True] * WAITING
    assert took < WAITING * BUSY / 2


def test_reading_goes_on_behind_those_that_wait(path: Path) -> None:
    async def main() -> list[Any]:
        database = Database(f"sqlite:///{path}")
        try:
            with somebody_else_s_lock(path):
                work = [database.run(each) for each in (store, store, read)]
                return await asyncio.gather(*work, return_exceptions=True)
        finally:
            await database.close()

    *errors, rows = asyncio.run(main())
    assert [locked(error) for error in errors] == [True, True]
    assert rows == 0


def test_a_database_that_takes_no_writes_is_asked_once_for_a_whole_group(path: Path) -> None:
    asked: list[str] = []

    async def main() -> list[Any]:
        database = Database(f"sqlite:///{path}")

        @event.listens_for(database.engine, "before_cursor_execute")
        def ask(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
            asked.append(statement)

        @event.listens_for(database.engine, "connect")
        def read_only(connection: Any, _: Any) -> None:
            connection.execute("PRAGMA query_only=ON")

        try:
            writer = GroupCommit(database)
            return await asyncio.gather(
                *(writer.run(store) for _ in range(5)), return_exceptions=True
            )
        finally:
            await database.close()

    errors = asyncio.run(main())
    assert [type(error) for error in errors] == [OperationalError] * 5
    assert all(out_of_order(error) for error in errors)
    assert len(asked) == 1


def test_a_unit_that_is_at_fault_fails_alone(path: Path) -> None:
    async def main() -> list[Any]:
        database = Database(f"sqlite:///{path}")
        try:
            writer = GroupCommit(database)
            bad = writer.run(
                lambda connection: connection.execute(text("INSERT INTO no VALUES (1)"))
            )
            good = [writer.run(store) for _ in range(3)]
            return await asyncio.gather(bad, *good, return_exceptions=True)
        finally:
            await database.close()

    bad, *good = asyncio.run(main())
    assert isinstance(bad, OperationalError)
    assert not out_of_order(bad)
    assert good == [None] * 3
