"""Files that hold secrets are for their owner's eyes, whatever the umask says."""

import contextlib
import os
from pathlib import Path

_OTHERS = 0o077


def make_private(path: Path) -> None:
    """Create the file for its owner if it is not there, take everybody else's rights if it is.

    The file is not opened if it exists: closing a descriptor of a database ends its locks. What
    cannot be done is left to whoever opens the file.
    """
    with contextlib.suppress(OSError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    narrow(path)


def narrow(path: Path) -> None:
    """Take everybody's rights but the owner's, where the file exists and is ours."""
    with contextlib.suppress(OSError):
        mode = path.stat().st_mode
        if mode & _OTHERS:
            path.chmod(mode & 0o7777 & ~_OTHERS)


def readable_by_others(path: Path) -> bool:
    """Whether anybody but the owner may read or change the file."""
    try:
        return bool(path.stat().st_mode & _OTHERS)
    except OSError:
        return False
