"""The database as both servers use it."""

import asyncio
import sys
from pathlib import Path

import pytest
from sqlalchemy import Column, MetaData, String, Table, insert
from sqlalchemy.exc import SQLAlchemyError

from server.database import Database, DatabaseUnusable, Number
from server.prepared import Prepared
from tests.databases import database_url, sql

metadata = MetaData()
things = Table("things", metadata, Column("name", String, unique=True))


@pytest.mark.parametrize("prepared", [False, True])
def test_an_error_of_the_database_does_not_show_the_values(tmp_path: Path, prepared: bool) -> None:
    database = Database(database_url(tmp_path / "x.db"))
    statement = insert(things)

    def work(connection):
        metadata.create_all(connection)
        for _ in range(2):
            if prepared:
                Prepared(statement.values(name="x")).run(connection, name="hush-hush")
            else:
                connection.execute(statement, {"name": "hush-hush"})

    with pytest.raises(SQLAlchemyError) as caught:
        database.run_now(work)
    assert "unique" in str(caught.value).lower()
    assert "hush" not in str(caught.value)
    database.engine.dispose()


@pytest.mark.parametrize("scheme", ["postgresql", "postgresql+psycopg"])
def test_a_driver_that_is_missing_is_named_with_the_extra_that_has_it(
    monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(DatabaseUnusable) as caught:
        Database(f"{scheme}://ann:hush@db/x")
    assert "psycopg" in str(caught.value)
    assert "pip install 'airbed[postgres]'" in str(caught.value)
    assert "hush" not in str(caught.value)


def test_a_database_of_an_earlier_version_gets_the_new_columns(tmp_path: Path) -> None:
    url = database_url(tmp_path / "x.db")
    before = MetaData()
    Table("things", before, Column("name", String(8), primary_key=True))
    database = Database(url)
    database.create(before)
    sql(url, "insert into things values ('old')")
    now = MetaData()
    Table(
        "things",
        now,
        Column("name", String(8), primary_key=True),
        Column("count", Number, nullable=False, server_default="0"),
        Column("note", String(8)),
    )
    for _ in range(2):  # the second time there is nothing left to do
        database.create(now)
        assert sql(url, 'select name, "count", note from things') == [("old", 0, None)]
    sql(url, "insert into things (name) values ('new')")
    assert sql(url, "select sum(count) from things where name = 'new'") == [(0,)]
    asyncio.run(database.close())
