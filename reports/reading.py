"""Reads the record of a finished run: the files of one directory under `runs/`.

Nothing here knows how a run is made; a record is read the same way years later. Times in a
record are integer nanoseconds of virtual time (`t`, names ending in `_ns`).
"""

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

NS_PER_SECOND = 1_000_000_000
FORMAT: Final = 1
"""The format of records that this code reads: `format` in summary.json and manifest.json."""


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
        return cls(path, _read_json(path / "summary.json"))

    @property
    def name(self) -> str:
        """Scenario, cell and seed in one line. Raises NotARecord."""
        try:
            cell = f" [{self.summary['cell']}]" if self.summary["cell"] else ""
            return f"{self.summary['name']}{cell}, seed {self.summary['seed']}"
        except KeyError as error:
            file = self.path / "summary.json"
            raise NotARecord(f"{file} is damaged: it does not say the run's {error}") from error

    def manifest(self) -> dict[str, Any]:
        """How the record was made: versions, machine, hashes of its files. Raises NotARecord."""
        return _read_json(self.path / "manifest.json")

    def events(self) -> Iterator[dict[str, Any]]:
        """The trace, event by event, in the order of virtual time. Raises NotARecord."""
        for number, line in enumerate(self.lines(), start=1):
            yield self.event(line, number)

    def lines(self) -> Iterator[str]:
        """The lines of the trace as they stand there. Raises NotARecord."""
        file = self.path / "trace.jsonl"
        try:
            with file.open(encoding="utf-8") as lines:
                yield from lines
        except (OSError, UnicodeDecodeError) as error:
            raise _unreadable(file, error) from error

    def event(self, line: str, number: int) -> dict[str, Any]:
        """The event in a line of the trace. Raises NotARecord, naming the line."""
        try:
            event = json.loads(line)
        except ValueError:
            event = None
        if not isinstance(event, dict) or not event.keys() >= {"t", "host", "kind"}:
            raise NotARecord(f"{self.path / 'trace.jsonl'}:{number}: this line is not an event")
        return event

    def notifications(self) -> Iterator[dict[str, str]]:
        """The rows of notifications.csv; an empty text where there is no value."""
        with (self.path / "notifications.csv").open(encoding="utf-8", newline="") as rows:
            yield from csv.DictReader(rows)


def _read_json(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _unreadable(file, error) from error
    if not isinstance(content, dict) or "format" not in content:
        raise NotARecord(f"{file} does not say its format: no version of Airbed reads it")
    if content["format"] != FORMAT:
        raise NotARecord(
            f"{file} has format {content['format']!r}; this version of Airbed reads format {FORMAT}"
        )
    return content


def _unreadable(file: Path, error: OSError | ValueError) -> NotARecord:
    if isinstance(error, OSError):
        return NotARecord(f"cannot read {file}: {error.strerror or error}")
    if isinstance(error, json.JSONDecodeError):
        return NotARecord(f"{file} is damaged: from line {error.lineno} on it is no JSON")
    if isinstance(error, UnicodeDecodeError):
        return NotARecord(f"{file} is damaged: it has bytes that are no text (UTF-8)")
    return NotARecord(f"{file} is damaged: {error}")


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
