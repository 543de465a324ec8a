"""`airbed sweep FILE --seeds A..B`: many seeds in parallel; what came of them, by causes.

With `--live` all runs are live ones, side by side.
"""

import argparse
import csv
import dataclasses
import json
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import joblib
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from scenarios.engine.commands.console import Terminal
from scenarios.engine.commands.live_run import limits, manner
from scenarios.engine.commands.possible import NotPossible, Skipped, reasons
from scenarios.engine.exit_codes import ExitCode
from scenarios.engine.format.loader import ScenarioFile
from scenarios.engine.running.sweep import (
    BackendMissing,
    Cause,
    Causes,
    Outcome,
    count_of,
    jobs_of,
    longest_first,
    outcomes_of,
)

LIVE_JOBS: Final = 2
"""For each core: live runs wait most of their time, and begin with the work of a second."""

MAX_RUNS: Final = 10_000_000
"""Of one sweep: weeks of work, and a table of gigabytes. More than that is a slip of the hand."""

MAX_CAUSES: Final = 12
"""Failures shown of each file; sweep.json has them all."""

MAX_FATES: Final = 3
"""Sets of fates of passed runs shown of each file."""

TOLD_WITHOUT_TERMINAL: Final = 10
"""Times that a sweep says how far it is where no bar can be drawn."""

MAX_COMMANDS: Final = 3
"""Shown of each cause."""

_STYLES: Final = {"passed": "green", "failed": "bold red", "error": "bold red"}


def sweep_command(args: argparse.Namespace) -> int:
    """Run all cells of `args.scenarios` with all of `args.seeds` (None: those that the files ask
    for), live if `args.live`; returns the exit code.

    0: all passed, 1: at least one failed, 2: interrupted, 3: at least one was not run to its end
    because of a mistake of Airbed, 4: it is not possible like this. Writes `sweep.json`, and
    `sweep.csv` with a row for each run, into a directory of its own below `args.runs`.
    """
    files, seeds = args.scenarios, args.seeds
    skipped: list[Skipped] = []
    try:
        how = manner(args)
        able = limits(args)
        if able is not None:
            files, skipped = able.files(files, seeds)
    except NotPossible as error:
        return _refused(error)
    workers = args.jobs or joblib.cpu_count() * (LIVE_JOBS if how.is_live else 1)
    runs = count_of(files, seeds)
    if runs > MAX_RUNS:
        return _refused(
            f"these are {runs:,} runs; one sweep does at most {MAX_RUNS:,}: ask for fewer --seeds"
        )
    directory = args.runs / _name(files, seeds, live=how.is_live)
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    console = Terminal(highlight=False, soft_wrap=True)
    sweep = _Sweep(directory, console, runs, workers, told_of_each=how.is_live)
    for which, why in reasons(skipped):
        console.print(Text(f"skipped: {which}: {why}", "yellow"))
    console.print(_plan(files, seeds, runs, workers))
    began = time.monotonic()
    try:
        jobs = (longest_first if how.is_live else jobs_of)(files, seeds)
        with outcomes_of(jobs, directory, how, workers=workers, backend=args.backend) as outcomes:
            interrupted = sweep.collect(outcomes)
    except BackendMissing as error:
        directory.rmdir()
        return _refused(error)
    except KeyboardInterrupt:
        interrupted = True
    wall = time.monotonic() - began
    for unfinished in directory.glob(".*"):
        shutil.rmtree(unfinished, ignore_errors=True)
    sweep.finish(wall, interrupted=interrupted, arguments=args, skipped=skipped)
    if interrupted:
        return ExitCode.INTERRUPTED
    verdicts = sweep.causes.verdicts
    if verdicts["error"]:
        return ExitCode.INTERNAL_ERROR
    return ExitCode.FAILED if verdicts["failed"] else ExitCode.OK


def _plan(files: Sequence[ScenarioFile], seeds: range | None, runs: int, workers: int) -> Text:
    cells = sum(len(file.cells) for file in files)
    text = f"{cells} {'cell' if cells == 1 else 'cells'}"
    if len(files) > 1:
        text += f" of {len(files)} scenarios"
    if seeds is not None:
        text += f" x {len(seeds)} {'seed' if len(seeds) == 1 else 'seeds'}"
    return Text(f"{text}: {runs} {'run' if runs == 1 else 'runs'}, {workers} at a time", "dim")


def _refused(error: Exception | str) -> int:
    Console(stderr=True, highlight=False, soft_wrap=True).print(Text(f"airbed: {error}"))
    return ExitCode.INVALID


def _name(files: Sequence[ScenarioFile], seeds: range | None, *, live: bool) -> str:
    words = ["sweep", files[0].path.stem if len(files) == 1 else "scenarios"]
    words += ["live"] if live else []
    return "-".join(words if seeds is None else [*words, str(seeds[0]), str(seeds[-1])])


class _Sweep:
    """Takes the outcomes in: into the table, the causes, and onto the screen."""

    def __init__(
        self, directory: Path, console: Console, total: int, workers: int, *, told_of_each: bool
    ) -> None:
        self._directory = directory
        self._console = console
        self._total = total
        self._workers = workers
        self._told_of_each = told_of_each
        self.causes = Causes()

    def collect(self, outcomes: Any) -> bool:
        """Take all outcomes in. Returns whether a run was interrupted, which ends it."""
        columns = [column.name for column in dataclasses.fields(Outcome)]
        console = Console(stderr=True)
        bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        table = self._directory / "sweep.csv"
        with table.open("w", encoding="utf-8", newline="") as file, bar:
            rows = csv.writer(file, lineterminator="\n")
            rows.writerow(columns)
            task = bar.add_task("runs", total=self._total)
            steps = max(self._total // TOLD_WITHOUT_TERMINAL, 1)
            for outcome in outcomes:
                if outcome.verdict == "interrupted":
                    return True
                rows.writerow(dataclasses.astuple(outcome))
                cause = self.causes.add(outcome)
                if self._told_of_each:
                    console.print(line_of(outcome), soft_wrap=True, highlight=False)
                if cause.count == 1 and outcome.verdict != "passed":
                    console.print(told(outcome), soft_wrap=True, highlight=False)
                bar.update(task, advance=1, description=self._verdicts().plain)
                if not console.is_terminal and self.causes.runs % steps == 0:
                    far = f"{self.causes.runs} of {self._total} runs: {self._verdicts().plain}"
                    console.print(far, soft_wrap=True, highlight=False)
        return False

    def finish(
        self,
        wall: float,
        *,
        interrupted: bool,
        arguments: argparse.Namespace,
        skipped: Sequence[Skipped],
    ) -> None:
        """Print the summary and write it down."""
        causes, runs = self.causes.ranked(), self.causes.runs
        jobs = "job" if self._workers == 1 else "jobs"
        per_core, cpu = runs / wall / self._workers, self.causes.cpu_seconds
        summary = {
            "format": 1,
            "files": [file.path.as_posix() for file in arguments.scenarios],
            "seeds": arguments.seeds and [arguments.seeds[0], arguments.seeds[-1]],
            "live": arguments.live,
            "runs": runs,
            "planned": self._total,
            "interrupted": interrupted,
            "skipped": [{"cells": which, "reason": why} for which, why in reasons(skipped)],
            "verdicts": dict(self.causes.verdicts),
            "backend": arguments.backend,
            "jobs": self._workers,
            "wall_seconds": round(wall, 3),
            "cpu_seconds": round(cpu, 3),
            "runs_per_second": round(runs / wall, 3),
            "runs_per_second_of_cpu": round(runs / max(cpu, 1e-9), 3),
            "runs_per_second_and_core": round(per_core, 3),
            "causes": [_cause_as_json(cause) for cause in causes],
        }
        text = json.dumps(summary, indent=2, ensure_ascii=False)
        (self._directory / "sweep.json").write_text(text + "\n", encoding="utf-8")
        passed = [cause for cause in causes if cause.first.verdict == "passed"]
        if passed:
            self._print(Text())
            self._show_passed(passed)
        failures = [cause for cause in causes if cause.first.verdict != "passed"]
        most = MAX_CAUSES * len(arguments.scenarios)
        for cause in failures[:most]:
            self._show_failed(cause)
        if len(failures) > most:
            self._print(Text(f"and {len(failures) - most} other failures", "dim"))
        line = Text(f"\n{runs} runs: ").append_text(self._verdicts())
        if skipped:
            line.append(f", {sum(len(each.seeds) for each in skipped)} skipped", "yellow")
        if interrupted:
            line.append(f", interrupted; {self._total - runs} not run", "yellow")
        self._print(line)
        self._print(
            Text(
                f"{wall:.1f} s with {self._workers} {jobs}, {cpu:.1f} CPU seconds;"
                f" {runs / max(cpu, 1e-9):.1f} runs per second of CPU",
                "dim",
            )
        )
        self._print(Text(f"look at       {self._directory}/sweep.csv", "dim"))
        if causes:
            self._print(Text(f"try next      {_next_command(causes)}", "dim"))

    def _verdicts(self) -> Text:
        counts = self.causes.verdicts
        text = Text(f"{counts['passed']} passed", "green")
        text.append(", ", "none").append(f"{counts['failed']} failed", "red")
        if counts["error"]:
            text.append(f", {counts['error']} not run to their end", "bold red")
        return text

    def _show_passed(self, causes: Sequence[Cause]) -> None:
        """A line for each file and set of fates, the most frequent ones."""
        files: dict[str, list[Cause]] = {}
        for cause in causes:
            files.setdefault(cause.first.file, []).append(cause)
        for file, those in files.items():
            for cause in those[:MAX_FATES]:
                self._count(cause.count, "passed", file, cause.first.fates or "no notification")
            if len(those) > MAX_FATES:
                rest = those[MAX_FATES:]
                text = f"{len(rest)} other sets of fates"
                self._count(sum(cause.count for cause in rest), "passed", file, text)

    def _show_failed(self, cause: Cause) -> None:
        first = cause.first
        self._print(Text())
        self._count(cause.count, first.verdict, first.file, first.fates or "no notification")
        self._print(Text("         ").append_text(told(first)))
        for example in cause.examples[:MAX_COMMANDS]:
            self._print(Text(f"         {example.command}"))
            if example.record not in example.command:
                self._print(Text(f"         {example.record}", "dim"))
        if cause.count > MAX_COMMANDS:
            self._print(Text(f"         and {cause.count - MAX_COMMANDS} more", "dim"))

    def _count(self, count: int, verdict: str, file: str, rest: str) -> None:
        style = _STYLES[verdict]
        self._print(Text.assemble(f"{count:6} x ", (verdict, style), f"  {file}  ", (rest, "dim")))

    def _print(self, text: Text) -> None:
        self._console.print(text)


def _next_command(causes: Sequence[Cause]) -> str:
    """A failure again, or else one of the runs step by step."""
    failed = [cause for cause in causes if cause.first.verdict != "passed"]
    return (failed or causes)[0].examples[0].command


def line_of(outcome: Outcome) -> Text:
    """A run that is over."""
    what = f"  {outcome.virtual_seconds:8.1f} s  {outcome.file} {outcome.cell} seed {outcome.seed}"
    return Text.assemble((f"{outcome.verdict:8}", _STYLES[outcome.verdict]), what)


def told(outcome: Outcome) -> Text:
    """The first failure of a run in a line."""
    where = f"{outcome.file}:{outcome.place}" if outcome.place else outcome.file
    return Text.assemble(
        f"{where}: ",
        (f"error[{outcome.code}]", "bold red"),
        f": {outcome.message}",
        (f"  ({', '.join(filter(None, (outcome.cell, f'seed {outcome.seed}')))})", "dim"),
    )


def _cause_as_json(cause: Cause) -> dict[str, Any]:
    first = cause.first
    return {
        "verdict": first.verdict,
        "file": first.file,
        "code": first.code,
        "place": first.place,
        "message": first.message,
        "fates": first.fates,
        "count": cause.count,
        "examples": [
            {
                "cell": each.cell,
                "seed": each.seed,
                "command": each.command,
                "record": each.record,
            }
            for each in cause.examples
        ],
    }
