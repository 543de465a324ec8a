"""Which database a test's server gets: a SQLite file, or with AIRBED_POSTGRES a schema of its own.

AIRBED_POSTGRES is the URL of a PostgreSQL database in which schemas may be created; `make postgres`
starts one for the purpose. A test names its database by the path of a file, in both cases; the
fixture in `conftest.py` drops the schemas when the test is over. Tests about SQLite's own
files (power cuts) do not come here.
"""

import itertools
import os
import secrets
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import ClauseElement, Connection, Engine, create_engine, make_url, text
from sqlalchemy.pool import NullPool

POSTGRES = os.environ.get("AIRBED_POSTGRES")

_process = secrets.token_hex(6)  # drawn now: inside a world it would be every world's
_numbers = itertools.count()
_schemas: dict[Path, str] = {}


def need_postgresql() -> None:
    """Leave out the module that calls this unless its tests will get a PostgreSQL."""
    if POSTGRES is None:
        pytest.skip(
            "needs a PostgreSQL in AIRBED_POSTGRES; make postgres starts one",
            allow_module_level=True,
        )


def database_url(file: Path) -> str:
    """The URL of the database of this name; the same for the same path during one test."""
    if POSTGRES is None:
        return f"sqlite:///{file}"
    if file not in _schemas:
        _schemas[file] = f"airbed_{_process}_{next(_numbers)}"
        _administer(f"CREATE SCHEMA {_schemas[file]}")
    url = make_url(POSTGRES).update_query_dict(
        {"options": f"-csearch_path={_schemas[file]}", "application_name": _schemas[file]}
    )
    return url.render_as_string(hide_password=False)


def sql(url: str, statement: str | ClauseElement, /, **values: Any) -> list[tuple[Any, ...]]:
    """Look into a database, or change it behind a server's back. Returns the rows, if any."""
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        return rows(connection, statement, **values)


def rows(
    connection: Connection, statement: str | ClauseElement, /, **values: Any
) -> list[tuple[Any, ...]]:
    """The same on a connection that the test holds."""
    query = text(statement) if isinstance(statement, str) else statement
    result = connection.execute(query, values)  # type: ignore[call-overload]
    return [tuple(row) for row in result] if result.returns_rows else []


def sessions(url: str, state: str = "true") -> list[int]:
    """The process ids of the sessions that others have on a test's PostgreSQL database; `state`
    is a condition on pg_stat_activity.
    """
    query = (
        "SELECT pid FROM pg_stat_activity WHERE application_name = :name "
        f"AND pid <> pg_backend_pid() AND {state} ORDER BY pid"
    )
    return [pid for (pid,) in sql(url, query, name=make_url(url).query["application_name"])]


WAITING = "wait_event_type = 'Lock'"
"""A state: waiting for another transaction."""


def end_sessions(url: str, state: str = "true") -> int:
    """End these sessions as an administrator does. Returns how many; they are over by then."""
    ended = sessions(url, state)
    for pid in ended:
        # Waits until the session's process is gone.
        assert sql(url, "SELECT pg_terminate_backend(:pid, 10000)", pid=pid) == [(True,)]
    return len(ended)


def drop_schemas() -> None:
    """Forget the databases of a test, whatever servers it left connected to them."""
    while _schemas:
        _, schema = _schemas.popitem()
        _administer(f"DROP SCHEMA {schema} CASCADE")


@cache
def _administration() -> Engine:
    assert POSTGRES is not None
    return create_engine(POSTGRES, isolation_level="AUTOCOMMIT", poolclass=NullPool)


def _administer(statement: str) -> None:
    with _administration().connect() as connection:
        # A test that left a transaction open fails here, instead of waiting for ever.
        connection.exec_driver_sql("SET lock_timeout = '10s'")
        connection.exec_driver_sql(statement)
