"""Reads the record of a finished run: the files of one directory under `runs/`.

Nothing here knows how a run is made; a record is read the same way years later. Times in a
record are integer nanoseconds of virtual time (`t`, names ending in `_ns`).
"""

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NS_PER_SECOND = 1_000_000_000


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
        file = path / "summary.json"
        try:
            summary = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise NotARecord(f"cannot read {file}: {error}") from error
        return cls(path, summary)

    @property
    def name(self) -> str:
        """Scenario, cell and seed in one line."""
        cell = f" [{self.summary['cell']}]" if self.summary["cell"] else ""
        return f"{self.summary['name']}{cell}, seed {self.summary['seed']}"

    def events(self) -> Iterator[dict[str, Any]]:
        """The trace, event by event, in the order of virtual time."""
        with (self.path / "trace.jsonl").open(encoding="utf-8") as lines:
            for line in lines:
                yield json.loads(line)

    def notifications(self) -> Iterator[dict[str, str]]:
        """The rows of notifications.csv; an empty text where there is no value."""
        with (self.path / "notifications.csv").open(encoding="utf-8", newline="") as rows:
            yield from csv.DictReader(rows)


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
    parts = [(hours, "h"), (minutes, "min"), (rest, "s")]
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
