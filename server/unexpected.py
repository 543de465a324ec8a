"""Unexpected errors as log events, instead of tracebacks.

Tracebacks show the texts of errors, which may be secrets, and asyncio prints several for each
connection that finds no descriptor. Here each error becomes one line with its type and place, and
being out of descriptors or of memory for sockets is one line a minute.
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
