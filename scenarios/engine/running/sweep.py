"""Runs a scenario with many seeds, in parallel, and sorts the outcomes by their causes.

A run is one job: its own world in a worker process, where only one world runs at a time. What comes
back is a line; records are written by the workers, those of passed runs thrown away again. So the
memory of the sweep does not grow with the number of seeds.

joblib spreads the work: over processes of this machine (loky), or over a cluster (Dask, Ray). On a
cluster the directory of the records has to be one that all machines share; the cluster is one of
this machine, unless Dask's or Ray's own configuration names another.

Live runs go the same way. They mostly wait, so there may be many more at a time than cores; their
outcomes come as they are ready.
"""

import itertools
import re
import shlex
import shutil
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, Final, Literal

import joblib
from joblib.externals.loky import get_reusable_executor

from reports.reading import Record
from scenarios.engine.format.loader import ScenarioFile
from scenarios.engine.format.waits import shortened, waiting
from scenarios.engine.machine import LIMITS
from scenarios.engine.running.play import StepOutcome
from scenarios.engine.running.record import provenance
from scenarios.engine.running.results import RunResult
from scenarios.engine.running.runner import Runner
from scenarios.engine.running.unfinished import SCRATCH
from scenarios.engine.world.live_stage import LiveOptions, live
from scenarios.engine.world.stage import simulated

JOBS_PER_BATCH: Final = 20
"""For each worker of a cluster."""

MAX_EXAMPLES: Final = 10
"""Runs remembered of each cause; sweep.csv has them all."""

_FAILURE: Final = re.compile(r"(?:(.+?):(\d+:\d+): )?error\[([^\]]+)\]: (.*)")

Verdict = Literal["passed", "failed", "interrupted", "error"]


class BackendMissing(Exception):
    """The packages of a backend are not installed; the message says how to get them."""


@dataclass(frozen=True, slots=True)
class Job:
    """One run: a cell (by its place) of a scenario with a seed."""

    file: ScenarioFile
    cell: int
    seed: int


@dataclass(frozen=True, slots=True)
class Manner:
    """How the jobs of a sweep are run."""

    keep_all: bool = False
    """Passed runs leave a record, too."""
    live_arguments: str = ""
    """How to ask for live runs on a command line; none, if the runs are simulated ones."""
    live_options: LiveOptions = field(default_factory=LiveOptions)
    longest_wait: float | None = None
    """Steps that only wait are cut to these seconds."""
    made_with: Mapping[str, Any] = field(default_factory=provenance)
    """What the manifests say of code and machine."""

    @property
    def is_live(self) -> bool:
        return bool(self.live_arguments)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a job. `error` is a mistake of Airbed: the run did not come to an end."""

    file: str
    cell: str
    seed: int
    verdict: Verdict
    code: str
    """Of the first failure: `fate`, `step-failed`; the type of the error."""
    place: str
    """Where in the file it is asked for: `12:21`."""
    message: str
    fates: str
    """`created=1 delivered=1`: those that are not zero."""
    wire_digest: str
    virtual_seconds: float
    """In the world's time, which is wall time in a live one."""
    cpu_seconds: float
    """Without the server processes of a live run."""
    command: str
    """What runs it again."""
    record: str
    """The directory of its record, if it left one."""

    @property
    def cause(self) -> tuple[str, str, str, str, str]:
        """Runs with the same one went the same way, as far as one can tell from outside."""
        return self.verdict, self.file, self.code, self.place, self.fates


@dataclass(slots=True)
class Cause:
    """The runs that went the same way."""

    first: Outcome
    count: int = 0
    examples: list[Outcome] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        """One more."""
        self.count += 1
        if len(self.examples) < MAX_EXAMPLES:
            self.examples.append(outcome)


class Causes:
    """All outcomes of a sweep, sorted."""

    def __init__(self) -> None:
        self._causes: dict[tuple[str, ...], Cause] = {}
        self.verdicts: Counter[str] = Counter()
        self.cpu_seconds = 0.0

    def add(self, outcome: Outcome) -> Cause:
        """Sort one more in. Returns its cause."""
        self.verdicts[outcome.verdict] += 1
        self.cpu_seconds += outcome.cpu_seconds
        cause = self._causes.setdefault(outcome.cause, Cause(outcome))
        cause.add(outcome)
        return cause

    @property
    def runs(self) -> int:
        """How many outcomes there are."""
        return self.verdicts.total()

    def ranked(self) -> list[Cause]:
        """Failures before passed runs, each with the most frequent first."""
        return sorted(
            self._causes.values(), key=lambda cause: (cause.first.verdict == "passed", -cause.count)
        )


def count_of(files: Sequence[ScenarioFile], seeds: range | None) -> int:
    """How many jobs `jobs_of` makes of these."""
    return sum(len(file.cells) * len(file.seeds if seeds is None else seeds) for file in files)


def jobs_of(files: Sequence[ScenarioFile], seeds: range | None) -> Iterator[Job]:
    """All cells with all seeds, or with those that their file asks for; seeds change slowest, so
    that every cell is soon seen.
    """
    wanted = [file.seeds if seeds is None else seeds for file in files]
    for place in range(max(map(len, wanted), default=0)):
        for file, each in zip(files, wanted, strict=True):
            for cell in range(len(file.cells) if place < len(each) else 0):
                yield Job(file, cell, each[place])


def longest_first(files: Sequence[ScenarioFile], seeds: range | None) -> Iterator[Job]:
    """The same jobs, those that wait longest first: live, they decide when the sweep is over.

    How long a run waits is decided by its cell, so nobody has to hold all jobs to sort them.
    """
    waits = {waiting(cell) for file in files for cell in file.cells}
    for longest in sorted(waits, reverse=True):
        for job in jobs_of(files, seeds):
            if waiting(job.file.cells[job.cell]) == longest:
                yield job


@contextmanager
def outcomes_of(
    jobs: Iterable[Job], runs: Path, manner: Manner, *, workers: int, backend: str
) -> Iterator[Iterator[Outcome]]:
    """The outcomes as they come, of simulated runs in the order of the jobs. At its end what still
    runs is given up.

    Raises BackendMissing.
    """
    with ExitStack() as stack:
        _prepare(backend, workers, stack)
        stack.enter_context(joblib.parallel_config(backend=backend, n_jobs=workers))
        outcomes: Generator[Outcome, None, None]
        if backend == "loky":
            # With one worker joblib runs everything in this process.
            run = run_job if workers == 1 else _run_job_in_worker
            order = "generator_unordered" if manner.is_live else "generator"
            size = 1 if manner.is_live else "auto"
            outcomes = joblib.Parallel(return_as=order, batch_size=size)(
                joblib.delayed(run)(job, runs, manner) for job in jobs
            )
        else:
            outcomes = _in_batches(iter(jobs), runs, manner, workers * JOBS_PER_BATCH)
        try:
            yield outcomes
        finally:
            outcomes.close()
            if backend == "loky" and workers > 1:
                # The next sweep of this process may be elsewhere: workers keep their directory.
                get_reusable_executor().shutdown(kill_workers=True)
            shutil.rmtree(runs / SCRATCH, ignore_errors=True)


def _in_batches(
    jobs: Iterator[Job], runs: Path, manner: Manner, size: int
) -> Generator[Outcome, None, None]:
    """Batch after batch: not every backend of joblib gives results as they come."""
    while batch := list(itertools.islice(jobs, size)):
        yield from joblib.Parallel()(
            joblib.delayed(_run_job_apart)(job, runs, manner) for job in batch
        )


def _prepare(backend: str, workers: int, stack: ExitStack) -> None:
    """Make a backend known to joblib; on this machine, unless a cluster is configured."""
    try:
        if backend == "dask":
            import dask
            from distributed import Client

            # A daemonic worker may not have children.
            stack.enter_context(dask.config.set({"distributed.worker.daemon": False}))
            stack.enter_context(
                Client(n_workers=workers, threads_per_worker=1, dashboard_address=None)
            )
        elif backend == "ray":
            import ray
            from ray.util.joblib import register_ray

            ray.init(num_cpus=workers, include_dashboard=False, log_to_driver=False)
            stack.callback(ray.shutdown)
            register_ray()
    except ModuleNotFoundError as error:
        raise BackendMissing(
            f"the backend {backend} needs packages that are not installed ({error.name}):"
            f" pip install 'airbed[{backend}]'"
        ) from error


def _run_job_apart(job: Job, runs: Path, manner: Manner) -> Outcome:
    """Run a job in a child process: a cluster's worker talks to it in threads, over sockets, which
    a world would get in the way of."""
    executor = get_reusable_executor(max_workers=1)
    outcome: Outcome = executor.submit(_run_job_in_worker, job, runs, manner).result()
    return outcome


def _run_job_in_worker(job: Job, runs: Path, manner: Manner) -> Outcome:
    """Run a job in a process that Ctrl-C and SIGTERM may reach, too, but is told by its parent what
    to do: it is killed when the sweep is given up, so its temporary files are where the parent
    removes them.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _nothing)  # unlike SIG_IGN this is not passed on to servers
    scratch = runs / SCRATCH
    scratch.mkdir(exist_ok=True)
    tempfile.tempdir = str(scratch.absolute())
    return run_job(job, runs, manner)


def _nothing(_signal: int, _frame: FrameType | None) -> None:
    """What a worker does about a signal."""


def run_job(job: Job, runs: Path, manner: Manner) -> Outcome:
    """Run a job in this process. Raises only KeyboardInterrupt, and OSError when the machine has no
    more (a full disk)."""
    cell = job.file.cells[job.cell]
    if manner.longest_wait is not None:
        cell = shortened(cell, manner.longest_wait)
    began = time.process_time()
    result = RunResult(job.file, cell, job.seed)
    result.live_arguments = manner.live_arguments
    runner = Runner(
        runs,
        _Silent(),
        made_with=manner.made_with,
        stages=live(manner.live_options) if manner.is_live else simulated,
        live_arguments=manner.live_arguments,
    )
    left = ""
    try:
        result = runner.run(job.file, cell, job.seed)
        assert result.record is not None
        failures = Record.read(result.record).summary["failures"]  # without secrets
        code, place, message = _taken_apart(failures[0]) if failures else ("", "", "")
        verdict: Verdict = result.verdict
        command = result.command
        if verdict == "interrupted" or (verdict == "passed" and not manner.keep_all):
            shutil.rmtree(result.record)
        else:
            left = result.record.as_posix()
        if left and not manner.is_live:
            command = f"airbed replay {shlex.quote(left)}"
    except Exception as error:
        if isinstance(error, OSError) and error.errno in LIMITS:
            raise  # the next runs would come no further
        verdict, command = "error", result.command
        code, place, message = type(error).__name__, "", " ".join(str(error).split())
    return Outcome(
        file=job.file.path.as_posix(),
        cell=cell.id,
        seed=job.seed,
        verdict=verdict,
        code=code,
        place=place,
        message=message,
        fates=" ".join(f"{name}={count}" for name, count in result.fates.items() if count),
        wire_digest=result.wire_digest,
        virtual_seconds=result.virtual_seconds,
        cpu_seconds=time.process_time() - began,
        command=command,
        record=left,
    )


def _taken_apart(failure: str) -> tuple[str, str, str]:
    """Code, place and message of a failure as it is printed."""
    line = failure.split("\n", 1)[0]  # the place in the file is shown below it
    match = _FAILURE.match(line)
    return (match[3], match[2] or "", match[4]) if match else ("", "", line)


class _Silent:
    """Progress that nobody watches."""

    def run_started(self, result: RunResult) -> None: ...
    def step_started(self, step: StepOutcome) -> None: ...
    def step_finished(self, step: StepOutcome) -> None: ...
    def run_finished(self, result: RunResult) -> None: ...
