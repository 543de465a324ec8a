"""Whether an error is about the database, its connection, or the work it was given.

Only in the last case is it worth repeating work alone that shared a transaction with others.
"""

from sqlalchemy.exc import DBAPIError

_BUSY, _LOCKED = 5, 6
_SQLITE = frozenset({_BUSY, _LOCKED, 7, 8, 10, 11, 13, 14, 15, 26})
"""Result codes of SQLite that no other work would escape: busy, locked, out of memory, read-only,
I/O error, corrupt, full, cannot open, locking protocol, not a database. (sqlite3.h)"""
_POSTGRESQL = frozenset({"08", "25", "53", "55", "57", "58", "XX"})
"""Classes of SQLSTATE with the same meaning: connection, transaction state (read-only), resources
(disk full), not in the state required (a lock), operator's intervention, system error, internal
error. (PostgreSQL 15, appendix A)"""


def connection_lost(error: Exception) -> bool:
    """Whether a transaction had no connection, lost it, or failed as a whole and not in one of its
    statements. If that was during the commit, nobody knows whether it has been done.
    """
    return isinstance(error, DBAPIError) and (
        error.connection_invalidated or error.statement is None
    )


def out_of_order(error: Exception) -> bool:
    """Whether the database as a whole refuses: it is locked, full, read-only or damaged."""
    if not isinstance(error, DBAPIError):
        return False
    code = _sqlite_code(error)
    if code is not None:
        return code in _SQLITE
    state = getattr(error.orig, "sqlstate", None)
    return state is not None and state[:2] in _POSTGRESQL


def refused(error: Exception) -> bool:
    """Whether the database answered, and what it said is that it takes no writes."""
    return out_of_order(error) and not getattr(error, "connection_invalidated", False)


def locked(error: Exception) -> bool:
    """Whether somebody else held SQLite's lock for longer than we wait."""
    return isinstance(error, DBAPIError) and _sqlite_code(error) in (_BUSY, _LOCKED)


def _sqlite_code(error: DBAPIError) -> int | None:
    """The primary result code."""
    code = getattr(error.orig, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF
