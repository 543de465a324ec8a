"""Turns the servers' structured logs into events of the trace, while a world runs.

The servers write to the standard library's logging as they do anywhere; a handler takes each
record's event and fields, and the host on whose behalf the code ran. Everything that a server or
its web framework logs as an error (an exception that a request ran into) becomes `server.error`.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sim.kernel.context import current_host
from sim.trace.recorder import Recorder

LOGGERS: Final = ("airnotifier", "moodle", "aiohttp.server", "aiohttp.web", "asyncio")


class _ToTrace(logging.Handler):
    def __init__(self, trace: Recorder) -> None:
        super().__init__(logging.INFO)
        self._trace = trace

    def emit(self, record: logging.LogRecord) -> None:
        host = current_host.get(None)
        name = "engine" if host is None else host.name
        event = getattr(record, "event", None)
        if event is not None:
            self._trace.emit(event, name, **getattr(record, "fields", {}))
        if record.levelno >= logging.ERROR:
            error = record.exc_info[1] if record.exc_info else None
            # Not the message: it may contain what a request contained.
            self._trace.emit("server.error", name, logger=record.name, error=_place(error))


def _place(error: BaseException | None) -> str:
    """The type of an exception and the line that raised it."""
    if error is None:
        return "an error without exception"
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = f" in {trace.tb_frame.f_code.co_qualname}, line {trace.tb_lineno}" if trace else ""
    return f"{type(error).__name__}{where}"


@contextmanager
def logs_in_trace(trace: Recorder) -> Iterator[None]:
    """Within it the servers' logs go into the trace and nowhere else."""
    handler = _ToTrace(trace)
    loggers = [logging.getLogger(name) for name in LOGGERS]
    before = [(logger.level, logger.propagate) for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.INFO)
        logger.propagate = False
        logger.addHandler(handler)
    try:
        yield
    finally:
        for logger, (level, propagate) in zip(loggers, before, strict=True):
            logger.removeHandler(handler)
            logger.setLevel(level)
            logger.propagate = propagate
