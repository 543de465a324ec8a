"""What only PostgreSQL shows of the database that both servers use: real threads side by side,
sessions that end, and another transaction in the way.

Who waits for whom is seen in PostgreSQL's own tables, so nothing here depends on luck.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import Column, Connection, MetaData, String, Table, create_engine, insert, select
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from server.database import Database, Number
from server.database_trouble import connection_lost
from tests.databases import WAITING, database_url, end_sessions, need_postgresql, rows, sessions

need_postgresql()

pytestmark = pytest.mark.live

metadata = MetaData()
things = Table(
    "things",
    metadata,
    Column("id", Number, primary_key=True),
    Column("name", String, unique=True),
)


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    database = Database(url)
    database.create(metadata)
    try:
        async with asyncio.timeout(60):
            yield database
    finally:
        await database.close()


def story(path: Path, tell: Callable[[Database, str], Awaitable[None]]) -> None:
    url = database_url(path / "x.db")

    async def main() -> None:
        async with opened(url) as database:
            await tell(database, url)

    asyncio.run(main())


def store(connection: Connection, name: str) -> bool:
    """Store a thing if it is not there, by a read before the write. Returns whether it was not."""
    if connection.scalar(select(things.c.id).where(things.c.name == name)) is not None:
        return False
    connection.execute(insert(things).values(name=name))
    return True


def names(connection: Connection) -> list[str]:
    return [name for (name,) in rows(connection, "SELECT name FROM things ORDER BY id")]


async def until_waiting(url: str, count: int = 1) -> None:
    while len(sessions(url, WAITING)) < count:
        await asyncio.sleep(0.01)


def test_two_that_store_the_same_at_once_find_out_about_each_other(tmp_path: Path) -> None:
    async def tell(database: Database, url: str) -> None:
        other = create_engine(url)
        with other.begin() as connection:
            assert store(connection, "x")
            waiting = asyncio.create_task(database.run(store, "x"))
            await until_waiting(url)
        assert await waiting is False
        assert await database.run(names) == ["x"]
        other.dispose()

    story(tmp_path, tell)


def test_two_that_wait_for_each_other_both_get_done(tmp_path: Path) -> None:
    met = threading.Barrier(2)
    attempts = []

    def touch(connection: Connection, first: str, second: str) -> None:
        attempts.append(first)
        rows(connection, f"UPDATE things SET name = name WHERE name = '{first}'")
        if len(attempts) <= 2:
            met.wait(30)
        rows(connection, f"UPDATE things SET name = name WHERE name = '{second}'")

    async def tell(database: Database, url: str) -> None:
        for name in "ab":
            await database.run(store, name)
        await asyncio.gather(database.run(touch, "a", "b"), database.run(touch, "b", "a"))
        assert len(attempts) > 2

    story(tmp_path, tell)


def test_a_transaction_that_raises_leaves_nothing_and_its_numbers_are_not_given_again(
    tmp_path: Path,
) -> None:
    def store_and_fail(connection: Connection) -> None:
        store(connection, "x")
        raise LookupError

    async def tell(database: Database, url: str) -> None:
        await database.run(store, "a")
        with pytest.raises(LookupError):
            await database.run(store_and_fail)
        await database.run(store, "b")
        assert await database.run(names) == ["a", "b"]
        numbers = await database.run(rows, "SELECT id FROM things ORDER BY id")
        assert numbers == [(1,), (3,)]

    story(tmp_path, tell)


def test_sessions_that_ended_while_nobody_used_them_are_replaced_unnoticed(tmp_path: Path) -> None:
    async def tell(database: Database, url: str) -> None:
        met = threading.Barrier(4)
        await asyncio.gather(*(database.run(lambda _: met.wait(30)) for _ in range(4)))
        assert end_sessions(url) == 4
        await asyncio.gather(*(database.run(store, name) for name in "abcdefgh"))
        assert sorted(await database.run(names)) == list("abcdefgh")

    story(tmp_path, tell)


def test_a_session_that_ends_amid_a_transaction_is_an_error_and_the_next_one_works(
    tmp_path: Path,
) -> None:
    async def tell(database: Database, url: str) -> None:
        other = create_engine(url)
        with other.begin() as connection:
            store(connection, "x")
            waiting = asyncio.create_task(database.run(store, "x"))
            await until_waiting(url)
            assert end_sessions(url, WAITING) == 1
            with pytest.raises(SQLAlchemyError) as caught:
                await waiting
            assert connection_lost(caught.value)
        for _ in range(8):
            assert await database.run(store, "x") is False
        other.dispose()

    story(tmp_path, tell)


def test_a_commit_that_fails_with_its_session_is_not_repeated(tmp_path: Path) -> None:
    attempts = []

    def store_and_lose_the_session(connection: Connection, url: str) -> None:
        attempts.append(1)
        store(connection, "x")
        ((pid,),) = rows(connection, "SELECT pg_backend_pid()")
        end_sessions(url, f"pid = {pid}")

    async def tell(database: Database, url: str) -> None:
        with pytest.raises(SQLAlchemyError) as caught:
            await database.run(store_and_lose_the_session, url)
        assert connection_lost(caught.value)
        assert attempts == [1]

    story(tmp_path, tell)


def test_an_error_leaves_out_the_row_that_postgresql_names(tmp_path: Path) -> None:
    async def tell(database: Database, url: str) -> None:
        await database.run(store, "hush-hush")
        with pytest.raises(SQLAlchemyError) as caught:
            await database.run(lambda c: c.execute(insert(things), {"name": "hush-hush"}))
        error: BaseException | None = caught.value
        assert "duplicate key" in str(error)
        while error is not None:
            assert "hush" not in str(error)
            error = error.__cause__ or error.__context__

    story(tmp_path, tell)


@pytest.mark.parametrize(("durability", "setting"), [("full", "on"), ("normal", "off")])
def test_normal_durability_does_not_wait_for_the_disk(
    tmp_path: Path, durability: str, setting: str
) -> None:
    database = Database(database_url(tmp_path / "x.db"), durability=durability)  # type: ignore[arg-type]
    assert database.run_now(rows, "SHOW synchronous_commit") == [(setting,)]
    asyncio.run(database.close())


def test_a_database_out_of_reach_is_an_error_within_the_limit_of_the_url(tmp_path: Path) -> None:
    database = Database("postgresql://ann:hush@/x?host=/nowhere&connect_timeout=3")
    with pytest.raises(OperationalError) as caught:
        database.run_now(rows, "SELECT 1")
    assert "hush" not in str(caught.value)
    asyncio.run(database.close())
