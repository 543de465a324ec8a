"""`airbed diff RUN RUN`: the first event in which two recorded runs differ, and what came of it."""

import argparse
from collections.abc import Sequence
from typing import Any, Final

from rich.text import Text

from reports.differences import (
    ABSENT,
    Change,
    FirstEvent,
    first_difference,
    provenance_changes,
    request_changes,
    summary_changes,
)
from reports.reading import Record, clock
from scenarios.engine.commands.console import Terminal
from scenarios.engine.exit_codes import ExitCode

MAX_CHANGES: Final = 20
"""Shown of the differences between two summaries."""

_HEAD: Final = ("t", "host", "kind")


def diff_command(args: argparse.Namespace) -> int:
    """Compare `args.left` and `args.right` (directories); returns the exit code.

    0: the same run with the same events and the same outcome, 1: not. Raises NotARecord.
    """
    left, right = Record.read(args.left), Record.read(args.right)
    console = Terminal(highlight=False, soft_wrap=True)
    asked = request_changes(left, right)
    made_with = provenance_changes(left, right)
    first = first_difference(left, right)
    outcome = summary_changes(left, right)
    for sign, record in (("-", left), ("+", right)):
        console.print(Text(f"{sign} {record.path}  {record.name}"))
    if asked:
        head = Text("\nnot the same run: it is no surprise that these differ", "bold")
        console.print(head, changes(asked), sep="\n")
    if made_with:
        console.print(Text("\nmade with", "bold"), changes(made_with), sep="\n")
    if first is None:
        console.print(Text("\nthe events are the same"))
    else:
        console.print(Text(), where_they_part(first), sep="\n")
    if outcome:
        console.print(Text("\noutcome", "bold"), changes(outcome), sep="\n")
    elif first is None:
        console.print(Text("so is the outcome"))
    return ExitCode.FAILED if asked or first is not None or outcome else ExitCode.OK


def where_they_part(first: FirstEvent) -> Text:
    """The first event that differs: the events before it, both events, and their fields."""
    text = Text(f"event {first.number} is the first that differs\n", "bold")
    for place, event in enumerate(first.before, start=first.number - len(first.before)):
        text.append_text(_line(" ", place, event, "dim"))
    text.append_text(_line("-", first.number, first.left, "red"))
    text.append_text(_line("+", first.number, first.right, "green"))
    if first.left is not None and first.right is not None:
        text.append_text(changes(first.fields))
    text.rstrip()
    return text


def changes(found: Sequence[Change]) -> Text:
    """One line for each difference: its name, the left and the right value."""
    shown = found[:MAX_CHANGES]
    name = max(len(change.path) for change in shown)
    value = max(len(_shown(change.left)) for change in shown)
    text = Text()
    for change in shown:
        text.append(f"    {change.path:{name}}  ")
        text.append(f"{_shown(change.left):{value}}", "red")
        text.append("  ").append(f"{_shown(change.right)}\n", "green")
    if len(found) > MAX_CHANGES:
        text.append(f"    and {len(found) - MAX_CHANGES} more\n", "dim")
    text.rstrip()
    return text


def _line(sign: str, number: int, event: dict[str, Any] | None, style: str) -> Text:
    if event is None:
        return Text(f"{sign} {number:6}  (the trace ends here)\n", style)
    fields = " ".join(f"{key}={value}" for key, value in event.items() if key not in _HEAD)
    at = clock(event["t"])
    return Text(
        f"{sign} {number:6}  {at:>12} {event['host']:13} {event['kind']:19} {fields}\n", style
    )


def _shown(value: Any) -> str:
    return value if value is ABSENT else repr(value)
