"""Runs one cell of a scenario with one seed: a world of its own, the flow, the verdict, the record.

deploy -> play the steps -> stop the servers -> close the ledger -> compare -> write
"""

import re
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any, Final, Protocol

import simpy
from rich.text import Text

from devices.errors import DeviceError
from scenarios.engine.exit_codes import ExitCode
from scenarios.engine.format.loader import Cell, ScenarioFile
from scenarios.engine.format.places import Places
from scenarios.engine.ledger.audit import Audit, take_audit
from scenarios.engine.ledger.fates import Ledger
from scenarios.engine.ledger.invariants import Witness
from scenarios.engine.ledger.observations import Observations
from scenarios.engine.running.circumstances import LastEvents, circumstances
from scenarios.engine.running.context import Context
from scenarios.engine.running.gateway_story import GatewayStory
from scenarios.engine.running.play import StepOutcome, play
from scenarios.engine.running.record import RecordWriter, provenance, resolved, scenario_hash
from scenarios.engine.running.refused_keys import RefusedKeys
from scenarios.engine.running.results import Redactor, RunResult, summary_of
from scenarios.engine.running.verdict import Measures, judge
from scenarios.engine.running.watch import Watch
from scenarios.engine.step_failed import StepFailed
from scenarios.engine.world.deployment import Deployment
from scenarios.engine.world.stage import StageMaker, simulated
from sim.kernel.errors import StandstillError, UnhandledErrors
from sim.surface import World

EXIT_CODES: Final = {
    "passed": ExitCode.OK,
    "failed": ExitCode.FAILED,
    "interrupted": ExitCode.INTERRUPTED,
}
MAX_NAME: Final = 120
"""Characters of scenario and cell in a file name, which has 255 bytes in most file systems."""


class Progress(Protocol):
    """Is told how a run goes, as it goes."""

    def run_started(self, result: RunResult) -> None: ...
    def step_started(self, step: StepOutcome) -> None: ...
    def step_finished(self, step: StepOutcome) -> None: ...
    def run_finished(self, result: RunResult) -> None: ...


class Inspector(Protocol):
    """Looks into a world while it runs, and changes nothing of it."""

    def attach(self, context: Context, record: Path) -> None:
        """A world is about to run; `record` is the directory in which its record is made."""

    def detach(self) -> None:
        """It is over."""


class Runner:
    """Runs cells one after the other and writes their records below `runs`.

    `inspectors` look into each world. `made_with` is what the manifests say of code and machine.
    `stages` makes the place of each run; `live_arguments` is how to ask for it on a command line.
    """

    def __init__(
        self,
        runs: Path,
        progress: Progress,
        inspectors: Sequence[Inspector] = (),
        made_with: Mapping[str, Any] | None = None,
        stages: StageMaker = simulated,
        live_arguments: str = "",
    ) -> None:
        self._runs = runs
        self._progress = progress
        self._inspectors = inspectors
        self._provenance = provenance() if made_with is None else made_with
        self._stages = stages
        self._live_arguments = live_arguments

    def run(self, file: ScenarioFile, cell: Cell, seed: int) -> RunResult:
        """Run a cell with a seed. An interrupt (Ctrl-C, SIGTERM) ends it with what there is so far.

        Raises OSError when the record cannot be written.
        """
        record = RecordWriter(self._runs, _file_name(file, cell), seed)
        try:
            return self._run(file, cell, seed, record)
        except BaseException:
            record.discard()
            raise

    def _run(self, file: ScenarioFile, cell: Cell, seed: int, record: RecordWriter) -> RunResult:
        result = RunResult(file, cell, seed)
        places = Places(file.path, file.text)
        began, started_at = time.monotonic(), datetime.now(UTC)
        self._progress.run_started(result)
        stage = self._stages(cell.scenario, seed, record.state, _is_small(cell))
        world = stage.world
        result.mode, result.not_observed = stage.mode, stage.not_observed
        result.live_arguments = self._live_arguments
        if stage.mode == "live":
            result.epoch = datetime.fromtimestamp(world.epoch, UTC)
        ledger = Ledger()
        measures = Measures(ledger, Observations(ledger), Witness(), [])
        watch = Watch(world.env)
        audit: Audit | None = None
        deployment = Deployment(stage, cell.scenario, record.state)
        context = Context(cell.scenario, deployment, ledger, measures.observations, watch)
        world.trace.listen(record.trace)
        world.trace.listen(measures.feed)
        world.trace.listen(context.arrivals.feed)
        for inspector in self._inspectors:
            inspector.attach(context, record.path)
        last = LastEvents()
        world.trace.listen(last)
        refused_keys = story = None
        if stage.foreign_gateway is not None:
            refused_keys = RefusedKeys()
            world.trace.listen(refused_keys)
            story = GatewayStory()
            world.trace.listen(story)
        world.trace.listen(watch.feed)
        try:
            with stage.logs(), world:  # servers log until a world has ended
                if _start(deployment, result, places):
                    self._play(context, result, places)
                result.circumstances = circumstances(context, result, last)
                result.virtual_seconds = world.env.now
                result.wire_digest = world.digest()
                world.run(deployment.stop())
                audit = take_audit(deployment)
        except UnhandledErrors as error:
            result.fail(Text(f"error[unhandled]: {error}", "bold red"))
        finally:
            for inspector in self._inspectors:
                inspector.detach()
            record.end_trace()
        ledger.close()
        record.write_measures(ledger.notifications, measures.observations.metrics())
        judge(context, measures, audit, record.searched_for_leaks, result, places)
        if refused_keys is not None:
            refused_keys.explain(result)
        if story is not None:
            result.external_gateway = story.lines(result.steps)
        record.write_scenario(file.text)
        result.record = record.finish(
            summary_of(result, deployment.lanes(), Redactor(deployment.secrets())),
            {**_manifest(result, started_at), **self._provenance},
        )
        result.wall_seconds = time.monotonic() - began
        self._progress.run_finished(result)
        return result

    def _play(self, context: Context, result: RunResult, places: Places) -> None:
        def started(step: StepOutcome) -> None:
            result.steps.append(step)
            self._progress.step_started(step)

        def finished(step: StepOutcome) -> None:
            if result.verdict == "interrupted":
                return  # the servers are being stopped under it
            if step.failure is not None:
                result.fail(step.failure, step.start)
            if step.status == "skipped":
                result.steps.append(step)
            self._progress.step_finished(step)

        world = context.deployment.world
        flow = world.env.process(play(context, result.cell.values, places, started, finished))
        try:
            with _interrupt(world, context.stop):
                world.run(flow | context.stop)
            if context.stop.triggered:
                result.verdict = "interrupted"
        except StandstillError:
            step = result.steps[-1]
            message = f"step {step.n} {step.do}: deadlock, nothing can happen any more; "
            location = ("flow", step.n - 1)
            step.failure = places.failure("standstill", message + context.last_hop(), location)
            step.status, step.end = "failed", round(context.env.now * 1e9)
            finished(step)
        finally:
            context.faults.flow_ended()


def _start(deployment: Deployment, result: RunResult, places: Places) -> bool:
    """Deploy everything. False if the phones cannot be set up in this world."""
    try:
        deployment.world.run(deployment.start())
    except (StepFailed, DeviceError) as error:
        message = f"the phones cannot be set up as their 'state' says: {error}"
        note = "begin with state: new, or let the network get worse later, by a fault"
        result.fail(places.failure("set-up", message, ("devices",), at_key=True, note=note))
        return False
    return True


@contextmanager
def _interrupt(world: World, stop: simpy.Event) -> Iterator[None]:
    """Within it, Ctrl-C and SIGTERM make the event happen in the world instead of raising somewhere
    in it.

    A second one does what it would have done without this.
    """

    def ask(_signal: int, _frame: FrameType | None) -> None:
        put_back()
        world.loop.call_soon_threadsafe(_happen, stop)  # a real loop sleeps

    def put_back() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        put_back()


def _happen(event: simpy.Event) -> None:
    if not event.triggered:
        event.succeed()


def _manifest(result: RunResult, started_at: datetime) -> dict[str, Any]:
    """What `manifest.json` says of the run; code and machine come from `provenance`."""
    scenario = resolved(result.cell.scenario)
    return {
        "scenario": scenario,
        "scenario_sha256": scenario_hash(scenario),
        "seed": result.seed,
        "mode": result.mode,
        "exit_code": EXIT_CODES[result.verdict],
        "started": started_at.isoformat(),
        "ended": datetime.now(UTC).isoformat(),
    }


def _is_small(cell: Cell) -> bool:
    """Whether every connection may be an event of the trace; a fleet would drown the rest."""
    return cell.scenario.devices.fleet is None


def _file_name(file: ScenarioFile, cell: Cell) -> str:
    """Scenario and cell as part of a file name: `ten_steps-ios-closed`.

    Cells whose names would be the same get their numbers: `a b` and `a_b`, `A` and `a`.
    """
    names = [_plain(file.path.stem, *each.values.values())[:MAX_NAME] for each in file.cells]
    place = [each.values for each in file.cells].index(cell.values)
    name = names[place]
    alike = [each.casefold() for each in names].count(name.casefold())
    return name if alike == 1 else f"{name}-cell{place + 1}"


def _plain(*words: Any) -> str:
    return "-".join(re.sub(r"[^A-Za-z0-9_.]+", "_", str(word)) for word in words)
