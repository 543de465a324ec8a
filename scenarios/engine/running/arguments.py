"""What a step is done with, once its references are resolved: checked as the file was.

A result can be of another kind than the argument wants, or name nobody; only the run can know.
"""

from typing import Any

from pydantic_core import PydanticCustomError

from scenarios.engine.format.expressions import Scope
from scenarios.engine.format.flow import Step, read_argument
from scenarios.engine.format.limits import MAX_TEXT
from scenarios.engine.format.references import has_reference, resolve
from scenarios.engine.format.steps_catalog import ArgumentType
from scenarios.engine.format.units import UnitError
from scenarios.engine.running.context import Context
from scenarios.engine.step_failed import StepFailed


def resolved_arguments(step: Step, scope: Scope, context: Context) -> dict[str, Any]:
    """The arguments with results in the place of references. Raises StepFailed."""
    found = {}
    for name, written in step.arguments.items():
        try:
            value = resolve(written, scope.reference)
        except LookupError as error:
            raise StepFailed(str(error.args[0])) from error
        if has_reference(written):
            value = _checked(step, name, value, context)
        found[name] = value
    return found


def _checked(step: Step, name: str, value: Any, context: Context) -> Any:
    argument = step.contract.arguments[name]
    try:
        value = read_argument(argument, value)
    except (UnitError, PydanticCustomError) as error:
        raise StepFailed(f"'{name}': {error}") from error
    if isinstance(value, str) and len(value) > MAX_TEXT:
        raise StepFailed(f"'{name}' has more than {MAX_TEXT} characters")
    known = _known(argument.type, context)
    if known is not None and value not in known:
        raise StepFailed(f"'{name}' is '{value}', and there is no such {argument.type}")
    return value


def _known(kind: ArgumentType, context: Context) -> set[str] | None:
    """The names that an argument of a kind may have; None if it is no name."""
    match kind:
        case "phone":
            return set(context.population.apps)
        case "user":
            return set(context.population.people)
        case "recipients":
            return {*context.population.people, "all"}
        case _:
            return None
