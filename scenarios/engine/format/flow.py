"""One step of a scenario's flow, its values read as the contract of its name says.

A value that contains a reference (`$token`) is left as it is: only the run can know it.

Not here: whether keys, actors, results and references exist (`checks.py`).
"""

from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic import ValidationInfo as Info
from pydantic_core import PydanticCustomError

from scenarios.engine.format.expressions import Expression
from scenarios.engine.format.quantities import Duration, Name, mistake, one_of, read_each
from scenarios.engine.format.references import has_reference
from scenarios.engine.format.steps_catalog import STEPS, Argument, StepContract
from scenarios.engine.format.units import kind_of, parse_duration

_EXPECTED: Final = {
    "text": "a text",
    "token": "a push token",
    "user": "the name of a user",
    "recipients": "the name of a user, or all",
    "phone": "the name of a phone",
    "boolean": "true or false",
}


class Step(BaseModel):
    """One line of the flow: who does what, with what, and what must come of it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    do: Annotated[str, one_of("step", STEPS)] = Field(
        description="What is done.", json_schema_extra={"enum": list(STEPS)}
    )
    by: str | None = Field(
        default=None, description="Who does it: a phone, a user of the site, fleet or gateway."
    )
    arguments: dict[str, Any] = Field(
        default_factory=dict, alias="with", description="What the step is done with."
    )
    within: Duration | None = Field(
        default=None, description="Virtual time the step may take; over it, the step fails."
    )
    expect: dict[str, Any] = Field(
        default_factory=dict, description="Results of the step, and the value each must have."
    )
    save: dict[Name, str] = Field(
        default_factory=dict,
        description="Names for results: after `msg: $result.id`, later steps may use `$msg`.",
    )
    when: Expression | None = Field(
        default=None, description="A condition; the step is left out where it does not hold."
    )
    may_fail: bool = Field(
        default=False,
        description="Who does it may come to nothing (no answer, an error page) and gives up: the"
        " flow goes on with the next step.",
    )

    @property
    def contract(self) -> StepContract:
        """What the step's name stands for."""
        return STEPS[self.do]

    @property
    def passes(self) -> float:
        """Virtual seconds that certainly pass in it: of a wait, and of watching that nothing
        comes."""
        seconds = self.arguments.get("for") if self.do == "wait" else None
        if self.do == "receive_nothing":
            seconds = self.within
        return seconds if isinstance(seconds, float) else 0.0

    @field_validator("arguments")
    @classmethod
    def _readable(cls, given: dict[str, Any], info: Info) -> dict[str, Any]:
        if "do" not in info.data:  # an unknown step, reported already
            return given
        known = STEPS[info.data["do"]].arguments
        return read_each(
            given, lambda key, value: _written(known[key], value) if key in known else value
        )


def _written(argument: Argument, value: Any) -> Any:
    return value if has_reference(value) else read_argument(argument, value)


def read_argument(argument: Argument, value: Any) -> Any:
    """An argument as the run needs it. Raises UnitError, PydanticCustomError."""
    if argument.type == "duration":
        return parse_duration(value)
    if argument.type == "choice":
        if value not in argument.choices:
            choices = {"given": kind_of(value), "known": list(argument.choices)}
            raise PydanticCustomError("choice", "{given} is not possible here", choices)
        return value
    wanted = bool if argument.type == "boolean" else str
    if argument.type == "text" and isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, wanted):
        message = f"expected {_EXPECTED[argument.type]}, found {kind_of(value)}"
        raise mistake("wrong_type", message)
    return value
