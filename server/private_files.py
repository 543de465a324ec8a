"""Files with secrets are readable for their owner only, independent of the umask."""

import contextlib
import os
from pathlib import Path

_OTHERS = 0o077


def make_private(path: Path) -> None:
    """Create the file with mode 600, or remove other users' rights if it exists.

    A file that exists is not opened: closing a descriptor of a database ends its locks. Errors are
    ignored here; opening the file reports them.
    """
    with contextlib.suppress(OSError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    narrow(path)


def narrow(path: Path) -> None:
    """Remove other users' rights, if the file exists and belongs to us."""
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
