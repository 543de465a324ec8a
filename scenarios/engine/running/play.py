"""Plays the flow of a scenario: one step after the other, each within its time.

A step that fails, or whose results are not the expected ones, ends the flow: what comes after it
would only fail for its sake. One that may fail is excused, and the flow goes on: whoever did it has
given up. What they began goes on, as a page goes on loading that nobody waits for.
"""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast

import simpy
from rich.text import Text

from devices.errors import DeviceError
from devices.tokens import token_ref
from scenarios.engine.format.expression_syntax import ExpressionError
from scenarios.engine.format.expressions import Scope
from scenarios.engine.format.flow import Step
from scenarios.engine.format.nodes import Location
from scenarios.engine.format.places import Places
from scenarios.engine.format.references import as_text, resolve
from scenarios.engine.limited import DEFAULT_LIMIT, Overdue, limited
from scenarios.engine.running.arguments import resolved_arguments
from scenarios.engine.running.context import Context, Task
from scenarios.engine.running.steps.implemented import REGISTRY, Implementation
from scenarios.engine.step_failed import StepFailed, StepRefused


@dataclass(slots=True)
class StepOutcome:
    """How a step went. Times in ns of virtual time; `end` is None while it runs."""

    n: int
    do: str
    by: str
    title: str
    start: int
    arguments: dict[str, Any] = field(default_factory=dict)
    end: int | None = None
    status: str = "running"
    results: dict[str, Any] = field(default_factory=dict)
    failure: Text | None = None
    excuse: str = ""
    """Why a step that may fail did."""


class RunScope(Scope):
    """What expressions and references may name while a cell runs."""

    def __init__(self, context: Context, values: Mapping[str, Any]) -> None:
        self._context = context
        self._values = values

    def reference(self, path: tuple[str, ...]) -> Any:
        known = {"matrix": self._values} | self._context.saved
        return _look_up(known, path, "$")

    def observation(self, path: tuple[str, ...]) -> Any:
        name = ".".join(path)
        try:
            return self._context.observations.all()[name]
        except KeyError:
            raise LookupError(f"nothing is measured under the name {name}") from None


def play(
    context: Context,
    values: Mapping[str, Any],
    places: Places,
    started: Callable[[StepOutcome], None],
    finished: Callable[[StepOutcome], None],
) -> Generator[simpy.Event, Any, None]:
    """A SimPy process that plays the flow up to its end or its first failure."""
    scope = RunScope(context, values)
    trace, faults = context.deployment.world.trace, context.faults
    faults.flow_begins()
    for index, step in enumerate(context.scenario.flow):
        outcome = StepOutcome(
            n=index + 1, do=step.do, by=step.by or "", title=step.contract.title(step.arguments),
            start=_ns(context),
        )  # fmt: skip
        try:
            left_out = step.when is not None and not step.when.holds(scope)
        except ExpressionError as error:
            left_out = False
            message = f"step {outcome.n} {step.do}: {error}"
            outcome.failure = places.failure("bad-condition", message, ("flow", index, "when"))
        if left_out:
            outcome.status, outcome.end = "skipped", outcome.start
            finished(outcome)
            continue
        trace.emit("step.started", "engine", n=outcome.n, do=step.do, by=outcome.by)
        started(outcome)
        context.step_begins(step.do, step.by)
        faults.step_started(outcome.n, step.do)
        if outcome.failure is None:
            yield from _do(context, scope, step, outcome, places, ("flow", index))
        else:
            outcome.status = "failed"
        outcome.end = _ns(context)
        trace.emit(
            "step.finished", "engine", n=outcome.n, do=step.do, by=outcome.by,
            status=outcome.status,
        )  # fmt: skip
        faults.step_finished(outcome.n, step.do)
        finished(outcome)
        if outcome.failure is not None:
            return


def _do(
    context: Context,
    scope: RunScope,
    step: Step,
    outcome: StepOutcome,
    places: Places,
    here: Location,
) -> Generator[simpy.Event, Any, None]:
    outcome.status = "failed"
    implementation = REGISTRY[step.do]
    limit = DEFAULT_LIMIT if step.within is None else step.within
    about, refusal = f"step {outcome.n} {step.do}", ""
    try:
        arguments = outcome.arguments = resolved_arguments(step, scope, context)
        expected = partial(_expected, scope, step)
        task = Task(outcome.n, step.do, outcome.by, arguments, limit, expected)
        if implementation.takes_its_time:
            results: Mapping[str, Any] = yield from implementation.run(context, task)
        else:
            results = yield from _limited(context, task, implementation)
    except (StepFailed, DeviceError) as error:
        if not (isinstance(error, StepRefused) and error.is_expected_by(step.expect)):
            if step.may_fail:
                outcome.status, outcome.excuse = "excused", str(error)
                return
            outcome.failure = places.failure("step-failed", f"{about}: {error}", here)
            return
        results, refusal = error.results, f"; {error}"
    outcome.results = dict(results)
    for name, expected in step.expect.items():
        where = (*here, "expect", name)
        try:
            wanted = resolve(expected, scope.reference)
        except LookupError as error:
            message = f"{about}: {error.args[0]}"
            outcome.failure = places.failure("bad-reference", message, where)
            return
        try:
            actual = _look_up(outcome.results, tuple(name.split(".")), "")
        except LookupError:
            actual = None
        if not _equal(wanted, actual):
            message = f"{about}: {name} is {_shown(name, actual)}"
            message += f", expected {_shown(name, wanted)}{refusal}"
            outcome.failure = places.failure("not-as-expected", message, where, at_key=True)
            return
    for name, expression in step.save.items():
        try:
            context.saved[name] = resolve(
                expression, lambda path: _look_up({"result": outcome.results}, path, "$")
            )
        except LookupError as error:  # of a push, only the push itself says which fields it has
            message = f"{about}: {error.args[0]}"
            outcome.failure = places.failure("bad-reference", message, (*here, "save", name))
            return
    outcome.status = "passed"


def _limited(
    context: Context, task: Task, implementation: Implementation
) -> Generator[simpy.Event, Any, Mapping[str, Any]]:
    try:
        results = yield from limited(context.env, implementation.run(context, task), task.within)
    except Overdue:
        overdue = implementation.overdue(context, task)
        raise StepFailed(f"{overdue} within {task.within:g} s; {context.last_hop()}") from None
    return cast(Mapping[str, Any], results)


def _expected(scope: RunScope, step: Step, name: str) -> Any:
    try:
        return resolve(step.expect.get(name), scope.reference)
    except LookupError:
        return None  # that is said when the step is over


def _look_up(known: Mapping[str, Any], path: tuple[str, ...], sign: str) -> Any:
    value: Any = known
    for name in path:
        if not isinstance(value, Mapping) or name not in value:
            raise LookupError(f"there is no {sign}{'.'.join(path)}")
        value = value[name]
    return value


def _equal(wanted: Any, actual: Any) -> bool:
    # A message's id is a number on the site and a text in a push: as written is what counts.
    return bool(wanted == actual) or (
        wanted is not None and actual is not None and as_text(wanted) == as_text(actual)
    )


def _shown(name: str, value: Any) -> str:
    if value is None:
        return "missing"
    if name == "token":
        return f"the token with the reference {token_ref(as_text(value))}"
    return repr(value) if isinstance(value, str) else as_text(value)


def _ns(context: Context) -> int:
    return round(context.env.now * 1e9)
