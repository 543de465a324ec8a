"""Errors of the machine rather than of Airbed: closed output, a full disk, a missing directory.

The cause is looked for only after an error, by asking the machine again.
"""

import contextlib
import os
import sys
import tempfile
from pathlib import Path

from scenarios.engine.machine import LIMITS


def prepare_streams() -> None:
    """Let whatever is printed be printable, in whatever encoding; a stream that is closed (`>&-`)
    takes it and throws it away, here and in the processes that we start."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        stream = getattr(sys, name)
        if stream is None:
            descriptor = os.open(os.devnull, os.O_RDWR)
            if descriptor != number:
                os.dup2(descriptor, number)
                os.close(descriptor)
            os.set_inheritable(number, True)
            mode = "r" if name == "stdin" else "w"
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def say(text: str) -> None:
    """Print a line on standard error, if it takes one."""
    with contextlib.suppress(OSError):
        print(text, file=sys.stderr, flush=True)


def let_go_of_output() -> str | None:
    """Write out what is still to be printed. What cannot be is thrown away, and with it all that
    is printed from now on; then the answer is why, else None.

    That the reader has gone is no reason to say anything.
    """
    why = None
    for name, stream in (("error", sys.stderr), ("output", sys.stdout)):
        try:
            stream.flush()
        except OSError as error:
            if not isinstance(error, BrokenPipeError):
                why = f"standard {name} cannot be written: {error.strerror}"
            with contextlib.suppress(OSError, ValueError):  # ValueError: it has no descriptor
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    return why


def trouble(error: OSError, runs: Path | None) -> str | None:
    """What the machine or the user did, if that is the reason for an error; else None. `runs` is
    the directory of the records, if the command makes any.
    """
    if (why := let_go_of_output()) is not None:
        return why
    try:
        Path.cwd()
    except OSError:
        return "the current directory does not exist any more: change to another one"
    try:
        tempfile.gettempdir()
    except FileNotFoundError:
        return "no directory for temporary files can be written to: set TMPDIR to one"
    place = f"{error.filename}: " if isinstance(error.filename, str) else ""
    if error.errno in LIMITS:
        return f"{place or 'standard output, or a file: '}{error.strerror}"
    if runs is not None and place and Path(error.filename).is_relative_to(runs):
        return f"{place}{error.strerror}; was {runs} changed meanwhile?"
    return None
