"""What nobody foresaw, said in the log and in our words.

The interpreter and asyncio print tracebacks, with the texts of errors and the arguments of calls,
and for each connection that finds no descriptor several. Here each becomes one line that tells the
kind of error and its place; being out of descriptors is a line a minute.
"""

import asyncio
import errno
import logging
import sys
import threading
from types import TracebackType
from typing import Any

from server.logs import EventLog, LogStream

_NO_DESCRIPTOR = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


def say_it_in_the_log(name: str) -> None:
    """Send all that this process says to standard error, as lines of JSON."""
    logging.basicConfig(level=logging.INFO, handlers=[LogStream(sys.stderr)])
    logging.captureWarnings(True)
    log = EventLog(name)

    def uncaught(
        kind: type[BaseException], error: BaseException, _trace: TracebackType | None
    ) -> None:
        if not issubclass(kind, KeyboardInterrupt):
            log.failure("unexpected.failure", error)

    sys.excepthook = uncaught
    sys.unraisablehook = lambda what: log.failure("unexpected.failure", what.exc_value)
    threading.excepthook = lambda what: log.failure("unexpected.failure", what.exc_value)


def log_the_unexpected(loop: asyncio.AbstractEventLoop, log: EventLog) -> None:
    """Take over what asyncio would print about a loop."""

    def report(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if isinstance(error, OSError) and error.errno in _NO_DESCRIPTOR:
            log.seldom("descriptors.exhausted", error=errno.errorcode[error.errno])
        else:
            log.failure("unexpected.failure", error)

    loop.set_exception_handler(report)
