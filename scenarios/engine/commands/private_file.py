"""A file with secrets in it, where a user wants it: for its owner only, and whole or not there.

It is made beside its place and put there when it is complete. What stands there is replaced if it
is a regular file; a directory, a device or a pipe stays as it is.
"""

import contextlib
import errno
import json
import os
import stat
import uuid
from pathlib import Path
from typing import Any


class NotWritable(Exception):
    """Nothing can be written there; the text says where, and why."""


def make_sure_it_can_be_written(path: Path) -> None:
    """Try it, and leave nothing behind. Raises NotWritable."""
    _make(path, b"").unlink()


def make_directory(path: Path) -> None:
    """A directory for such files, closed to others if it is new. Raises NotWritable."""
    try:
        path.mkdir(0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise _refused(path, error) from error


def write_for_owner(path: Path, content: dict[str, Any]) -> None:
    """Write a JSON file that nobody else can read. Raises NotWritable."""
    write_text_for_owner(path, json.dumps(content, indent=2) + "\n")


def write_text_for_owner(path: Path, text: str) -> None:
    """Write a file that nobody else can read. Raises NotWritable."""
    made = _make(path, text.encode())
    try:
        made.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            made.unlink()
        raise _refused(path, error) from error


def _make(path: Path, content: bytes) -> Path:
    """The complete file, beside its place."""
    made = path.parent / f".{uuid.uuid4().hex}"
    try:
        with contextlib.suppress(FileNotFoundError):
            mode = path.lstat().st_mode  # also says that the name is too long
            if stat.S_ISDIR(mode):
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            if not (stat.S_ISREG(mode) or stat.S_ISLNK(mode)):
                raise NotWritable(f"nothing can be written to {path}: it is no regular file")
        descriptor = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with open(descriptor, "wb") as file:
                file.write(content)
        except OSError:
            with contextlib.suppress(OSError):
                made.unlink()
            raise
    except OSError as error:
        raise _refused(path, error) from error
    return made


def _refused(path: Path, error: OSError) -> NotWritable:
    return NotWritable(f"nothing can be written to {path}: {error.strerror}")
