"""The line that shows on a terminal how far a run is."""

import io
from pathlib import Path

from rich.console import Console

from scenarios.engine.commands.running_line import RunningLine
from scenarios.engine.format.loader import load
from scenarios.engine.running.play import StepOutcome
from scenarios.engine.running.results import RunResult
from scenarios.engine.running.runner import Runner

LONG = """\
format: 1
name: Nothing for a year
world:
  gateway: { kind: airnotifier }
  site: { kind: moodle, users: { ana: teacher } }
flow:
  - { do: wait, with: { for: 30m } }
  - { do: wait, with: { for: 365d } }
"""


class Reading:
    """Reads the line whenever a step is over."""

    def __init__(self, line: RunningLine) -> None:
        self._line = line
        self.read: list[str] = []

    def run_started(self, result: RunResult) -> None: ...
    def step_started(self, step: StepOutcome) -> None: ...
    def run_finished(self, result: RunResult) -> None: ...

    def step_finished(self, step: StepOutcome) -> None:
        self.read.append(self._line.line().plain)


def test_it_names_the_step_and_the_virtual_time(tmp_path: Path) -> None:
    (tmp_path / "long.yaml").write_text(LONG, encoding="utf-8")
    file = load(tmp_path / "long.yaml")
    line = RunningLine(Console(file=io.StringIO(), force_terminal=True))
    reading = Reading(line)
    Runner(tmp_path / "runs", reading, [line]).run(file, file.cells[0], 1)
    assert reading.read == [
        "step 1 wait: 30 min 1 s of virtual time",
        "step 2 wait: 365 d 30 min 1 s of virtual time",
    ]
    assert line.line().plain == ""
