"""One server process for each database: the second one is refused by a lock.

For SQLite it is an advisory lock (`flock`) on a file beside the database, `<database>.lock`. The
kernel releases it when the process ends in any way. The file stays: removing it would let two in.
It cannot be the database itself, since closing any descriptor of that ends SQLite's own locks.
PostgreSQL and databases in memory are not locked yet: `acquire` returns None.
"""

import fcntl
import os
from pathlib import Path
from typing import IO

from server.database import Database


class DatabaseInUse(Exception):
    """Another process of the same server has the database; the text says which."""


class ExclusiveLock:
    """Held until `release`, or the end of the process."""

    def __init__(self, path: Path, what: str) -> None:
        """Raises DatabaseInUse, and OSError where there can be no such file."""
        # Not through a link: the file is emptied.
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        self._file: IO[str] = open(descriptor, "r+", encoding="ascii", errors="replace")  # noqa: SIM115
        try:
            os.fchmod(descriptor, 0o600)
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = self._file.read(20).strip()
            self._file.close()
            process = f" (process {holder})" if holder.isdecimal() else ""
            raise DatabaseInUse(
                f"another {what}{process} uses this database; two would do everything twice."
                f" Stop it first, or name another database (the lock is {path})"
            ) from None
        except OSError:
            self._file.close()
            raise
        self._file.truncate()
        self._file.write(f"{os.getpid()}\n")
        self._file.flush()

    def release(self) -> None:
        """Let the next one in."""
        self._file.close()


def acquire(database: Database, what: str) -> ExclusiveLock | None:
    """The lock of a database; `what` uses it. Raises as `ExclusiveLock` does."""
    database.engine.connect().close()  # one that cannot be opened is to be explained as such
    path = database.path
    return None if path is None else ExclusiveLock(path.with_name(path.name + ".lock"), what)
