"""`airbed fidelity`: runs scenarios in both worlds with the same seed and compares the records."""

import argparse
import shutil
import sys
from typing import Final

from reports.fidelity_pages import summary, write_pages
from reports.two_worlds import fidelity
from scenarios.engine.commands.console import RunConsole, Terminal
from scenarios.engine.commands.live_limits import refusals
from scenarios.engine.commands.live_run import why_it_ended
from scenarios.engine.commands.selection import select
from scenarios.engine.exit_codes import ExitCode
from scenarios.engine.format.diagnostics import InvalidScenario
from scenarios.engine.format.waits import shortened
from scenarios.engine.running.runner import Runner
from scenarios.engine.world.live_stage import LiveOptions, live
from sim.live.process import ServerFailed

DEFAULT: Final = ("flows", "security", "faults/invalid_token.yaml")
"""Of the shipped scenarios those that need no more than seconds in real time."""


def fidelity_command(args: argparse.Namespace) -> int:
    """Run `args.files` in both worlds and write `fidelity.md` and `.html` below `args.runs`.

    0: all runs passed in both worlds; 1: at least one did not; 2: interrupted; 4: bad usage. What
    a live world cannot do is left out, and the report says so. Differences are no failure.
    """
    selection = select(args.files or [f"scenarios/{name}" for name in DEFAULT])
    for error in selection.invalid:
        print(error.render().plain, file=sys.stderr)
    if selection.invalid:
        return ExitCode.INVALID
    if not selection.valid:
        print("airbed: no scenario files (*.yaml) there", file=sys.stderr)
        return ExitCode.NOTHING_SELECTED
    left_out, planned = [], []
    for file in selection.valid:
        refused = refusals(file, foreign_gateway=False)
        if refused is None:
            planned += [(file, shortened(cell, args.longest_wait)) for cell in file.cells]
        else:
            left_out.append((file.name, _why(refused)))
    simulated, real = args.runs / "simulated", args.runs / "live"
    for directory in (simulated, real):
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
    console = RunConsole(Terminal(), total=2 * len(planned), brief=True, verbose=False)
    runners = (Runner(simulated, console), Runner(real, console, stages=live(LiveOptions())))
    passed = True
    try:
        for file, cell in planned:
            for runner in runners:
                result = runner.run(file, cell, args.seed)
                if result.verdict == "interrupted":
                    return ExitCode.INTERRUPTED
                passed = passed and result.verdict == "passed"
    except (OSError, ServerFailed) as error:
        reason = why_it_ended(error)
        if reason is None:
            raise
        print(f"airbed: {reason}", file=sys.stderr)
        return ExitCode.INVALID
    report = fidelity(simulated, real, left_out)
    pages = write_pages(report, args.runs)
    print(summary(report))
    print(f"look at       {pages[-1]}")
    return ExitCode.OK if passed else ExitCode.FAILED


def _why(refused: InvalidScenario) -> str:
    return "; ".join(dict.fromkeys(each.message for each in refused.diagnostics))
