"""Reads the record of a finished run: the files of one directory under `runs/`.

Nothing here knows how a run is made; a record is read the same way years later. Times in a
record are integer nanoseconds of virtual time (`t`, names ending in `_ns`).
"""

import csv
import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TextIO

from pydantic import BaseModel, ValidationError

from reports.record_files import MAX_TIME, Manifest, Summary

NS_PER_SECOND = 1_000_000_000
FORMAT: Final = 1
"""The format of records that this code reads: `format` in summary.json and manifest.json."""
MAX_JSON: Final = 64 * 2**20
"""Bytes of summary.json and manifest.json."""
MAX_LINE: Final = 2**20
"""Characters of a line of the trace."""
MAX_DEPTH: Final = 50
"""Lists and mappings within each other, in a JSON file."""


class NotARecord(Exception):
    """The directory is not the record of a run; the message names the file and what is wrong."""


@dataclass(frozen=True, slots=True)
class Record:
    """One run's record. `summary` is `summary.json`: names, steps, fates, invariants, verdict."""

    path: Path
    summary: dict[str, Any]

    @classmethod
    def read(cls, path: Path) -> "Record":
        """Open a record. Raises NotARecord."""
        if not path.is_dir():
            raise NotARecord(f"{path}: there is no such record; a record is a directory")
        if not any((path / name).exists() for name in ("summary.json", "manifest.json")):
            raise NotARecord(f"{path}: this is no record of a run: those have a summary.json")
        return cls(path, _read_json(path / "summary.json", Summary))

    @property
    def name(self) -> str:
        """Scenario, cell and seed in one line."""
        cell = f" [{self.summary['cell']}]" if self.summary["cell"] else ""
        return f"{self.summary['name']}{cell}, seed {self.summary['seed']}"

    def manifest(self) -> dict[str, Any]:
        """How the record was made: versions, machine, hashes of its files. Raises NotARecord."""
        return _read_json(self.path / "manifest.json", Manifest)

    def events(self) -> Iterator[dict[str, Any]]:
        """The trace, event by event, in the order of virtual time. Raises NotARecord."""
        for number, line in enumerate(self.lines(), start=1):
            yield self.event(line, number)

    def lines(self) -> Iterator[str]:
        """The lines of the trace as they stand there. Raises NotARecord."""
        file = self.path / "trace.jsonl"
        try:
            with open_regular(file) as lines:
                while line := lines.readline(MAX_LINE + 1):
                    if len(line) > MAX_LINE:
                        raise NotARecord(f"{file} is damaged: a line of it has no end")
                    yield line
        except (OSError, UnicodeDecodeError) as error:
            raise _unreadable(file, error) from error

    def event(self, line: str, number: int) -> dict[str, Any]:
        """The event in a line of the trace. Raises NotARecord, naming the line."""
        try:
            event = _parsed(line)
        except (ValueError, RecursionError):
            event = None
        if not _is_event(event):
            raise NotARecord(f"{self.path / 'trace.jsonl'}:{number}: this line is not an event")
        return dict(event)

    def notifications(self) -> Iterator[dict[str, str]]:
        """The rows of notifications.csv; empty texts for no value. Raises NotARecord."""
        file = self.path / "notifications.csv"
        try:
            with open_regular(file, newline="") as rows:
                for row in csv.DictReader(rows):
                    if None in row or None in row.values():
                        raise NotARecord(f"{file} is damaged: a row of it is not complete")
                    yield row
        except (OSError, UnicodeDecodeError) as error:
            raise _unreadable(file, error) from error
        except csv.Error as error:
            raise NotARecord(f"{file} is damaged: {error}") from error


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """While it lasts, what is missing in the events and rows of a record, or of another kind than
    it has to be, raises NotARecord.
    """
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
        what = " ".join(str(error).split())
        raise NotARecord(f"{path} is damaged: {type(error).__name__}: {what}") from error


def open_regular(file: Path, newline: str | None = None) -> TextIO:
    """A file of a record, to be read as text. Raises OSError; NotARecord for a pipe or a device,
    at which one might wait for ever.
    """
    descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NotARecord(f"{file}: this is not a regular file")
    return open(descriptor, encoding="utf-8", newline=newline)


def _is_event(event: Any) -> bool:
    return (
        isinstance(event, dict)
        and isinstance(event.get("host"), str)
        and isinstance(event.get("kind"), str)
        and type(event.get("t")) is int
        and 0 <= event["t"] <= MAX_TIME
        and not any(isinstance(value, dict | list) for value in event.values())
    )


def _read_json(file: Path, model: type[BaseModel]) -> dict[str, Any]:
    try:
        with open_regular(file) as text:
            written = text.read(MAX_JSON + 1)
        if len(written) > MAX_JSON:
            raise NotARecord(f"{file} is damaged: it is larger than {MAX_JSON >> 20} MiB")
        content = _parsed(written)
    except (OSError, ValueError) as error:
        raise _unreadable(file, error) from error
    except RecursionError as error:
        raise NotARecord(f"{file} is damaged: it is nested too deep") from error
    if not isinstance(content, dict) or "format" not in content:
        raise NotARecord(f"{file} does not say its format: no version of Airbed reads it")
    if type(content["format"]) is not int or content["format"] != FORMAT:
        raise NotARecord(
            f"{file} has format {_short(content['format'])}; this version of Airbed reads format"
            f" {FORMAT}"
        )
    if _is_deep(content):
        raise NotARecord(f"{file} is damaged: it is nested too deep")
    try:
        model.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        wrong = "is missing" if first["type"] == "missing" else "is not what Airbed writes there"
        raise NotARecord(f"{file} is damaged: {place} {wrong}") from error
    return content


def _parsed(text: str) -> Any:
    """Raises ValueError, also for texts that no file could hold; RecursionError."""
    content = json.loads(text)
    if "\\ud" in text.lower():
        json.dumps(content, ensure_ascii=False).encode()
    return content


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 30 else f"{text[:30]}..."


def _is_deep(content: Any) -> bool:
    level = [content]
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for each in level
            for inner in (each.values() if isinstance(each, dict) else each)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return False
    return True


def _unreadable(file: Path, error: OSError | ValueError) -> NotARecord:
    if isinstance(error, OSError):
        return NotARecord(f"cannot read {file}: {error.strerror or error}")
    if isinstance(error, json.JSONDecodeError):
        return NotARecord(f"{file} is damaged: from line {error.lineno} on it is no JSON")
    if isinstance(error, UnicodeDecodeError):
        return NotARecord(f"{file} is damaged: it has bytes that are no text (UTF-8)")
    return NotARecord(f"{file} is damaged: {error}")


def clock_of(summary: dict[str, Any]) -> str:
    """What kind of time a run's times are, for people."""
    return "real time" if summary["mode"] == "live" else "virtual time"


def seconds(ns: int | None) -> str:
    """A virtual time for people, with its unit: `350 µs`, `12.4 ms`, `1.53 s`, `2 min 5 s`."""
    if ns is None:
        return "-"
    if ns == 0:
        return "0 s"
    if ns < 1_000_000:
        return f"{_three_digits(ns / 1_000)} µs"
    if ns < NS_PER_SECOND:
        return f"{_three_digits(ns / 1_000_000)} ms"
    if ns < 60 * NS_PER_SECOND:
        return f"{_three_digits(ns / NS_PER_SECOND)} s"
    minutes, rest = divmod(round(ns / NS_PER_SECOND), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [(days, "d"), (hours, "h"), (minutes, "min"), (rest, "s")]
    return " ".join(f"{value} {unit}" for value, unit in parts if value)


def clock(ns: int) -> str:
    """A point in virtual time, always as exact: `2.296 s`, `20:03.250` (minutes), `1:00:02.000`."""
    milliseconds = round(ns / 1_000_000)
    if milliseconds < 60_000:
        return f"{milliseconds / 1000:.3f} s"
    minutes, rest = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    text = f"{minutes:02}:{rest / 1000:06.3f}"
    return f"{hours}:{text}" if hours else text.removeprefix("0")


def _three_digits(value: float) -> str:
    decimals = 0 if value >= 100 else 1 if value >= 10 else 2
    text = f"{value:.{decimals}f}"
    return text.rstrip("0").rstrip(".") if decimals else text
