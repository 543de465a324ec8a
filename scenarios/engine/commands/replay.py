"""`airbed replay RUN`: repeats a recorded run, wholly or up to a moment, and shows its state there.

The events of the repetition are compared with the recorded ones, and so is the wire digest.
"""

import argparse

from rich.console import Console
from rich.text import Text

from reports.differences import FirstEvent, first_difference
from reports.reading import Record
from scenarios.engine.commands.arguments import Moment
from scenarios.engine.commands.console import RunConsole, Terminal
from scenarios.engine.commands.diff import where_they_part
from scenarios.engine.exit_codes import ExitCode
from scenarios.engine.format.diagnostics import Diagnostic, Source, Span, did_you_mean, render
from scenarios.engine.format.expression_syntax import ExpressionError
from scenarios.engine.running.event_conditions import EventCondition
from scenarios.engine.running.play import StepOutcome
from scenarios.engine.running.replay import (
    NotReplayable,
    Recording,
    Stop,
    fields_of,
    first_event,
    kinds_of,
    open_recording,
)
from scenarios.engine.running.results import RunResult
from scenarios.engine.running.runner import Runner
from sim.scratch import Scratch


def replay_command(args: argparse.Namespace) -> int:
    """Repeat `args.run`; stop at `args.until` or `args.condition` (a text); returns the exit code.

    0: it repeated, or stopped where it was asked to; 1: it did not; 2: interrupted; 4: it cannot
    be repeated, or the condition is none. Raises NotARecord, InvalidScenario.
    """
    console = Terminal(highlight=False, soft_wrap=True)
    errors = Console(stderr=True, highlight=False, soft_wrap=True)
    try:
        recording = open_recording(args.run)
        number = None
        if args.condition is not None:
            condition = EventCondition(args.condition)
            number = _event_of(recording.record, condition)
            if number is None and args.until is None:
                errors.print(Text(_never(recording.record, condition)))
                return ExitCode.FAILED
    except NotReplayable as error:
        errors.print(Text(f"airbed: {error}"))
        return ExitCode.INVALID
    except ExpressionError as error:
        span = Span(error.start, error.end)
        mistake = Diagnostic("bad-condition", str(error), span, error.help)
        errors.print(render(Source("--break", args.condition), mistake))
        return ExitCode.INVALID
    if (
        recording.record.summary["verdict"] == "interrupted"
        and number is None
        and args.until is None
    ):
        errors.print(
            Text("airbed: this run was interrupted and has no end; say where to stop: --until")
        )
        return ExitCode.INVALID
    for difference in recording.differences:
        errors.print(Text(f"airbed: recorded with {difference}", "yellow"))
    stop = Stop(until=args.until and args.until.seconds, event=number)
    with Scratch("replay") as directory:
        progress = _Progress(console)
        runner = Runner(directory, progress, [stop])
        result = runner.run(recording.file, recording.cell, recording.seed)
        assert result.record is not None
        repeated = Record.read(result.record)
        if stop.state is not None:
            return _stopped(console, stop, args.until, recording, repeated)
        if result.verdict == "interrupted":
            return ExitCode.INTERRUPTED
        return _ended(console, args, recording, repeated)


def _event_of(record: Record, condition: EventCondition) -> int | None:
    number = first_event(record, condition)
    if number is None:
        known = fields_of(record)
        for name in condition.fields():
            if name not in known:
                start = condition.text.index(name)
                message = f"no event of this run has a field '{name}'"
                hint = did_you_mean(name, sorted(known))
                raise ExpressionError(message, start, start + len(name), hint)
    return number


def _never(record: Record, condition: EventCondition) -> str:
    text = f"airbed: no event in this run matches {condition.text}"
    if "kind" in condition.fields():
        text += "\n  its kinds of events: " + ", ".join(kinds_of(record))
    return text


def _stopped(
    console: Console,
    stop: Stop,
    until: Moment | None,
    recording: Recording,
    repeated: Record,
) -> int:
    assert stop.state is not None
    at = f"\nstopped at {stop.at:.6f} s of virtual time, after event {stop.events}"
    console.print(Text(at, "bold"))
    if until is not None and until.seconds < stop.began:
        console.print(Text(f"at {until.text} there is no flow yet: it begins here"))
    for section in stop.state:
        console.print(Text(f"\n{section.title}", "bold"))
        for line in section.lines:
            console.print(Text(f"  {line}"))
    first = first_difference(recording.record, repeated, upto=stop.events)
    return _judged(console, first, "\nso far the events are the recorded ones")


def _ended(
    console: Console, args: argparse.Namespace, recording: Recording, repeated: Record
) -> int:
    first = first_difference(recording.record, repeated)
    same = recording.record.summary["wire_digest"] == repeated.summary["wire_digest"]
    if first is None and not same:
        console.print(Text("\nthe events are the recorded ones, but the wire digest is another"))
        return ExitCode.FAILED
    code = _judged(
        console, first, "\nrepeated: the events and the wire digest are the recorded ones"
    )
    if args.until is not None:
        console.print(Text(f"the run ended before {args.until.text} of virtual time"))
        return ExitCode.FAILED
    return code


def _judged(console: Console, first: FirstEvent | None, good: str) -> int:
    if first is None:
        console.print(Text(good, "green"))
        return ExitCode.OK
    text = Text("\nit does not repeat: - is recorded, + is now\n", "bold red")
    console.print(text.append_text(where_they_part(first)))
    return ExitCode.FAILED


class _Progress:
    """Shows the steps as `airbed run` does, and the end without what is about the record."""

    def __init__(self, console: Console) -> None:
        self._steps = RunConsole(console, total=1, brief=False, verbose=False)
        self._console = console

    def run_started(self, result: RunResult) -> None:
        self._steps.run_started(result)

    def step_started(self, step: StepOutcome) -> None:
        self._steps.step_started(step)

    def step_finished(self, step: StepOutcome) -> None:
        self._steps.step_finished(step)

    def run_finished(self, result: RunResult) -> None:
        if result.verdict != "interrupted":
            for failure in result.failures:
                self._console.print(Text(), failure, sep="\n")
            self._console.print(Text(f"verdict       {result.verdict}"))
