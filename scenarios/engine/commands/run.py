"""`airbed run`: all cells of the given scenarios, each with all its seeds, one after the other."""

import argparse
import os
import sys
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Final

from reports.junit import junit_xml
from reports.reading import Record
from scenarios.engine.commands.before_run import ResetFailed
from scenarios.engine.commands.cells import no_such_cell, plan
from scenarios.engine.commands.console import MANY, RunConsole, Terminal
from scenarios.engine.commands.live_run import limits, why_it_ended, worlds
from scenarios.engine.commands.next_steps import next_steps
from scenarios.engine.commands.possible import NotPossible, Skipped
from scenarios.engine.commands.running_line import RunningLine
from scenarios.engine.exit_codes import ExitCode
from scenarios.engine.running.inspectors import Capturing, Listening
from scenarios.engine.running.results import RunResult
from scenarios.engine.running.runner import EXIT_CODES, Inspector, Runner
from scenarios.engine.world.foreign_gateway import GatewayUnreachable
from scenarios.engine.world.preflight import Findings
from sim.live.process import ServerFailed

JUNIT: Final = "junit.xml"
MAX_RUNS: Final = 10_000
"""Of one command: each leaves a record, and a day has not many more runs."""


def run_command(args: argparse.Namespace) -> int:
    """Run what `args.scenarios` (loaded and checked) asks for; returns the exit code.

    0: all that could be run passed, 1: at least one failed, 2: interrupted. `args.seed` replaces
    the seeds of the files, `args.cell` leaves only some cells, `args.live` and its like choose the
    world (see `live_run`), records go below `args.runs`, and a JUnit file for all of them beside
    the records.
    """
    trouble = _contradiction(args)
    if trouble is not None:
        print(f"airbed: {trouble}", file=sys.stderr)
        return ExitCode.INVALID
    planned = list(islice(plan(args.scenarios, args.seed, args.cell), MAX_RUNS + 1))
    if len(planned) > MAX_RUNS:
        hint = "choose with --seed or --cell, or try `airbed sweep`, which keeps a line of each"
        print(f"airbed: these are more than {MAX_RUNS:,} runs; {hint}", file=sys.stderr)
        return ExitCode.INVALID
    if not planned:
        print(no_such_cell(args.cell, args.scenarios), file=sys.stderr)
        return ExitCode.NOTHING_SELECTED
    able = limits(args)
    skipped: list[Skipped] = []
    try:
        if able is not None:
            planned, skipped = able.runs(planned)
        where = worlds(args, planned)
    except NotPossible as error:
        print(f"airbed: {error}", file=sys.stderr)
        return ExitCode.INVALID
    brief = args.quiet or (len(planned) > MANY and not args.verbose)
    terminal = Terminal()
    _tell(where.found, quiet=args.quiet)
    console = RunConsole(terminal, total=len(planned), brief=brief, verbose=args.verbose)
    inspectors: list[Inspector] = [Capturing()] if args.pcap else []
    if terminal.is_terminal:
        inspectors.append(RunningLine(terminal))
    if args.verbose:
        inspectors.append(Listening(console.show_event))
    runner = Runner(
        args.runs, console, inspectors, stages=where.stages, live_arguments=where.arguments
    )
    results: list[RunResult] = []
    interrupted, stopped = False, None
    for file, cell, seed in planned:
        try:
            where.prepare()
            results.append(runner.run(file, where.cell(cell), seed))
        except KeyboardInterrupt:  # between two steps of the engine itself
            interrupted = True
        except (OSError, ServerFailed, GatewayUnreachable, ResetFailed) as error:
            stopped = why_it_ended(error)
            if stopped is None:
                raise
            break
        if interrupted or results[-1].verdict == "interrupted":
            interrupted = True
            break
    if results or stopped is None:
        junit = _write_junit(args.runs, results, skipped)
        steps = next_steps(results, args.cell, with_packets=args.pcap) if results else []
        console.summary(results, junit, steps, interrupted=interrupted, skipped=skipped)
    if stopped is not None:
        print(f"airbed: {stopped}", file=sys.stderr)
        return ExitCode.INVALID
    if interrupted:
        return ExitCode.INTERRUPTED
    return max((EXIT_CODES[result.verdict] for result in results), default=ExitCode.OK)


def _tell(found: Findings, *, quiet: bool) -> None:
    """What was found out about an external gateway before the first run."""
    for note in found.notes:
        print(f"airbed: {note}", file=sys.stderr)
    if found.told and not quiet:
        print(f"preflight     {'; '.join(found.told)}")


def _contradiction(args: argparse.Namespace) -> str | None:
    """What of the arguments would have no effect, and what to do; None if there is nothing."""
    if args.cell is not None and not args.cell.strip(" ,"):
        return "--cell names no value: write --cell AXIS=VALUE, or leave it out for all cells"
    for option in ("gateway_log", "before_run") if args.gateway is None else ():
        if getattr(args, option) is not None:
            name = option.replace("_", "-")
            return f"--{name} is for an external gateway: add --gateway URL"
    for who in ("app", "site") if args.gateway is None else ():
        # From the environment a key is only there in case it is needed.
        key = getattr(args, f"gateway_{who}_key")
        if key not in (None, os.environ.get(f"AIRBED_GATEWAY_{who.upper()}_KEY")):
            return f"--gateway-{who}-key is for an external gateway: add --gateway URL"
    return None


def _write_junit(runs: Path, results: Sequence[RunResult], skipped: Sequence[Skipped]) -> Path:
    records = [Record.read(result.record) for result in results if result.record is not None]
    summaries = [record.summary for record in records]
    summaries += [each.summary(seed) for each in skipped for seed in each.seeds]
    runs.mkdir(parents=True, exist_ok=True)
    path = runs / JUNIT
    path.write_text(junit_xml(summaries), encoding="utf-8")
    return path
