"""Structured logs of the servers: one JSON object a line, free of tokens and message texts.

A log line names an event and carries a few scalar fields. To follow one push token through the
logs of several systems, use its reference (`token_ref`), which does not give the token away.

What libraries log may quote what a peer sent. Of such a record a line tells where in the code it
comes from and the kind of error, and never its text; the same goes for exceptions of our own.
"""

import hashlib
import json
import logging
from typing import Any, TextIO

from server import clock

Field = str | int | float | bool | None

SELDOM = 60.0
"""Seconds between two lines about something that peers can trigger as often as they like."""


def token_ref(token: str) -> str:
    """A short stable name (12 hex digits) for a push token, safe to log: BLAKE2b-48 of its text."""
    return hashlib.blake2b(token.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()


def place(error: BaseException | None) -> str | None:
    """The type of an exception and the line that raised it: all that a log may tell of it."""
    if error is None:
        return None
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = f" in {trace.tb_frame.f_code.co_name}, line {trace.tb_lineno}" if trace else ""
    return f"{type(error).__name__}{where}"


_NOT_ASKED: dict[str, Any] = {
    **dict.fromkeys(("pathname", "filename", "module", "funcName"), ""),
    **dict.fromkeys(("thread", "threadName", "process", "processName", "taskName")),
    **dict.fromkeys(("exc_info", "exc_text", "stack_info")),
    "lineno": 0,
    "args": (),
    "relativeCreated": 0.0,
}


class EventRecord(logging.LogRecord):
    """A log record of an event: without the place in the code, the thread and the process, which
    cost more to find out than the rest of the event.
    """

    def __init__(self, name: str, level: int, event: str, fields: dict[str, Any]) -> None:
        # Into the dictionary: formatters take their values from there.
        self.__dict__.update(_NOT_ASKED)
        self.name = name
        self.levelno = level
        self.levelname = logging.getLevelName(level)
        self.msg = self.event = event
        self.fields = fields
        self.created = clock.now()
        self.msecs = self.created % 1 * 1000


class EventLog:
    """Writes named events with fields to a standard library logger.

    >>> log = EventLog("airnotifier")
    >>> log.event("push.accepted", push=7, app="moodle")

    The record carries the fields as `record.event` (str) and `record.fields` (dict), so a handler
    can take them without parsing text.
    """

    def __init__(self, name: str) -> None:
        self._logger = logging.getLogger(name)
        self._quiet: dict[str, tuple[float, int]] = {}
        """Until when (monotonic) an event is not logged again, and how often it was not."""

    def event(self, event: str, /, **fields: Field) -> None:
        """Log at INFO: something that the protocol foresees happened."""
        if self._logger.isEnabledFor(logging.INFO):
            self._write(logging.INFO, event, fields)

    def trouble(self, event: str, /, **fields: Field) -> None:
        """Log at WARNING: an operator may have to act."""
        self._write(logging.WARNING, event, fields)

    def failure(self, event: str, /, error: BaseException | None, **fields: Field) -> None:
        """Log at ERROR: something that must not happen did. Of the error only its `place`."""
        self._write(logging.ERROR, event, {"error": place(error), **fields})

    def seldom(self, event: str, /, **fields: Field) -> None:
        """Log at WARNING, at most once in `SELDOM` seconds, with the number of times that were not
        logged since the last line (`unlogged`)."""
        now = clock.monotonic()
        until, unlogged = self._quiet.get(event, (now, 0))
        if now < until:
            self._quiet[event] = until, unlogged + 1
            return
        self._quiet[event] = now + SELDOM, 0
        self._write(logging.WARNING, event, {**fields, "unlogged": unlogged})

    def _write(self, level: int, event: str, fields: dict[str, Any]) -> None:
        self._logger.handle(EventRecord(self._logger.name, level, event, fields))


class JsonFormatter(logging.Formatter):
    """Formats a record as one line of JSON: time (Unix seconds), level, log name, event, fields.

    A record that is no event becomes `library.message`.
    """

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": round(record.created, 6),
            "level": record.levelname.lower(),
            "log": record.name,
            "event": getattr(record, "event", "library.message"),
        }
        if "event" in record.__dict__:
            line.update(record.__dict__["fields"])
        else:
            line["where"] = f"{record.module}, line {record.lineno}"
            line["error"] = place(record.exc_info[1]) if record.exc_info else None
        return json.dumps(line, ensure_ascii=False)


class LogStream(logging.StreamHandler[TextIO]):
    """Writes lines to a stream. Lines that cannot be written (a full disk) are counted; when that
    works again, `log.lost` comes first and says how many are missing."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self.setFormatter(JsonFormatter())
        self._lost = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line, or count it."""
        try:
            if self._lost:
                note = EventRecord(record.name, logging.WARNING, "log.lost", {"lines": self._lost})
                self._write(note)
                self._lost = 0
            self._write(record)
        except (OSError, ValueError):
            self._lost += 1

    def _write(self, record: logging.LogRecord) -> None:
        self.stream.write(self.format(record) + self.terminator)
        self.stream.flush()
