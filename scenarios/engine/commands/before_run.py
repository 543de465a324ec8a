"""`airbed run --before-run CMD`: a command of the user's that resets an external gateway.

It may start the gateway and leave it running. So what it prints goes to a file rather than a pipe,
which would stay open as long as the gateway has it.
"""

import contextlib
import os
import shlex
import signal
import subprocess
import tempfile
import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import BinaryIO, Final

from scenarios.engine.world.foreign_gateway import GatewayUnreachable, make_sure_it_answers
from scenarios.engine.world.stage import ForeignGateway

LIMIT: Final = 120.0
"""Wall seconds for the command: to stop a server, empty its database and start it again."""

ANSWER_LIMIT: Final = 60.0
"""Wall seconds for the gateway to answer after it."""

_PAUSE: Final = 0.2
_SHOWN: Final = 2000
"""Bytes of the end of what it printed, for a message."""
_LINES: Final = 10


class ResetFailed(Exception):
    """The command did not do what it is for; the text says how it ended and what it printed."""


@dataclass(frozen=True, slots=True)
class BeforeRun:
    """`command` is a line for the shell. `private`: what must not be shown of its output."""

    command: str
    private: Collection[str] = ()
    limit: float = LIMIT

    def __call__(self) -> None:
        """Run it to its end. Raises ResetFailed."""
        began = time.monotonic()
        with tempfile.TemporaryFile() as output:
            process = subprocess.Popen(
                ["/bin/sh", "-c", self.command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                code = process.wait(self.limit)
            except subprocess.TimeoutExpired:
                _end(process)
                raise ResetFailed(
                    self._told(f"did not end within {self.limit:g} s and was killed", output)
                ) from None
            except BaseException:
                _end(process)
                raise
            if code:
                how = f"ended with exit code {code}" if code > 0 else f"was ended by signal {-code}"
                took = time.monotonic() - began
                raise ResetFailed(self._told(f"{how} after {took:.1f} s", output))

    def _told(self, how: str, output: BinaryIO) -> str:
        size = output.seek(0, os.SEEK_END)
        output.seek(max(0, size - _SHOWN))
        said = output.read(_SHOWN).decode(errors="replace").strip()
        shown = shlex.quote(self.command)
        said, shown = without_keys(said, self.private), without_keys(shown, self.private)
        lines = [_printable(line) for line in said.splitlines()[-_LINES:]]
        told = "\n    ".join(["; it printed:", *lines]) if lines else "; it printed nothing"
        return f"--before-run {_printable(shown)} {how}{told}"


def without_keys(text: str, keys: Iterable[str]) -> str:
    """The text with `<key>` for each of these access keys."""
    for key in keys:
        text = text.replace(key, "<key>")
    return text


def wait_until_it_answers(gateway: ForeignGateway, limit: float = ANSWER_LIMIT) -> None:
    """A gateway that has just been started needs a moment. Raises GatewayUnreachable."""
    deadline = time.monotonic() + limit
    while True:
        try:
            make_sure_it_answers(gateway)
        except GatewayUnreachable:
            if time.monotonic() > deadline:
                raise
            time.sleep(_PAUSE)
        else:
            return


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Kill it with all that it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _printable(line: str) -> str:
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in line)
