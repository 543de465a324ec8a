"""Runs small scenarios with faults, and keeps what happened."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from scenarios.engine.format.loader import load
from scenarios.engine.running.context import Context
from scenarios.engine.running.results import RunResult
from scenarios.engine.running.runner import Runner

HEAD = """\
format: 1
name: Faults
world:
  gateway: { kind: airnotifier, app: moodle }
  site:    { kind: moodle, users: { ana: teacher, ben: student, eva: student } }
devices:
  phone:  { platform: ios, owner: ben, state: enabled }
  tablet: { platform: android, owner: eva, state: enabled }
"""

SEND = """\
flow:
  - { do: message, by: ana, with: { to: all, text: One two three } }
  - { do: wait,    with: { for: 60s } }
"""


class Silent:
    """Progress that nobody watches."""

    def run_started(self, result: RunResult) -> None: ...
    def step_started(self, step: Any) -> None: ...
    def step_finished(self, step: Any) -> None: ...
    def run_finished(self, result: RunResult) -> None: ...


class Keeper:
    """An inspector that keeps the events and the context."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.context: Context | None = None

    def attach(self, context: Context, record: Path) -> None:
        self.context = context
        context.deployment.world.trace.listen(self.events.append)

    def detach(self) -> None: ...


@dataclass
class FaultRun:
    """A finished run and its events."""

    result: RunResult
    events: list[dict[str, Any]]
    context: Context

    def happened(self, kind: str, **fields: Any) -> list[dict[str, Any]]:
        """The events of a kind with these fields."""
        return [
            event
            for event in self.events
            if event["kind"] == kind
            and all(event.get(name) == value for name, value in fields.items())
        ]

    def times(self, fault: str) -> tuple[float, float | None]:
        """When a fault began and ended, in seconds since the flow began."""
        flow = self.happened("step.started", n=1)[0]["t"]
        [start] = self.happened("fault.started", fault=fault)
        ends = [(end["t"] - flow) / 1e9 for end in self.happened("fault.ended", fault=fault)]
        return (start["t"] - flow) / 1e9, ends[0] if ends else None

    @property
    def failures(self) -> str:
        return "\n".join(failure.plain for failure in self.result.failures)


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., FaultRun]:
    """Runs a scenario with these lines of `faults`, and a flow (one message to both phones)."""

    def run(
        *faults: str,
        flow: str = SEND,
        seed: int = 1,
        head: str = HEAD,
        inspectors: Sequence[Any] = (),
    ) -> FaultRun:
        path = tmp_path / "faults.yaml"
        lines = "".join(f"  - {{ {fault} }}\n" for fault in faults)
        path.write_text(head + (f"faults:\n{lines}" if faults else "") + flow, encoding="utf-8")
        file = load(path)
        keeper = Keeper()
        result = Runner(tmp_path / "runs", Silent(), [keeper, *inspectors]).run(
            file, file.cells[0], seed
        )
        assert keeper.context is not None
        return FaultRun(result, keeper.events, keeper.context)

    return run
