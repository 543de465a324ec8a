"""Reading a file that a user named: a regular one, and no more of it than is of use.

A named pipe has no end before somebody closes it, a device may have none at all, and what `/proc`
shows has no size: only what is stored on a disk is read.
"""

import os
import stat
from pathlib import Path
from typing import Final

_KINDS: Final = {
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


class NotAFile(Exception):
    """It exists, but is something else; the text says what: `a named pipe`."""


def read_regular(path: Path, most: int) -> bytes:
    """At most so many bytes of a file. Never waits for anybody.

    Raises NotAFile, OSError, and ValueError for what cannot be a path.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        kind = stat.S_IFMT(os.fstat(descriptor).st_mode)
        if kind != stat.S_IFREG:
            raise NotAFile(_KINDS.get(kind, "something else"))
        with open(descriptor, "rb", closefd=False) as file:
            return file.read(most)
    finally:
        os.close(descriptor)  # open() leaves that of a directory open
