"""What runs of scenarios come to, so that two of them can be compared. Each is run once."""

import re
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from scenarios.engine.format.loader import Cell, ScenarioFile, load
from scenarios.engine.running.context import Context
from scenarios.engine.running.results import RunResult
from scenarios.engine.running.runner import Runner
from tests.scenarios.engine.world.conftest import Keeper, Silent

Sender = Callable[[Context], Coroutine[Any, Any, None]]
"""Sends something to a push service, on a host of its own."""
_PLACE: Final = re.compile(r"^\S*scenario\.yaml:\d+:\d+: ")


@dataclass(frozen=True)
class Outcome:
    """What one run comes to: bytes on the wire, the trace, fates, and what was made of them."""

    wire_digest: str
    events: list[dict[str, Any]]
    fates: Mapping[str, int]
    excuses: list[str]
    """Of each step, what whoever did it gave up for."""
    results: list[Mapping[str, Any]]
    """Of each step."""
    verdict: str
    failures: list[str]
    """Without their places in the file."""
    judged: list[str]
    """The invariants and conditions that were looked at."""


class _Beginning:
    """An inspector that lets a sender begin with the flow, on a host of its own."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    def attach(self, context: Context, record: Path) -> None:
        def begin(event: Mapping[str, Any]) -> None:
            if event["kind"] == "step.started" and event["n"] == 1:
                context.deployment.world.host("sender").start(lambda: self._sender(context))

        context.deployment.world.trace.listen(begin)

    def detach(self) -> None: ...


class Outcomes:
    """Runs scenarios below a directory: all their cells, each with all their seeds."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / "scenario.yaml"
        self._runs = directory / "runs"
        self._known: dict[tuple[str, Sender | None], list[Outcome]] = {}

    def of(self, text: str, sender: Sender | None = None) -> list[Outcome]:
        """The outcomes of a scenario's runs, in which a sender sends something, too."""
        if (text, sender) not in self._known:
            self._path.write_text(text, encoding="utf-8")
            file = load(self._path)
            self._known[text, sender] = [
                self._run(file, cell, seed, sender) for cell in file.cells for seed in file.seeds
            ]
        return self._known[text, sender]

    def _run(self, file: ScenarioFile, cell: Cell, seed: int, sender: Sender | None) -> Outcome:
        keeper = Keeper()
        inspectors = [keeper] if sender is None else [keeper, _Beginning(sender)]
        result = Runner(self._runs, Silent(), inspectors, made_with={}).run(file, cell, seed)
        return _outcome(result, keeper.events)


def _outcome(result: RunResult, events: list[dict[str, Any]]) -> Outcome:
    return Outcome(
        wire_digest=result.wire_digest,
        events=[e for e in events if e["kind"].partition(".")[0] not in ("step", "fault")],
        fates=dict(result.fates),
        excuses=[step.excuse for step in result.steps],
        results=[step.results for step in result.steps],
        verdict=result.verdict,
        failures=[_PLACE.sub("", failure.plain).partition("\n")[0] for failure in result.failures],
        judged=[each.name for each in result.invariants] + [str(each) for each in result.checks],
    )
