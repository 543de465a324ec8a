"""Opens the record of a run so that the run can be repeated, and stops a repetition on the way.

The record has the scenario's text, the cell and the seed; nothing else decides a run but the
code. Another version of Airbed may decide differently, so its records are refused; other versions
of packages or of Python should not, so they are only told.
"""

import hashlib
import shlex
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from reports.reading import NotARecord, Record, open_regular
from scenarios.engine.format.loader import Cell, ScenarioFile, load
from scenarios.engine.running.context import Context
from scenarios.engine.running.event_conditions import EventCondition
from scenarios.engine.running.record import provenance, resolved, scenario_hash
from scenarios.engine.running.results import Section
from scenarios.engine.running.state import event_line, state_of
from sim.trace.recorder import Event

REPEATABLE: Final = "simulated"
"""The mode of runs that can be repeated."""

LAST_EVENTS: Final = 10
"""Shown where a repetition stops."""

_NEEDED: Final = ("scenario.yaml", "summary.json", "trace.jsonl")


class NotReplayable(Exception):
    """A record from which the run cannot be repeated here; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Recording:
    """A recorded run, as it can be run again."""

    record: Record
    file: ScenarioFile
    cell: Cell
    seed: int
    differences: list[str]
    """What is not as it was when the record was made, and should not matter."""


def open_recording(path: Path) -> Recording:
    """Raises NotARecord, NotReplayable, InvalidScenario."""
    if path.is_file() and path.suffix in (".yaml", ".yml"):
        raise NotReplayable(
            f"{path} is a scenario file, and only a run can be repeated: the directory of its"
            f" record. This runs it: airbed run {shlex.quote(str(path))}"
        )
    record = Record.read(path)
    manifest = record.manifest()
    seed = manifest["seed"]
    now = provenance()
    if manifest["mode"] != REPEATABLE:
        raise NotReplayable(
            f"{path} is the record of a {manifest['mode']} run; only simulated ones can be repeated"
        )
    if manifest["airbed"] != now["airbed"]:
        raise NotReplayable(
            f"{path} was recorded by Airbed {manifest['airbed']}; this is {now['airbed']}, which"
            " may do other things. Install that version, or run the scenario with this one:"
            f" {record.summary['command']}"
        )
    for name in _NEEDED:
        if name not in manifest["sha256"]:
            raise NotARecord(f"{path / 'manifest.json'} is damaged: it has no hash of {name}")
        _check_hash(path / name, manifest["sha256"][name])
    file = load(path / "scenario.yaml")
    values = record.summary["values"]
    cell = next((cell for cell in file.cells if dict(cell.values) == values), None)
    if cell is None or scenario_hash(resolved(cell.scenario)) != manifest["scenario_sha256"]:
        raise NotReplayable(
            f"{path}: this Airbed understands the scenario differently from the one that recorded"
            f" it{_commit(manifest)}; run it with this one: {record.summary['command']}"
        )
    return Recording(record, file, cell, seed, list(_differences(manifest, now)))


def _check_hash(file: Path, recorded: str) -> None:
    try:
        with open_regular(file) as content:
            digest = hashlib.sha256()
            while part := content.buffer.read(2**20):
                digest.update(part)
            actual = digest.hexdigest()
    except OSError as error:
        raise NotARecord(f"cannot read {file}: {error.strerror}") from error
    if actual != recorded:
        raise NotARecord(f"{file} is not as it was recorded: its hash is another")


def _differences(manifest: dict[str, Any], now: dict[str, Any]) -> Iterator[str]:
    if manifest["python"] != now["python"]:
        yield f"Python {manifest['python']}, now {now['python']}"
    for name, version in manifest["packages"].items():
        if now["packages"].get(name) != version:
            yield f"{name} {version}, now {now['packages'].get(name)}"
    if manifest["git"] != now["git"]:
        yield f"code{_commit(manifest)}, now{_commit(now)}"


def _commit(made_with: dict[str, Any]) -> str:
    git = made_with["git"]
    if git is None:
        return " outside a checkout"
    return f" at commit {git['commit'][:10]}{' with changes' if git['dirty'] else ''}"


def first_event(record: Record, condition: EventCondition) -> int | None:
    """The number (from 1) of the first recorded event of which the condition is true.

    Raises ExpressionError when it cannot be asked of some event, NotARecord.
    """
    for number, event in enumerate(record.events(), start=1):
        if condition.holds(event):
            return number
    return None


def fields_of(record: Record) -> list[str]:
    """The names of all fields that events of a record have. Raises NotARecord."""
    return list(dict.fromkeys(name for event in record.events() for name in event))


def kinds_of(record: Record) -> list[str]:
    """The kinds of events in a record, in the order of the alphabet. Raises NotARecord."""
    return sorted({str(event["kind"]) for event in record.events()})


class Stop:
    """An inspector that ends the flow at a virtual time (seconds) or after an event (from 1),
    whichever comes first, and keeps the state of that moment.
    """

    def __init__(self, *, until: float | None, event: int | None) -> None:
        self._until = until
        self._event = event
        self._seen = 0
        self._last: deque[Event] = deque(maxlen=LAST_EVENTS)
        self._context: Context
        self.state: list[Section] | None = None
        """None as long as it did not stop."""
        self.events = 0
        """Events up to the stop."""
        self.at = 0.0
        """Virtual seconds of the stop."""
        self.began = 0.0
        """Virtual seconds at which the flow began."""

    def attach(self, context: Context, record: Path) -> None:
        """See Inspector."""
        self._context = context
        world = context.deployment.world
        self.began = world.env.now
        world.trace.listen(self._note)
        if self._until is not None:
            world.env.call_at(max(self._until, world.env.now), self._stop)

    def detach(self) -> None:
        """See Inspector."""

    def _note(self, event: Event) -> None:
        if self.state is None:
            self._seen += 1
            self._last.append(event)
            if self._seen == self._event:
                self._stop()

    def _stop(self) -> None:
        if self.state is not None:
            return
        self.at, self.events = self._context.env.now, self._seen
        last = Section("last events", [event_line(event) for event in self._last])
        self.state = [*state_of(self._context), *([last] if last.lines else [])]
        self._context.stop.succeed()
