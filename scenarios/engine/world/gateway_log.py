"""The log file of an external gateway, on the timeline: its lines become events as they come in.

A line says what it says; nothing is concluded from it. Its event, `gateway.log`, has the moment at
which the line was found, a tenth of a second after it was written at the most: the times in such
logs are whole seconds of some clock. Lines of before are left alone. The file may be cut, or be
replaced by a new one, as a restarted gateway does it.

Such logs are full of what a record must not have (AirNotifier of 2014 writes access keys into each
line about a notification, that of 2013 the message) and may grow by a megabyte a second while a
push service is away. So a line is shortened, what a token or key looks like is hidden, and of a
flood only the beginning of each second is kept, with a count of the rest.
"""

import errno
import json
import os
import re
import stat
from collections.abc import Callable, Collection, Generator
from pathlib import Path
from typing import Any, BinaryIO, Final
from urllib.parse import quote, quote_plus, unquote

import simpy

from devices.tokens import token_ref
from scenarios.engine.leaks import MIN_LENGTH, Secret
from sim.surface import World

POLL: Final = 0.1
"""Seconds between two looks at the file."""
LINES_A_SECOND: Final = 50
LONGEST: Final = 300
"""Characters of a line."""

_READ: Final = 1 << 20
"""Bytes read at a look; what has come in beyond them is counted."""
_WORD: Final = re.compile(r"[A-Za-z0-9_%:-]{16,}")
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\d[T_]?[\d:]*[Z+]?[\d:]*")
_HEX_TOKEN: Final = re.compile(r"[0-9A-Fa-f]{64}")
_LONG_TOKEN: Final = 100
"""Characters of a registration id, at the least."""
_RAISED: Final = re.compile(r"\s{0,4}[A-Za-z_][\w.]*(: .*)?")
"""The last line of a traceback, with the exception, as far as it is indented itself."""


def opened(path: Path) -> BinaryIO:
    """The file, to be read. Raises OSError, also for a pipe, at which one might wait for ever."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is no regular file", str(path))
    return open(descriptor, "rb")


class GatewayLog:
    """Follows the file in a world. `secrets` is asked again for each line: messages and tokens
    come up as a run goes. Raises OSError if the file cannot be read.
    """

    def __init__(
        self, path: Path, world: World, host: str, secrets: Callable[[], Collection[Secret]]
    ) -> None:
        self._path = path
        self._world = world
        self._host = host
        self._secrets = secrets
        self._file: BinaryIO | None = opened(path)
        self._at = self._file.seek(0, os.SEEK_END)
        self._rest = b""
        """A line whose end is not there yet."""
        self._second = -1
        self._shown = 0
        self._left_out = 0

    def follow(self) -> Generator[simpy.Event, Any, None]:
        """Look at it until the world ends."""
        while True:
            yield self._world.env.timeout(POLL)
            self.look()

    def look(self) -> None:
        """Record the lines that have come in."""
        for line in self._new_lines():
            self._take(line)

    def close(self) -> None:
        """Look a last time, and say what was left out."""
        self.look()
        if self._rest:
            self._take(self._rest)
        self._tell_left_out()
        if self._file is not None:
            self._file.close()
            self._file = None

    # -- the file

    def _new_lines(self) -> list[bytes]:
        self._open_again()
        if self._file is None:
            return []
        size = os.fstat(self._file.fileno()).st_size
        if size < self._at:  # it was cut
            self._at, self._rest = 0, b""
        self._file.seek(self._at)
        data = self._file.read(_READ)
        self._at += len(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > _READ:
            lines, self._rest = [*lines, self._rest], b""
        if size > self._at:
            self._left_out += 1 + (size - self._at) // max(1, len(data) // max(1, len(lines)))
            self._at, self._rest = size, b""
        return lines

    def _open_again(self) -> None:
        """If another file has the name by now, that one, from its beginning."""
        try:
            there = self._path.stat()
            if self._file is not None:
                here = os.fstat(self._file.fileno())
                if (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino):
                    return
                self._file.close()
            self._file, self._at, self._rest = opened(self._path), 0, b""
        except OSError:
            return  # none has it; the gateway may make one

    # -- lines

    def _take(self, line: bytes) -> None:
        text = line.decode(errors="replace").rstrip()
        if not text or _is_inside_traceback(text):
            return
        second = int(self._world.env.now)
        if second != self._second:
            self._tell_left_out()
            self._second, self._shown = second, 0
        if self._shown == LINES_A_SECOND:
            self._left_out += 1
            return
        self._shown += 1
        text = self._without_secrets(text)
        cut = text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}\N{HORIZONTAL ELLIPSIS}"
        self._world.trace.emit("gateway.log", self._host, text=cut)

    def _tell_left_out(self) -> None:
        if self._left_out:
            text = f"({self._left_out} more lines, left out)"
            self._left_out = 0
            self._world.trace.emit("gateway.log", self._host, text=text)

    def _without_secrets(self, text: str) -> str:
        for secret in self._secrets():
            if len(secret.text) >= MIN_LENGTH and not _looks_like_token(secret.text):
                for form in _forms(secret.text):
                    text = text.replace(form, f"<{secret.kind}>")
        text = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
        return _WORD.sub(_hidden, text)


def _forms(text: str) -> Collection[str]:
    """How a text may stand in a log: as it is, in an address, in a form, in JSON."""
    return dict.fromkeys((text, quote(text), quote_plus(text), json.dumps(text)[1:-1]))


def _hidden(match: re.Match[str]) -> str:
    """What stands for a long word: a token's reference, as in all events, or nothing of a key."""
    word = match[0]
    if _MOMENT.fullmatch(word) or not re.search("[0-9]", word):
        return word
    if _HEX_TOKEN.fullmatch(word):
        return f"<token {token_ref(word.lower())}>"
    if _looks_like_token(unquote(word)):
        return f"<token {token_ref(unquote(word))}>"
    return "***"


def _looks_like_token(text: str) -> bool:
    return bool(_HEX_TOKEN.fullmatch(text)) or (len(text) >= _LONG_TOKEN and " " not in text)


def _is_inside_traceback(text: str) -> bool:
    if text.lstrip().startswith("Traceback (most recent call last)"):
        return True
    return text[0].isspace() and not _RAISED.fullmatch(text)
