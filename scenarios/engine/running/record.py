"""Writes the record of a run: one directory from which every report can be made again.

    trace.jsonl         every event, as it happened
    notifications.csv   a row per notification: its fate and the times of its hops
    metrics.csv         what was measured: name, unit, value
    summary.json        steps, fates, invariants, verdict
    scenario.yaml       the scenario's file as it was
    junit.xml, timeline.html
    manifest.json       how it was made: versions, machine, wall-clock times, hashes of the rest

All but the manifest follow from the scenario and the seed alone, byte for byte. While the run goes
on the directory has a name of its own that starts with a dot, so that runs of one scenario do not
meet; it gets its final name, with the first digits of the wire digest, when it is complete. A
record of the same run is replaced; one of another scenario that has the name already is not, and
the new one gets the first digits of its scenario's hash, too. A live run follows from more than
that: its record has the moment of its start in the place of the digest.
"""

import csv
import errno
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from reports.junit import junit_xml
from reports.reading import FORMAT, NotARecord, Record
from reports.timeline import write_timeline
from scenarios.engine.format.models import Scenario
from scenarios.engine.ledger.losses import reason_of
from scenarios.engine.ledger.notifications import Copy, Notification
from scenarios.engine.running.unfinished import hidden, lock
from scenarios.engine.version import airbed_version
from sim.trace.recorder import Event, line_of

STATE: Final = "state"
"""Directory below the record for the servers' databases and keys; gone when the run is over."""

_PACKAGES: Final = (
    "aiohttp", "argon2-cffi", "cryptography", "faker", "httptools", "jinja2", "pydantic",
    "ruamel.yaml", "simpy", "sqlalchemy",
)  # fmt: skip

_COLUMNS: Final = (
    "number", "origin", "message", "device", "user", "push", "provider", "token_ref", "phone",
    "fate", "reading", "reason", "attempts", "copies", "duplicates",
    "created_ns", "accepted_ns", "dispatched_ns", "vendor_accepted_ns", "sent_ns",
    "received_ns", "displayed_ns", "read_ns", "completed_ns",
)  # fmt: skip


class RecordWriter:
    """The record of one run, from its first event to its manifest."""

    def __init__(self, runs: Path, name: str, seed: int) -> None:
        """`name` is scenario and cell, fit for a file name. Raises OSError."""
        self._runs = runs
        self._name = f"{name}-{seed}"
        self.path = runs / hidden(self._name)
        """Where it is made."""
        self.state = self.path / STATE
        self.state.mkdir(parents=True)
        self._lock: int | None = lock(self.path)
        self._trace = (self.path / "trace.jsonl").open("w", encoding="utf-8")

    def trace(self, event: Event) -> None:
        """Write the next event."""
        self._trace.write(line_of(event))
        self._trace.write("\n")

    def end_trace(self) -> None:
        """The world is over: no event will follow, and the servers' files are not needed."""
        self._trace.close()
        shutil.rmtree(self.state, ignore_errors=True)

    def write_measures(
        self,
        notifications: Iterable[Notification],
        metrics: Iterable[tuple[str, str, float]],
    ) -> None:
        """Write the two tables."""
        with (self.path / "notifications.csv").open("w", encoding="utf-8", newline="") as file:
            rows = csv.writer(file, lineterminator="\n")
            rows.writerow(_COLUMNS)
            rows.writerows(_row(notification) for notification in notifications)
        with (self.path / "metrics.csv").open("w", encoding="utf-8", newline="") as file:
            rows = csv.writer(file, lineterminator="\n")
            rows.writerow(("name", "unit", "value"))
            rows.writerows((name, unit, f"{value:.9g}") for name, unit, value in metrics)

    @property
    def searched_for_leaks(self) -> Sequence[Path]:
        """The files written so far. Manifest and scenario are not among them: the scenario's
        own texts stand there."""
        return [self.path / name for name in ("trace.jsonl", "notifications.csv", "metrics.csv")]

    def write_scenario(self, text: str) -> None:
        """Keep the text of the scenario file, from which the run can be repeated."""
        (self.path / "scenario.yaml").write_text(text, encoding="utf-8", newline="")

    def finish(self, summary: Mapping[str, Any], manifest: Mapping[str, Any]) -> Path:
        """Write the rest, give the directory its name and return its path."""
        _write_json(self.path / "summary.json", summary)
        record = Record.read(self.path)
        (self.path / "junit.xml").write_text(junit_xml([record.summary]), encoding="utf-8")
        write_timeline(record)
        hashes = {
            file.name: hashlib.sha256(file.read_bytes()).hexdigest()
            for file in sorted(self.path.iterdir())
        }
        _write_json(self.path / "manifest.json", {**manifest, "sha256": hashes})
        digits = summary["wire_digest"][:8] or f"live-{_moment(manifest['started'])}"
        final = self._runs / f"{self._name}-{digits}"
        if not _may_replace(final, summary["file"], hashes["scenario.yaml"]):
            final = final.with_name(f"{final.name}-{hashes['scenario.yaml'][:8]}")
        _put_in_place(self.path, final)
        self._unlock()
        return final

    def discard(self) -> None:
        """Leave nothing behind: the run did not come to an end. A finished record stays."""
        self._trace.close()
        shutil.rmtree(self.path, ignore_errors=True)
        self._unlock()

    def _unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def unwritable(runs: Path) -> str | None:
    """Why no records can be made in a directory, with its name; None if they can."""
    probe = runs / hidden("probe")
    try:
        probe.mkdir(parents=True)
        probe.rmdir()
    except OSError as error:
        return f"no records can be written to {runs}: {error.strerror}"
    return None


def _may_replace(final: Path, file: str, text_hash: str) -> bool:
    """Whether a record may take the place of what has its name: one of the same file or text.

    Files of the same name in different directories may say the same on the wire.
    """
    try:
        there = Record.read(final)
        same_text = there.manifest()["sha256"]["scenario.yaml"] == text_hash
    except (NotARecord, KeyError, TypeError):  # nothing, or nothing worth keeping
        return True
    return same_text or there.summary.get("file") == file


def _put_in_place(path: Path, final: Path) -> None:
    """Rename a directory; what has that name makes room. Others may do the same meanwhile."""
    while True:
        try:
            path.rename(final)
            return
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
        old = final.with_name(hidden(final.name))
        try:
            final.rename(old)
        except FileNotFoundError:
            continue  # another run has just taken it away
        shutil.rmtree(old, ignore_errors=True)


def provenance() -> dict[str, Any]:
    """What the manifest says of code and machine; the same for all runs of a process."""
    return {
        "format": FORMAT,
        "airbed": airbed_version(),
        "git": checkout_state(Path(__file__).parent),
        "python": platform.python_version(),
        "packages": {name: metadata.version(name) for name in _PACKAGES},
        "machine": {
            "host": platform.node(),
            "system": platform.platform(),
            "processor": platform.machine(),
        },
        "arguments": _without_keys(sys.argv[1:]),
    }


def _moment(iso: str) -> str:
    """2026-01-31T12:00:00.5+00:00 as 20260131T120000."""
    return iso[:19].replace("-", "").replace(":", "")


def _without_keys(arguments: Sequence[str]) -> list[str]:
    """A command line, access keys left out, also where another option repeats one."""
    keys = [os.environ.get(f"AIRBED_GATEWAY_{who}_KEY", "") for who in ("APP", "SITE")]
    for place, argument in enumerate(arguments):
        option, equals, value = argument.partition("=")
        if option.startswith("--gateway-") and option.endswith("-key"):
            keys.append(value if equals else "".join(arguments[place + 1 : place + 2]))
    shown = list(arguments)
    for key in filter(None, keys):
        shown = [argument.replace(key, "<key>") for argument in shown]
    return shown


def resolved(scenario: Scenario) -> dict[str, Any]:
    """A scenario as its manifest has it: defaults filled in, quantities in their one unit."""
    return scenario.model_dump(mode="json", by_alias=True, exclude_none=True)


def scenario_hash(scenario: Mapping[str, Any]) -> str:
    """SHA-256 of a resolved scenario, independent of how its file is written."""
    text = json.dumps(scenario, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def checkout_state(here: Path) -> dict[str, Any] | None:
    """The commit of the checkout that a directory is in, and whether a file of it is changed
    (`dirty`); None if it is in none.
    """

    def ask(*arguments: str) -> str:
        command = ["git", "-C", str(here), *arguments]
        answer = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
        return answer.stdout.strip()

    try:
        commit = ask("rev-parse", "HEAD")
        # Files that git does not know are mostly users' own scenarios.
        changed = ask("status", "--porcelain", "--untracked-files=no")
        return {"commit": commit, "dirty": bool(changed)}
    except (OSError, subprocess.SubprocessError):
        return None


def _row(notification: Notification) -> list[Any]:
    copy = _foremost(notification.copies)
    return [
        notification.number, notification.origin, notification.message, notification.device,
        notification.user, notification.push, notification.provider, notification.token_ref,
        copy.phone if copy else None, notification.fate, notification.reading,
        reason_of(notification), notification.attempts, len(notification.copies),
        notification.duplicates, notification.created, notification.accepted,
        notification.dispatched, *(
            (copy.accepted, copy.sent, copy.received, copy.displayed, copy.read_at)
            if copy else (None,) * 5
        ),
        notification.completed,
    ]  # fmt: skip


def _foremost(copies: Sequence[Copy]) -> Copy | None:
    """The copy that reached a phone first; the first one if none did."""
    received = [copy for copy in copies if copy.received is not None]
    if received:
        return min(received, key=lambda copy: copy.received or 0)
    return copies[0] if copies else None


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    text = json.dumps(content, indent=2, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")
