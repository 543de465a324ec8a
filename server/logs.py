"""Structured logs of the servers: one JSON object a line, free of tokens and message texts.

A log line names an event and carries a few scalar fields. Who needs to follow one push token
through the logs of several systems uses its reference (`token_ref`), which does not give the
token away.
"""

import hashlib
import json
import logging
from typing import Any

Field = str | int | float | bool | None


def token_ref(token: str) -> str:
    """A short stable name (12 hex digits) for a push token, safe to log: BLAKE2b-48 of its text."""
    return hashlib.blake2b(token.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()


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
        # Not Logger.log(): it walks the stack to find its caller, which an event does not need.
        record = logging.LogRecord(self._logger.name, level, "", 0, event, (), None)
        record.event = event
        record.fields = fields
        self._logger.handle(record)


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
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)
