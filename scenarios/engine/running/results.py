"""What came of a run, and how it stands in `summary.json`."""

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal

from rich.text import Text

from devices.tokens import token_ref
from reports.reading import FORMAT
from scenarios.engine.format.loader import Cell, ScenarioFile
from scenarios.engine.leaks import MIN_LENGTH, Secret
from scenarios.engine.ledger.invariants import Verdict
from scenarios.engine.running.play import StepOutcome
from scenarios.engine.shipped import typed
from scenarios.engine.world.faults.plan import FaultOutcome
from scenarios.engine.world.stage import Mode

_CODE: Final = re.compile(r"error\[[a-z-]+\]: ")


@dataclass(frozen=True, slots=True)
class CheckOutcome:
    """A condition of `expect.checks`; `held` is None where its `when` did not apply."""

    that: str
    held: bool | None


@dataclass(frozen=True, slots=True)
class Section:
    """Lines under a title."""

    title: str
    lines: Sequence[str]


@dataclass(slots=True)
class RunResult:
    """One cell of a scenario, run with one seed."""

    file: ScenarioFile
    cell: Cell
    seed: int
    verdict: Literal["passed", "failed", "interrupted"] = "passed"
    failures: list[Text] = field(default_factory=list)
    steps: list[StepOutcome] = field(default_factory=list)
    fates: dict[str, int] = field(default_factory=dict)
    invariants: list[Verdict] = field(default_factory=list)
    faults: list[FaultOutcome] = field(default_factory=list)
    checks: list[CheckOutcome] = field(default_factory=list)
    observations: dict[str, int] = field(default_factory=dict)
    mode: Mode = "simulated"
    not_observed: Sequence[str] = ()
    external_gateway: Sequence[str] = ()
    """What an external gateway ran into and did about it."""
    epoch: datetime | None = None
    """Calendar time at second 0, where it is not the scenario's."""
    live_arguments: str = ""
    """What has to be on the command line for another run like it, besides file and seed."""
    wire_digest: str = ""
    virtual_seconds: float = 0.0
    wall_seconds: float = 0.0
    record: Path | None = None
    explained_at: int | None = None
    """Of a failed run: the moment (virtual ns) to look at, if it is not the end of the flow."""
    circumstances: Sequence[Section] = ()
    """What was going on at the end of the flow, to be shown if it failed."""

    def fail(self, failure: Text, explained_at: int | None = None) -> None:
        """Something is not as it should be; the run goes on.

        `explained_at`: the moment (virtual ns) to look at; of several failures the first one's.
        """
        if not self.failures:
            self.explained_at = explained_at
        self.verdict = "failed"
        self.failures.append(failure)

    @property
    def command(self) -> str:
        """What runs it again."""
        cell = self.cell.id
        return self.with_seed(self.seed) + (f" --cell {shlex.quote(cell)}" if cell else "")

    def with_seed(self, seed: int) -> str:
        """What runs the file with this seed."""
        return f"airbed run {self.live_arguments}{shlex.quote(typed(self.file.path))} --seed {seed}"

    @property
    def cause(self) -> str:
        """The first failure in one line: its place in the file and what was wrong."""
        first, *others = self.failures
        line = _CODE.sub("", first.plain.partition("\n")[0], count=1)
        return f"{line}; and {len(others)} more" if others else line

    @property
    def replay(self) -> str:
        """What repeats it up to the moment that explains its failure."""
        end = round(self.virtual_seconds * 1e9)
        moment = end if self.explained_at is None else min(self.explained_at, end)
        command = f"airbed replay {shlex.quote(str(self.record))}"
        # In whole microseconds: after the end there is nothing to stop at.
        return f"{command} --until {moment // 1000 / 1e6:.6f}s" if moment else command


def summary_of(
    result: RunResult, hosts: Iterable[Mapping[str, Any]], redact: "Redactor"
) -> dict[str, Any]:
    """`summary.json`: everything that follows from scenario and seed, secrets left out."""
    scenario = result.cell.scenario
    return {
        "format": FORMAT,
        "name": scenario.name,
        "description": scenario.description,
        "file": result.file.path.as_posix(),
        "tags": list(scenario.tags),
        "cell": result.cell.id,
        "values": dict(result.cell.values),
        "seed": result.seed,
        "verdict": result.verdict,
        "failures": [redact.text(failure.plain) for failure in result.failures],
        "mode": result.mode,
        "not_observed": list(result.not_observed),
        "external_gateway": list(result.external_gateway),
        "epoch": (result.epoch or scenario.world.epoch).isoformat(),
        "virtual_ns": round(result.virtual_seconds * 1e9),
        "wire_digest": result.wire_digest,
        "hosts": list(hosts),
        "steps": [
            {
                "n": step.n,
                "do": step.do,
                "by": step.by,
                "title": step.title,
                "with": redact.value(step.arguments),
                "status": step.status,
                "excuse": redact.text(step.excuse),
                "start_ns": step.start,
                "end_ns": step.end,
                "results": redact.value(step.results),
            }
            for step in result.steps
        ],
        "fates": result.fates,
        "invariants": [
            {"name": each.name, "holds": each.holds, "violations": list(each.violations)}
            for each in result.invariants
        ],
        "faults": [
            {
                "id": each.fault.id,
                "inject": each.fault.inject,
                "target": each.fault.target,
                "start_ns": each.started,
                "end_ns": each.ended,
                "fired": each.fired,
            }
            for each in result.faults
        ],
        "checks": [{"that": each.that, "held": each.held} for each in result.checks],
        "observations": result.observations,
        "command": result.command,
    }


class Redactor:
    """Puts a description in the place of every secret."""

    def __init__(self, secrets: Iterable[Secret]) -> None:
        self._secrets = sorted(
            (secret for secret in secrets if len(secret.text) >= MIN_LENGTH),
            key=lambda secret: -len(secret.text),
        )

    def text(self, text: str) -> str:
        """The text without secrets."""
        for secret in self._secrets:
            if secret.text in text:
                text = text.replace(secret.text, f"<{secret.kind}>")
        return text

    def value(self, value: Any) -> Any:
        """A result of a step without secrets; a token becomes its reference."""
        if isinstance(value, Mapping):
            return {
                name: token_ref(item) if name == "token" else self.value(item)
                for name, item in value.items()
            }
        return self.text(value) if isinstance(value, str) else value
