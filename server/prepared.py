"""SQL statements compiled once and run on the driver's cursor.

Written for the path of a message, where SQLAlchemy's execution and result objects would cost more
than the database does. A statement is still an ordinary SQLAlchemy Core one, compiled for the
dialect of the connection it meets first; values go to the driver as they are, so this is for
columns of numbers and text only. Lists of alternatives (`IN`) cannot be prepared.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ClauseElement, Connection
from sqlalchemy.exc import DatabaseError


class Prepared:
    """One statement with named bind parameters, for use inside a transaction of `Database`."""

    def __init__(self, statement: ClauseElement) -> None:
        self._statement = statement
        self._compiled: dict[str, tuple[str, Sequence[str] | None, dict[str, Any]]] = {}

    def rows(self, connection: Connection, **values: Any) -> list[tuple[Any, ...]]:
        """Run it and return all rows."""
        rows: list[tuple[Any, ...]] = self._execute(connection, values).fetchall()
        return rows

    def first(self, connection: Connection, **values: Any) -> tuple[Any, ...] | None:
        """Run it and return the first row, if there is one."""
        row: tuple[Any, ...] | None = self._execute(connection, values).fetchone()
        return row

    def run(self, connection: Connection, **values: Any) -> None:
        """Run it for its effect."""
        self._execute(connection, values)

    def run_many(self, connection: Connection, rows: Iterable[Mapping[str, Any]]) -> None:
        """Run it once per row of values."""
        sql, order, constants = self._for(connection)
        bound: Any = [_bind(order, constants, row) for row in rows]
        cursor = connection.connection.cursor()
        try:
            cursor.executemany(sql, bound)
        except connection.dialect.loaded_dbapi.Error as error:
            raise DatabaseError(sql, None, error) from error

    def _execute(self, connection: Connection, values: Mapping[str, Any]) -> Any:
        sql, order, constants = self._for(connection)
        cursor = connection.connection.cursor()
        try:
            cursor.execute(sql, _bind(order, constants, values))
        except connection.dialect.loaded_dbapi.Error as error:
            # Without the values: they may be tokens and texts, and errors are logged.
            raise DatabaseError(sql, None, error) from error
        return cursor

    def _for(self, connection: Connection) -> tuple[str, Sequence[str] | None, dict[str, Any]]:
        name = connection.dialect.name
        if name not in self._compiled:
            compiled = self._statement.compile(dialect=connection.dialect)
            constants = {key: value for key, value in compiled.params.items() if value is not None}
            order = getattr(compiled, "positiontup", None)
            self._compiled[name] = (str(compiled), order, constants)
        return self._compiled[name]


def _bind(
    order: Sequence[str] | None, constants: dict[str, Any], values: Mapping[str, Any]
) -> Sequence[Any] | Mapping[str, Any]:
    merged = {**constants, **values} if constants else values
    return merged if order is None else [merged[name] for name in order]
