"""`airbed fidelity`: runs scenarios in both worlds with the same seed and compares the records."""

import argparse
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import joblib
from rich.text import Text

from reports.fidelity_pages import summary, write_pages
from reports.two_worlds import fidelity
from scenarios.engine.commands.console import Terminal
from scenarios.engine.commands.live_limits import refusals
from scenarios.engine.commands.live_run import live_manner
from scenarios.engine.commands.possible import NotPossible
from scenarios.engine.commands.selection import select
from scenarios.engine.commands.sweep import LIVE_JOBS, line_of, told
from scenarios.engine.exit_codes import ExitCode
from scenarios.engine.format.diagnostics import InvalidScenario
from scenarios.engine.running.sweep import Job, Manner, jobs_of, longest_first, outcomes_of

DEFAULT: Final = ("flows", "security", "faults/invalid_token.yaml")
"""Of the shipped scenarios those that need no more than seconds in real time."""


def fidelity_command(args: argparse.Namespace) -> int:
    """Run `args.files` in both worlds and write `fidelity.md` and `.html` below `args.runs`.

    0: all runs passed in both worlds; 1: at least one did not; 2: interrupted; 3: at least one was
    not run to its end; 4: bad usage. What a live world cannot do is left out, and the report says
    so. Differences are no failure.
    """
    selection = select(args.files or [f"scenarios/{name}" for name in DEFAULT])
    for error in selection.invalid:
        print(error.render().plain, file=sys.stderr)
    if selection.invalid:
        return ExitCode.INVALID
    if not selection.valid:
        print("airbed: no scenario files (*.yaml) there", file=sys.stderr)
        return ExitCode.NOTHING_SELECTED
    left_out, files = [], []
    for file in selection.valid:
        refused = refusals(file, foreign_gateway=False)
        if refused is None:
            files.append(file)
        else:
            left_out.append((file.name, _why(refused)))
    simulated, real = args.runs / "simulated", args.runs / "live"
    seeds = range(args.seed, args.seed + 1)
    wait, cores = args.longest_wait, joblib.cpu_count()
    try:
        how = live_manner(args, keep_all=True)
    except NotPossible as error:
        print(f"airbed: {error}", file=sys.stderr)
        return ExitCode.INVALID
    try:
        verdicts = _run(
            jobs_of(files, seeds), simulated, Manner(keep_all=True, longest_wait=wait), cores
        )
        verdicts |= _run(longest_first(files, seeds), real, how, args.jobs or LIVE_JOBS * cores)
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    report = fidelity(simulated, real, left_out)
    pages = write_pages(report, args.runs)
    print(summary(report))
    print(f"look at       {pages[-1]}")
    if "error" in verdicts:
        return ExitCode.INTERNAL_ERROR
    return ExitCode.OK if verdicts <= {"passed"} else ExitCode.FAILED


def _run(jobs: Iterable[Job], runs: Path, how: Manner, workers: int) -> set[str]:
    """Run all of them; the verdicts there were. Raises KeyboardInterrupt."""
    shutil.rmtree(runs, ignore_errors=True)
    runs.mkdir(parents=True)
    console, verdicts = Terminal(highlight=False, soft_wrap=True), set[str]()
    with outcomes_of(jobs, runs, how, workers=workers, backend="loky") as outcomes:
        for outcome in outcomes:
            if outcome.verdict == "interrupted":
                raise KeyboardInterrupt
            verdicts.add(outcome.verdict)
            world = "live       " if how.is_live else "simulated  "
            console.print(Text(world, "dim").append_text(line_of(outcome)))
            if outcome.verdict != "passed":
                console.print(told(outcome))
    return verdicts


def _why(refused: InvalidScenario) -> str:
    return "; ".join(dict.fromkeys(each.message for each in refused.diagnostics))
