"""Directories of unfinished records: hidden, with names of their own, and locked by their maker.

A process that is killed leaves its directory behind. The kernel releases its lock, so the next
command can tell what is abandoned and remove it. On a file system without locks nothing is removed.
"""

import contextlib
import fcntl
import os
import re
import shutil
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Final

SCRATCH: Final = ".scratch"
"""Directory of temporary files of a sweep's workers, beside the records."""
_HIDDEN: Final = re.compile(r"\..+\.[0-9a-f]{12}")
_BEING_MADE: Final = 60.0
"""Wall seconds in which a new directory may have no lock yet."""


def hidden(name: str) -> str:
    """A file name that nobody else has, in this process or another."""
    return f".{name}.{uuid.uuid4().hex[:12]}"


def lock(directory: Path) -> int:
    """Lock a directory for as long as this process lives; a descriptor, to be closed when it has
    its final name. Raises OSError.
    """
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    with contextlib.suppress(OSError):  # no locks here: then it has none
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return descriptor


def remove_abandoned(runs: Path) -> None:
    """Remove what processes that are gone have left below `runs`."""
    for directory in list(_abandoned(runs)):
        shutil.rmtree(directory, ignore_errors=True)


def _abandoned(runs: Path) -> Iterator[Path]:
    for directory in runs.iterdir():
        if _HIDDEN.fullmatch(directory.name) and _is_abandoned(directory):
            yield directory


def _is_abandoned(directory: Path) -> bool:
    try:
        if time.time() - directory.stat().st_mtime < _BEING_MADE:
            return False
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:  # it is gone, or no directory, or not ours
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True
