"""The command `airbed`: check, list and run scenario files; print their JSON Schema.

Whatever a user gets wrong ends in a message and an exit code (`exit_codes.py`), never in a
traceback. What was asked for goes to standard output, mistakes to standard error.
"""

import argparse
import shlex
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console

from reports.reading import NotARecord
from scenarios.engine.commands.arguments import parse
from scenarios.engine.commands.selection import Selection, select
from scenarios.engine.commands.surroundings import (
    let_go_of_output,
    prepare_streams,
    say,
    trouble,
)
from scenarios.engine.exit_codes import ExitCode
from scenarios.engine.format.diagnostics import InvalidScenario
from scenarios.engine.format.schema import schema_text
from scenarios.engine.running.unfinished import SCRATCH
from scenarios.engine.shipped import typed
from sim.scratch import clear_away_leftovers


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line (without the program's name); its exit code.

    Raises SystemExit for --help, --version and bad usage, as argparse does.
    """
    prepare_streams()
    args = None
    try:
        args = parse(sys.argv[1:] if arguments is None else list(arguments))
        _clear_away(args)
        with _terminated_is_interrupted():
            code = int(_run_command(args))
        sys.stdout.flush()
        return code
    except SystemExit as asked:
        if (why := let_go_of_output()) is None or asked.code:
            raise
        say(f"airbed: {why}")
        raise SystemExit(int(ExitCode.INVALID)) from None
    except KeyboardInterrupt:
        say("\nairbed: interrupted")
        return ExitCode.INTERRUPTED
    except InvalidScenario as error:  # in a record; other files were loaded before
        say(error.render().plain)
        return ExitCode.INVALID
    except NotARecord as error:
        say(f"airbed: {error}")
        return ExitCode.INVALID
    except BrokenPipeError:  # the reader of our output has gone, as in `airbed list | head -1`
        let_go_of_output()
        return ExitCode.OK
    except OSError as error:
        why = trouble(error, getattr(args, "runs", None))
        if why is None:
            return _internal_error(error, args)
        say(f"airbed: {why}")
        return ExitCode.INVALID
    except Exception as error:
        return _internal_error(error, args)


def _clear_away(args: argparse.Namespace) -> None:
    """Remove what commands that were killed have left behind: certificates, keys, databases."""
    if args.command in ("run", "sweep", "replay", "serve", "fidelity"):
        clear_away_leftovers()
        if (runs := getattr(args, "runs", None)) is not None:
            clear_away_leftovers(runs / SCRATCH)


def _internal_error(error: Exception, args: argparse.Namespace | None) -> int:
    if args is None or args.debug:
        raise error
    say(
        f"airbed: internal error: {type(error).__name__}: {' '.join(str(error).split())}\n"
        "This is a mistake in Airbed. Please report it, with the scenario file and what the"
        " same command prints with --debug."
    )
    return ExitCode.INTERNAL_ERROR


@contextmanager
def _terminated_is_interrupted() -> Iterator[None]:
    """Within it, SIGTERM (of a build server, a container) ends a command as Ctrl-C does: with what
    there is so far, and nothing left behind."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _run_command(args: argparse.Namespace) -> int:
    match args.command:
        case "check":
            return _check(args)
        case "list":
            return _list(args)
        case "diff":
            from scenarios.engine.commands.diff import diff_command

            return diff_command(args)
        case "replay":
            from scenarios.engine.commands.replay import replay_command

            return replay_command(args)
        case "serve":
            from scenarios.engine.commands.serve import serve_command

            return serve_command(args)
        case "fidelity":
            from scenarios.engine.commands.fidelity import fidelity_command

            return fidelity_command(args)
        case "schema":
            print(schema_text(), end="")
            return ExitCode.OK
        case _:
            return _run(args)


def _run(args: argparse.Namespace) -> int:
    selection = select(args.files, args.tags)
    if selection.invalid:
        _show_mistakes(selection)
        say("nothing was run")
        return ExitCode.INVALID
    if not selection.valid:
        return _nothing(selection)
    # Not before it is needed: the other commands work without the simulation.
    from scenarios.engine.running.record import unwritable
    from scenarios.engine.running.unfinished import remove_abandoned

    why = unwritable(args.runs)
    if why is not None:
        say(f"airbed: {why}")
        return ExitCode.INVALID
    remove_abandoned(args.runs)
    args.scenarios, args.named = selection.valid, frozenset(selection.named)
    if args.command == "sweep":
        from scenarios.engine.commands.sweep import sweep_command

        return sweep_command(args)
    from scenarios.engine.commands.run import run_command

    return run_command(args)


def _check(args: argparse.Namespace) -> int:
    selection = select(args.files)
    for file in selection.valid:
        runs = len(file.cells) * len(file.seeds)
        print(f"ok       {file.path}: {_count(len(file.cells), 'cell')}, {_count(runs, 'run')}")
    for error in selection.invalid:
        print(f"invalid  {error.source.name}: {_count(len(error.diagnostics), 'mistake')}")
    sys.stdout.flush()
    _show_mistakes(selection)
    if selection.invalid:
        return ExitCode.INVALID
    if not selection.valid:
        return _nothing(selection)
    print(f"{_count(len(selection.valid), 'file')} checked, no mistakes")
    print(f"next: airbed run {shlex.join(args.files)}")
    return ExitCode.OK


def _list(args: argparse.Namespace) -> int:
    selection = select([args.directory], args.tags)
    if selection.valid:
        rows = [("FILE", "CELLS", "SEEDS", "TAGS", "NAME")]
        for file in selection.valid:
            counts = str(len(file.cells)), str(len(file.seeds))
            rows.append((typed(file.path), *counts, " ".join(file.tags), file.name))
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        for row in rows:
            print("  ".join(map(str.ljust, row, widths)).rstrip())
        smoke = (file for file in selection.valid if "smoke" in file.tags)
        print(f"\nnext: airbed run {shlex.quote(typed(next(smoke, selection.valid[0]).path))}")
    sys.stdout.flush()
    _show_mistakes(selection)
    if selection.invalid:
        return ExitCode.INVALID
    return ExitCode.OK if selection.valid else _nothing(selection)


def _nothing(selection: Selection) -> int:
    if selection.left_out:
        tags = sorted({tag for file in selection.left_out for tag in file.tags})
        say(f"airbed: no scenario has these tags\n  tags there are: {', '.join(tags) or 'none'}")
    else:
        say("airbed: no scenario files (*.yaml) there")
    return ExitCode.NOTHING_SELECTED


def _show_mistakes(selection: Selection) -> None:
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    for error in selection.invalid:
        console.print(error.render())
    mistakes = sum(len(error.diagnostics) for error in selection.invalid)
    if mistakes:
        files = _count(len(selection.invalid), "file")
        say(f"{_count(mistakes, 'mistake')} in {files}; correct them and try again")


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


if __name__ == "__main__":
    raise SystemExit(main())
