"""Structured logs of the servers: one JSON object a line, free of tokens and message texts.

A log line names an event and carries a few scalar fields. Who needs to follow one push token
through the logs of several systems uses its reference (`token_ref`), which does not give the
token away.
"""

import hashlib
import json
import logging
from typing import Any

from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web import RequestPayloadError

from server import clock

Field = str | int | float | bool | None


def token_ref(token: str) -> str:
    """A short stable name (12 hex digits) for a push token, safe to log: BLAKE2b-48 of its text."""
    return hashlib.blake2b(token.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()


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

    def event(self, event: str, /, **fields: Field) -> None:
        """Log at INFO: something that the protocol foresees happened."""
        if self._logger.isEnabledFor(logging.INFO):
            self._write(logging.INFO, event, fields)

    def trouble(self, event: str, /, **fields: Field) -> None:
        """Log at WARNING: an operator may have to act."""
        self._write(logging.WARNING, event, fields)

    def _write(self, level: int, event: str, fields: dict[str, Any]) -> None:
        self._logger.handle(EventRecord(self._logger.name, level, event, fields))


_NO_HTTP = (HttpProcessingError, RequestPayloadError)
"""With which aiohttp says that a client sent something else."""


class JsonFormatter(logging.Formatter):
    """Formats a record as one line of JSON: time (Unix seconds), level, log name, event, fields."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": round(record.created, 6),
            "level": record.levelname.lower(),
            "log": record.name,
            "event": getattr(record, "event", record.getMessage()),
        }
        line.update(getattr(record, "fields", {}))
        if record.exc_info and isinstance(record.exc_info[1], _NO_HTTP):
            # Its text shows what the client sent, a key perhaps, and where in aiohttp says nothing.
            line["error"] = type(record.exc_info[1]).__name__
        elif record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)
