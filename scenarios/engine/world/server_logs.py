"""Turns the servers' structured logs into events of the trace, while a world runs.

In a simulated world the servers log within this process: a handler takes each record's event and
fields, and the host on whose behalf the code ran. In a live world they are processes, and the same
is read from the lines of JSON that they write. Everything that a server or its web framework logs
as an error (an exception that a request ran into) becomes `server.error`.
"""

import json
import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from server.logs import place
from sim.kernel.context import current_host
from sim.trace.recorder import Recorder

LOGGERS: Final = ("airnotifier", "moodle", "aiohttp.server", "aiohttp.web", "asyncio")

_EVENT: Final = re.compile(r"[a-z]+(\.[a-z_]+)+")
_HEAD: Final = ("time", "level", "log", "event")

Told = tuple[str, Mapping[str, Any]]
"""Kind and fields of an event."""


def _told(
    logger: str, level: int, event: str | None, fields: Mapping[str, Any], error: str | None
) -> Iterator[Told]:
    """What the trace says of one log record. `error`: where an exception came from."""
    if event is not None:
        yield event, fields
    if level >= logging.ERROR:
        # Not the message: it may contain what a request contained.
        error = error or fields.get("error") or "an error without exception"
        yield "server.error", {"logger": logger, "error": error}


# -- in this process


class _ToTrace(logging.Handler):
    def __init__(self, trace: Recorder) -> None:
        super().__init__(logging.INFO)
        self._trace = trace

    def emit(self, record: logging.LogRecord) -> None:
        host = current_host.get(None)
        name = "engine" if host is None else host.name
        error = record.exc_info[1] if record.exc_info else None
        event, fields = getattr(record, "event", None), getattr(record, "fields", {})
        for kind, values in _told(record.name, record.levelno, event, fields, place(error)):
            self._trace.emit(kind, name, **values)


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


# -- from another process


def events_of_line(text: bytes) -> list[tuple[float, str, Mapping[str, Any]]] | None:
    """What a line that a server process wrote says: Unix time, kind and fields of each event.

    None if it is no line of a log.
    """
    try:
        line = json.loads(text)
    except ValueError:
        return None
    if not isinstance(line, dict) or not {"time", "level", "log", "event"} <= line.keys():
        return None
    logger, level = str(line["log"]), logging.getLevelName(str(line["level"]).upper())
    named = logger in ("airnotifier", "moodle") and _EVENT.fullmatch(str(line["event"]))
    fields = {name: value for name, value in line.items() if name not in _HEAD}
    if "host" in fields:  # an event's host is the name of the machine; this is where it listens
        fields["address"] = fields.pop("host")
    level = level if isinstance(level, int) else logging.ERROR
    told = _told(logger, level, str(line["event"]) if named else None, fields, None)
    return [(float(line["time"]), kind, values) for kind, values in told]
