"""What a run prints: each step as it happens, then what came of it; a line a run when many.

Colours and the running line are for terminals; piped, it is plain text, complete and in order.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, NoReturn

from rich.console import Console
from rich.text import Text

from reports.reading import seconds
from scenarios.engine.commands.possible import Skipped, reasons
from scenarios.engine.ledger.notifications import READINGS, Fate
from scenarios.engine.running.play import StepOutcome
from scenarios.engine.running.results import RunResult
from scenarios.engine.shipped import typed
from sim.trace.recorder import Event

MANY: Final = 12
"""With more runs than this, each is one line."""

_STYLES: Final = {"passed": "green", "failed": "bold red", "interrupted": "yellow"}
_MARKS: Final = {
    "passed": "ok", "failed": "FAILED", "skipped": "skipped",
    "excused": "excused", "running": "...",
}  # fmt: skip
_WIDTH: Final = 14
_HEAD: Final = ("t", "host", "kind")


class Terminal(Console):
    """Standard output. Raises BrokenPipeError when its reader has gone (`airbed run | head`)."""

    def on_broken_pipe(self) -> NoReturn:
        raise BrokenPipeError


class RunConsole:
    """Prints how runs go.

    `brief`: one line for each run instead of its steps; `verbose`: every event of the trace, too.
    """

    def __init__(self, console: Console, *, total: int, brief: bool, verbose: bool) -> None:
        self._console = console
        self._total = total
        self._brief = brief
        self._verbose = verbose
        self._done = 0
        self._reader_has_gone = False

    def run_started(self, result: RunResult) -> None:
        """A run begins."""
        if not self._brief:
            title = Text(result.cell.scenario.name, "bold")
            cell = f"  {result.cell.id}" if result.cell.id else ""
            self._print(Text("\n").append_text(title))
            self._print(Text(f"{typed(result.file.path)}{cell}  seed {result.seed}", "dim"))

    def step_started(self, step: StepOutcome) -> None:
        """A step begins; it is printed when it is over, unless events come in between."""
        if self._reader_has_gone:
            raise BrokenPipeError
        if self._verbose:
            self._print(_moment(step.start).append(f"{step.n:3} {step.do} {step.by}", "bold"))

    def show_event(self, event: Event) -> None:
        """Print an event of the trace; the steps are printed anyway."""
        if event["host"] == "engine":
            return
        fields = " ".join(f"{name}={value}" for name, value in event.items() if name not in _HEAD)
        line = f"    {event['host']:13} {event['kind']:19} {fields}"
        try:
            self._print(_moment(event["t"]).append(line, "dim"))
        except BrokenPipeError:
            # Events happen inside servers and phones, which have nothing to do with our output.
            self._reader_has_gone = True

    def step_finished(self, step: StepOutcome) -> None:
        """A step is over."""
        if self._brief:
            return
        took = "" if step.end is None else seconds(step.end - step.start)
        end = step.start if step.end is None else step.end
        line = _moment(end if self._verbose else step.start)
        line.append(f"{step.n:3} {step.do:17}{step.by:10}")
        line.append(f"{_MARKS[step.status]:8}", _STYLES.get(step.status, "dim"))
        line.append(f"{took:>9}", "dim")
        shown = step.excuse or _results(step)
        if shown:
            line.append(f"   {shown}", "dim")
        self._print(line)

    def run_finished(self, result: RunResult) -> None:
        """A run is over."""
        self._done += 1
        if self._brief:
            self._print(self._line(result))
            for failure in result.failures:
                self._print(failure)
            for told in result.external_gateway if result.failures else ():
                self._field("gateway", Text(told))
            return
        self._field("fates", _fates(result.fates))
        for fault in result.faults:
            self._field("fault", Text(f"{fault.fault.inject} {fault.fault.target}: {fault}", "dim"))
        if result.invariants:
            self._field("invariants", _invariants(result))
        for check in result.checks:
            if check.held is not None:
                self._field("check", Text(f"{'ok' if check.held else 'FAILED'}  {check.that}"))
        for failure in result.failures:
            self._print(Text(""), failure)
        if result.verdict == "failed":
            for section in result.circumstances:
                self._print(Text(f"\n{section.title}", "bold"))
                for line in section.lines:
                    self._print(Text(f"  {line}", "dim"))
            self._print(Text())
        for told in result.external_gateway:
            self._field("gateway", Text(told))
        for unseen in result.not_observed:
            self._field("not observed", Text(unseen, "yellow"))
        took = seconds(round(result.virtual_seconds * 1e9))
        times = f"  {took} of virtual time in {result.wall_seconds:.2f} s"
        if result.mode == "live":
            times = (
                f"  {took} to the end of the flow, {result.wall_seconds:.2f} s until all stopped"
            )
        verdict = Text(result.verdict, _STYLES[result.verdict]).append(times, "dim")
        self._field("verdict", verdict)
        if result.failures:
            self._field("cause", Text(result.cause, "bold red"))
        if result.mode == "simulated":
            self._field("wire digest", Text(result.wire_digest))
        self._field("record", Text(str(result.record)))
        self._field("run again", Text(result.command))

    def summary(
        self,
        results: Sequence[RunResult],
        junit: Path,
        steps: Sequence[tuple[str, str]],
        *,
        interrupted: bool,
        skipped: Sequence[Skipped] = (),
    ) -> None:
        """All runs are over; `steps` are what to do now, each with its name."""
        self._print(Text(""))
        if len(results) > 1 and not self._brief:
            self._print(_table(results))
        for which, why in reasons(skipped):
            self._field("skipped", Text(which, "yellow"))
            self._field("", Text(why, "dim"))
        failed = [result for result in results if result.verdict == "failed"]
        passed = sum(result.verdict == "passed" for result in results)
        wall = sum(result.wall_seconds for result in results)
        text = Text.assemble((f"{passed} passed", "green"), ", ")
        text.append(f"{len(failed)} failed", "bold red" if failed else "dim")
        if skipped:
            text.append(f", {sum(len(each.seeds) for each in skipped)} skipped", "yellow")
        if interrupted:  # always one run: nothing else happens between the first and the last
            text.append(", 1 interrupted", "yellow")
        not_run = self._total - passed - len(failed) - int(interrupted)
        if interrupted or not_run:
            text.append(f", {not_run} not run", "yellow")
        self._print(text.append(f"  in {wall:.1f} s", "dim"))
        if failed and (self._brief or len(results) > 1):
            self._field("first cause", Text(failed[0].cause, "bold red"))
        for name, step in steps:
            self._field(name, Text(step))
        self._field("junit", Text(str(junit)))

    def _line(self, result: RunResult) -> Text:
        fates = {name: count for name, count in result.fates.items() if count}
        counts = " ".join(f"{name}={count}" for name, count in fates.items())
        return Text.assemble(
            (f"[{self._done:{len(str(self._total))}}/{self._total}] ", "dim"),
            (f"{result.verdict:12}", _STYLES[result.verdict]),
            f"{result.file.path.stem} {result.cell.id} seed {result.seed}  ",
            (f"{counts}  {result.wire_digest[:8]}  {result.wall_seconds:.2f} s", "dim"),
        )

    def _field(self, name: str, text: Text) -> None:
        self._print(Text(f"{name:{_WIDTH}}", "bold").append_text(text))

    def _print(self, *texts: Text) -> None:
        for text in texts:
            self._console.print(text, soft_wrap=True, highlight=False)


def _moment(ns: int) -> Text:
    return Text(f"{ns / 1e9:11.3f} s ", "cyan")


def _results(step: StepOutcome) -> str:
    """The results of a step that are short and no secret."""
    shown = []
    for name, value in step.results.items():
        if name in ("token", "alert") or value is None or isinstance(value, dict):
            continue
        shown.append(f"{name}={value}")
    return "  ".join(shown)


def _fates(fates: dict[str, int]) -> Text:
    text = Text(f"created {fates['created']}")
    parts = [fate.value for fate in Fate if fates[fate]]
    for index, name in enumerate(parts):
        text.append(" = " if index == 0 else " + ")
        text.append(f"{name} {fates[name]}", "bold red" if name == Fate.LOST else "")
        if name == Fate.DELIVERED:
            read = [f"{reading} {fates[reading]}" for reading in READINGS if fates[reading]]
            text.append(f" ({', '.join(read)})", "dim")
    if not fates["lost"]:
        text.append("; lost 0", "dim")
    return text.append(
        f"; duplicate {fates['duplicate']}", "bold red" if fates["duplicate"] else "dim"
    )


def _invariants(result: RunResult) -> Text:
    return Text("  ").join(
        Text(f"{each.name} {'holds' if each.holds else 'BROKEN'}", "" if each.holds else "bold red")
        for each in result.invariants
    )


def _table(results: Sequence[RunResult]) -> Text:
    rows = [("scenario", "cell", "seed", "verdict", "fates")]
    for result in results:
        fates = ", ".join(f"{fate} {result.fates[fate]}" for fate in Fate if result.fates[fate])
        name, cell = result.file.path.stem, result.cell.id
        rows.append((name, cell, str(result.seed), result.verdict, fates or "no notification"))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for number, row in enumerate(rows):
        style = "bold" if number == 0 else _STYLES[row[3]] if row[3] != "passed" else ""
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        lines.append(Text("  ".join(cells).rstrip(), style))
    return Text("\n").join(lines)
