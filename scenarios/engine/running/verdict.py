"""The verdict on a run: what was measured while it ran, held against what the scenario expects.

Invariants first; after a flow that failed nothing else, which would only fail for its sake. Then
faults that never fired, fates, and checks.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.text import Text

from scenarios.engine.format.expression_syntax import ExpressionError
from scenarios.engine.format.expressions import Expression
from scenarios.engine.format.models import Expect
from scenarios.engine.format.nodes import Location
from scenarios.engine.format.places import Places
from scenarios.engine.leaks import LeakScanner
from scenarios.engine.ledger.audit import Audit
from scenarios.engine.ledger.fates import Ledger
from scenarios.engine.ledger.invariants import Evidence, Witness, check
from scenarios.engine.ledger.notifications import Notification
from scenarios.engine.ledger.observations import Observations
from scenarios.engine.running.context import Context
from scenarios.engine.running.play import RunScope
from scenarios.engine.running.results import CheckOutcome, RunResult
from sim.trace.recorder import Event

MAX_CULPRITS: Final = 3
"""Notifications shown with a number of fates that is not the expected one."""
MAX_VIOLATIONS: Final = 5
"""Shown of one invariant; the record has them all."""
_A_MOMENT: Final = 1000
"""Virtual ns after the last that was seen of a notification: a replay still shows that."""


@dataclass(slots=True)
class Measures:
    """Everything that reads the trace while it is made."""

    ledger: Ledger
    observations: Observations
    witness: Witness
    server_errors: list[str]

    def feed(self, event: Event) -> None:
        self.ledger.feed(event)
        self.observations.feed(event)
        self.witness.feed(event)
        if event["kind"] == "server.error":
            self.server_errors.append(f"{event['host']}: {event['error']}")


def judge(
    context: Context,
    measures: Measures,
    audit: Audit | None,
    written: Iterable[Path],
    result: RunResult,
    places: Places,
) -> None:
    """Take what was measured into the result, and hold it against what the scenario expects.

    `audit`: what servers and phones hold at the end, None if that was not reached. `written`: the
    record's files, in which no secret may be.
    """
    deployment, ledger = context.deployment, measures.ledger
    leaks = LeakScanner(deployment.secrets())
    evidence = Evidence(
        ledger,
        measures.witness,
        deployment.phones_of_tokens(),
        [leak for path in written for leak in leaks.scan(path)],
        audit,
    )
    result.faults = list(context.faults.outcomes())
    result.fates = ledger.counts()
    result.observations = measures.observations.all()
    if result.verdict != "interrupted":
        _compare(context, evidence, result, places)
    for text in dict.fromkeys(measures.server_errors):
        result.fail(Text(f"error[server-error]: {text}", "bold red"))


def _compare(context: Context, evidence: Evidence, result: RunResult, places: Places) -> None:
    """Hold what was measured against `expect`."""
    expect = context.scenario.expect
    scope = RunScope(context, result.cell.values)
    _compare_invariants(expect, evidence, result, places, context.deployment.stage.not_judged)
    if result.verdict == "failed":
        return  # after half a flow the rest would only fail for the step's sake
    _compare_faults(result, places)
    fates = expect.fates
    if fates is not None and _applies(fates.when, scope, result, places, ("expect", "fates")):
        for fate, wanted in fates.counts().items():
            actual = result.fates[fate]
            if actual != wanted:
                message = f"{fate}: {actual} of {result.fates['created']}, expected {wanted}"
                culprits = _culprits(evidence.ledger, fate, too_many=actual > wanted)
                note = "; ".join(map(_last_seen, culprits[:MAX_CULPRITS]))
                where = ("expect", "fates", fate)
                failure = places.failure("fate", message, where, at_key=True, note=note)
                result.fail(failure, culprits[0].last_time + _A_MOMENT if culprits else None)
    for index, condition in enumerate(expect.checks):
        held: bool | None = None
        here = ("expect", "checks", index)
        if _applies(condition.when, scope, result, places, here):
            location = (*here, "that")
            try:
                held = condition.that.holds(scope)
            except ExpressionError as error:
                result.fail(places.failure("check", str(error), location))
            if held is False:
                names = (name.path for name in condition.that.names())
                message = f"check failed: {condition.that.text}"
                note = ", ".join(_measured(scope, path) for path in names)
                result.fail(places.failure("check", message, location, note=note))
        result.checks.append(CheckOutcome(condition.that.text, held))
    if len(result.failures) == sum(fault.is_missing for fault in result.faults):
        result.circumstances = ()  # what did not happen is not seen at the end of the flow


def _applies(
    when: Expression | None, scope: RunScope, result: RunResult, places: Places, here: Location
) -> bool:
    """Whether something is expected at all; the run fails if that cannot be worked out."""
    try:
        return when is None or when.holds(scope)
    except ExpressionError as error:
        result.fail(places.failure("bad-condition", str(error), (*here, "when")))
        return False


def _compare_faults(result: RunResult, places: Places) -> None:
    note = "with may_not_fire: true this is fine"
    for place, fault in zip(result.cell.fault_places, result.faults, strict=True):
        if fault.is_missing:
            where = ("faults", place, "inject")
            failure = places.failure("fault-not-fired", str(fault), where, note=note)
            result.fail(failure, fault.started)


def _compare_invariants(
    expect: Expect,
    evidence: Evidence,
    result: RunResult,
    places: Places,
    not_judged: Sequence[str],
) -> None:
    for index, name in enumerate(expect.invariants):
        if name in not_judged:
            continue
        verdict = check(name, evidence)
        result.invariants.append(verdict)
        if not verdict.holds:
            shown = "; ".join(verdict.violations[:MAX_VIOLATIONS])
            more = len(verdict.violations) - MAX_VIOLATIONS
            message = f"the invariant {name} does not hold: {shown}"
            message += f"; and {more} more" if more > 0 else ""
            place = ("expect", "invariants", index)
            result.fail(places.failure("invariant", message, place))


def _culprits(ledger: Ledger, fate: str, *, too_many: bool) -> list[Notification]:
    """The notifications that came to a fate of which there are too many, or that did not."""

    def came(notification: Notification) -> bool:
        if fate == "duplicate":
            return notification.duplicates > 0
        return fate in (notification.fate, notification.reading)

    if fate == "created":
        return []  # nobody did anything wrong with those that there are
    return [each for each in ledger.notifications if came(each) is too_many]


def _last_seen(notification: Notification) -> str:
    at = notification.last_time / 1e9
    return f"notification {notification.number}: {notification.last_hop} at {at:.3f} s"


def _measured(scope: RunScope, path: tuple[str, ...]) -> str:
    name = ".".join(path)
    try:
        value = scope.reference(path) if path[0] == "matrix" else scope.observation(path)
    except LookupError:
        value = scope.reference(path)
    return f"{name} is {value}"
