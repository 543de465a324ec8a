"""Temporary directories that the next process clears away if theirs was killed.

Such a directory has a locked file in it. The lock goes with its process, however that ends; so a
directory whose lock is free belongs to nobody any more. It is locked before it has the lock's name:
one that is just being made has none, and is left alone.

Only what is surely ours is removed: a directory (no symbolic link) of our names, owned by this user
and closed to all others, with a lock file of this user's that nobody holds.
"""

import contextlib
import fcntl
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_LOCK: Final = ".lock"
_NAME: Final = re.compile(r"airbed-(ca|replay|serve)-[a-z0-9_]{8}", re.ASCII)


class Scratch:
    """A temporary directory, closed to other users. `kind` stands in its name."""

    def __init__(self, kind: str) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix=f"airbed-{kind}-")
        self.path = Path(self._directory.name)
        unnamed = self.path / f"{_LOCK}.new"
        self._lock = os.open(unnamed, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        with contextlib.suppress(OSError):  # no locks here: then nobody clears it away
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            unnamed.rename(self.path / _LOCK)

    def __enter__(self) -> Path:
        return self.path

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Remove it with all that is in it. Once is enough."""
        self._directory.cleanup()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def clear_away_leftovers(parent: Path | None = None) -> int:
    """Remove the directories of killed processes in `parent` (where temporary files are); how many.

    What cannot be looked at or removed stays, without a word: it may be another's.
    """
    removed = 0
    place = Path(tempfile.gettempdir()) if parent is None else parent
    with contextlib.suppress(OSError), _opened(place, os.O_DIRECTORY) as parent_fd:
        for name in os.listdir(parent_fd):
            if _NAME.fullmatch(name):
                with contextlib.suppress(OSError):
                    removed += _remove_if_left(name, parent_fd)
    return removed


def _remove_if_left(name: str, parent_fd: int) -> bool:
    with _opened(name, os.O_DIRECTORY | os.O_NOFOLLOW, parent_fd) as directory:
        about = os.fstat(directory)
        if about.st_uid != os.getuid() or about.st_mode & 0o077:
            return False
        with _opened(_LOCK, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK, directory) as lock:
            held = os.fstat(lock)
            if not stat.S_ISREG(held.st_mode) or held.st_uid != os.getuid():
                return False
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # BlockingIOError: it is in use
            # Another may have removed it between our opening it and our lock.
            named = os.stat(name, dir_fd=parent_fd, follow_symlinks=False)
            if not os.path.samestat(named, about) or not os.path.samestat(
                os.stat(_LOCK, dir_fd=directory, follow_symlinks=False), held
            ):
                return False
            shutil.rmtree(name, dir_fd=parent_fd)  # does not follow symbolic links
            return True


@contextlib.contextmanager
def _opened(path: str | Path, flags: int, dir_fd: int | None = None) -> Iterator[int]:
    descriptor = os.open(path, flags | os.O_CLOEXEC, dir_fd=dir_fd)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
