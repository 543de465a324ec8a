"""The arguments of the command `airbed`: commands, options, and what is wrong with them.

Bad usage ends in a message and its exit code here; `cli.py` does what was asked for.
"""

import argparse
import re
import sys
from pathlib import Path
from typing import Final, NamedTuple, NoReturn

from scenarios.engine.commands.live_arguments import (
    add_fidelity,
    add_jobs,
    add_live,
    add_live_worlds,
    add_serve,
)
from scenarios.engine.commands.option_values import seed, seeds
from scenarios.engine.commands.tags import Condition, TagError, parse_tags
from scenarios.engine.exit_codes import ExitCode
from scenarios.engine.format.diagnostics import did_you_mean
from scenarios.engine.format.units import UnitError, parse_time
from scenarios.engine.shipped import SHIPPED, shown
from scenarios.engine.version import airbed_version

COMMANDS: Final = {
    "run": "run scenarios",
    "check": "find the mistakes in scenario files, run nothing",
    "list": "list the scenarios that come with Airbed, or those in a directory",
    "sweep": "run scenarios with many seeds, in parallel",
    "replay": "repeat a recorded run, up to its end or to a moment",
    "serve": "start the gateway, the site or the push services for hand testing",
    "fidelity": "run scenarios in both worlds and compare them hop by hop",
    "diff": "name the first event in which two recorded runs differ",
    "schema": "print the JSON Schema of scenario files, for editors",
}
_EPILOG: Final = """\
exit codes: 0 ok, 1 a scenario failed, 2 interrupted, 3 internal error,
            4 bad usage or an invalid file, 5 nothing selected

start with: airbed list, then airbed run flows/ten_steps.yaml
"""
_A_RECORD: Final = "the record of a run, a directory below runs/"
_NEGATIVE: Final = re.compile(r"-[0-9.]")


class Moment(NamedTuple):
    """A virtual time as it was asked for."""

    seconds: float
    text: str


class _Parser(argparse.ArgumentParser):
    """Ends with our exit code for bad usage."""

    def error(self, message: str) -> NoReturn:
        print(f"airbed: {message}\ntry next: {self.prog} --help", file=sys.stderr)
        raise SystemExit(int(ExitCode.INVALID))


def parse(arguments: list[str]) -> argparse.Namespace:
    """What a command line (without the program's name) asks for.

    Raises SystemExit for --help, --version and bad usage, as argparse does.
    """
    parser, commands = make_parser()
    for place, argument in enumerate(arguments, start=1):
        if not _is_text(argument):
            parser.error(f"argument {place} is not text in UTF-8: {argument!a}")
    first = next((each for each in arguments if not each.startswith("-")), None)
    if first is not None and first not in COMMANDS:
        parser.error(f"there is no command '{first}'; {did_you_mean(first, COMMANDS)}")
    args, unknown = parser.parse_known_args(_joined(arguments))
    if unknown:
        commands[args.command].error(f"unrecognized arguments: {' '.join(unknown)}")
    return args


def make_parser() -> tuple[argparse.ArgumentParser, dict[str, argparse.ArgumentParser]]:
    """The parser of the whole command line, and that of each command by its name."""
    parser = _Parser(
        prog="airbed",
        description="An end-to-end testbed for Moodle Mobile push notifications.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"airbed {airbed_version()}")
    common = _Parser(add_help=False)
    common.add_argument("--debug", action="store_true", help="show a traceback on internal errors")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    add = {
        name: commands.add_parser(
            name,
            help=text,
            description=f"{text[0].upper()}{text[1:]}.",
            parents=[common],
            allow_abbrev=False,
        )
        for name, text in COMMANDS.items()
    }
    _add_run(add["run"])
    add_serve(add["serve"])
    add_fidelity(add["fidelity"])
    add["check"].add_argument("files", nargs="+", metavar="FILE|DIR", help="files to check")
    _add_list(add["list"])
    _add_sweep(add["sweep"])
    _add_replay(add["replay"])
    for name in ("left", "right"):
        add["diff"].add_argument(name, type=Path, metavar="RUN", help=_A_RECORD)
    return parser, dict(add)


def _is_text(argument: str) -> bool:
    """Whether it can be written into a record; Python passes other bytes on as surrogates."""
    try:
        argument.encode()
    except UnicodeEncodeError:
        return False
    return True


def _joined(arguments: list[str]) -> list[str]:
    """The same with an option and a value like `-1s` in one word: argparse would take the value
    for an option, and miss the value.
    """
    joined: list[str] = []
    for argument in arguments:
        if _NEGATIVE.match(argument) and joined and joined[-1].startswith("--"):
            joined[-1] += f"={argument}"
        else:
            joined.append(argument)
    return joined


def _add_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="+", metavar="FILE|DIR", help="scenarios to run")
    _add_tags(parser)
    parser.add_argument(
        "--seed", type=seed, metavar="N", help="run with this seed instead of the file's"
    )
    parser.add_argument(
        "--cell",
        metavar="VALUES",
        help="only the cells of the matrix with these values: platform=ios,app_state=closed",
    )
    parser.add_argument(
        "--runs",
        type=Path,
        default=Path("runs"),
        metavar="DIR",
        help="where the records of the runs go (default: runs)",
    )
    parser.add_argument(
        "--pcap",
        action="store_true",
        help="write all packets into the record, for Wireshark (passwords and tokens included)",
    )
    add_live(parser)
    volume = parser.add_mutually_exclusive_group()
    volume.add_argument("-q", "--quiet", action="store_true", help="only verdicts and summary")
    volume.add_argument("-v", "--verbose", action="store_true", help="every hop of every message")


def _add_list(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "directory",
        nargs="?",
        default=str(shown(SHIPPED)),
        metavar="DIR",
        help="where to look (default: what comes with Airbed)",
    )
    _add_tags(parser)


def _add_replay(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", type=Path, metavar="RUN", help=_A_RECORD)
    parser.add_argument(
        "--until",
        type=_moment,
        metavar="T",
        help="stop at this virtual time, as traces have it: 2.5s, 300ms",
    )
    parser.add_argument(
        "--break",
        dest="condition",
        metavar="CONDITION",
        help="stop at the first event that matches: 'kind == push.retry and delay > 10'",
    )


def _add_tags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-t",
        "--tags",
        type=_tags,
        action="append",
        default=[],
        metavar="TAGS",
        help="only scenarios with these tags: smoke, 'smoke and not slow'",
    )


def _tags(text: str) -> Condition:
    try:
        return parse_tags(text)
    except TagError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _add_sweep(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="+", metavar="FILE|DIR", help="scenarios to run")
    _add_tags(parser)
    parser.add_argument(
        "--seeds",
        type=seeds,
        metavar="A..B",
        help="the first and the last seed (default: those that each file asks for)",
    )
    add_jobs(parser)
    add_live_worlds(parser)
    parser.add_argument(
        "--backend",
        choices=("loky", "dask", "ray"),
        default="loky",
        help="what spreads the work: processes here (loky), or a cluster",
    )
    parser.add_argument(
        "--keep",
        choices=("failures", "all"),
        default="failures",
        help="which runs leave a record (default: failures)",
    )
    parser.add_argument(
        "--runs",
        type=Path,
        default=Path("runs"),
        metavar="DIR",
        help="where the directory of the sweep goes (default: runs)",
    )


def _moment(text: str) -> Moment:
    try:
        return Moment(parse_time(text), text)
    except UnitError as error:
        raise argparse.ArgumentTypeError(f"{error}; {error.help}") from None
