"""The database as both servers use it."""

import pytest
from sqlalchemy import Column, MetaData, String, Table, insert
from sqlalchemy.exc import SQLAlchemyError

from server.database import Database
from server.prepared import Prepared

metadata = MetaData()
things = Table("things", metadata, Column("name", String, unique=True))


@pytest.mark.parametrize("prepared", [False, True])
def test_an_error_of_the_database_does_not_show_the_values(prepared: bool) -> None:
    database = Database("sqlite://")
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
    assert "UNIQUE" in str(caught.value)
    assert "hush" not in str(caught.value)
    database.engine.dispose()
