"""One entry of `faults`, its parameters read as the contract of its name says.

Not here: whether target, phones and steps exist (`check_faults.py`).
"""

from collections.abc import Callable
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    ValidationInfo,
    WithJsonSchema,
    field_serializer,
    field_validator,
)

from scenarios.engine.format.expressions import Expression
from scenarios.engine.format.fault_catalog import FAULTS, FaultContract
from scenarios.engine.format.fault_values import (
    Moment,
    Read,
    Span,
    parse_moment,
    parse_span,
    read_parameter,
)
from scenarios.engine.format.limits import MAX_PHONES
from scenarios.engine.format.quantities import Name, Percent, mistake, one_of, read_each, told
from scenarios.engine.format.units import UnitError

Written = TypeVar("Written", Moment, Span)

TARGET_PATTERN: Final = (
    r"^(host|device|vendor)\.[a-z][a-z0-9_]*$|^link\.[a-z][a-z0-9_]*-[a-z][a-z0-9_]*$"
)
_DURATION: Final = r"[0-9]+(\.[0-9]+)?(us|ms|s|m|h|d)"
SPAN_PATTERN: Final = rf"^{_DURATION}(\.\.{_DURATION})?$"
_STEP: Final = rf"^step +[a-z0-9_]+( *\+ *{_DURATION}(\.\.{_DURATION})?)?$"
MOMENT_PATTERN: Final = rf"{SPAN_PATTERN}|{_STEP}|^before_dispatch$"


def _reader(parse: Callable[[object], Written]) -> PlainValidator:
    def read(value: Any) -> Written:
        try:
            return parse(value)
        except UnitError as error:
            raise told(error) from None

    return PlainValidator(read)


def _text(value: Moment | Span) -> str:
    return value.text


def _pattern(pattern: str, example: str) -> dict[str, Any]:
    return {
        "type": ["string", "integer"],
        "pattern": pattern,
        "minimum": 0,
        "maximum": 0,
        "examples": [example],
    }


def _above_zero(share: float) -> float:
    if share == 0:
        raise mistake("quantity", "with 0% the fault never happens", "remove the fault")
    return share


WrittenMoment = Annotated[
    Moment,
    _reader(parse_moment),
    PlainSerializer(_text),
    WithJsonSchema(_pattern(MOMENT_PATTERN, "10s")),
]
WrittenSpan = Annotated[
    Span,
    _reader(parse_span),
    PlainSerializer(_text),
    WithJsonSchema(_pattern(SPAN_PATTERN, "1s..5s")),
]
Probability = Annotated[Percent, AfterValidator(_above_zero)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Selection(_Section):
    """Which phones of a fleet; exactly one of the three."""

    index: int | None = Field(
        default=None,
        ge=0,
        lt=MAX_PHONES,
        strict=True,
        description="The phone's place in the fleet, from 0.",
    )
    count: int | None = Field(
        default=None,
        ge=1,
        le=MAX_PHONES,
        strict=True,
        description="So many phones, drawn from the seed.",
    )
    share: Probability | None = Field(
        default=None, description="This share of the phones, drawn from the seed; 100% are all."
    )


class Window(_Section):
    """When a fault is active. Left out, it is as long as the flow."""

    start: WrittenMoment = Field(
        alias="from",
        default="0s",
        validate_default=True,
        description="Time since the flow began (or a range, drawn from the seed), `step <name or"
        " number>` when that step begins (`step 3 + 0s..1s`: so long after that), or"
        " `before_dispatch`.",
    )
    end: WrittenMoment | None = Field(
        alias="to",
        default=None,
        description="Likewise; `step <name or number>` when that step is over. With neither `to`"
        " nor `for` it is the end of the flow.",
    )
    length: WrittenSpan | None = Field(alias="for", default=None, description="Or how long.")

    @field_validator("length")
    @classmethod
    def _one_end(cls, length: Span | None, info: ValidationInfo) -> Span | None:
        if length is not None and info.data.get("end") is not None:
            raise mistake("conflict", "both 'to' and 'for' are given", "keep one of the two")
        return length


class Fault(_Section):
    """Something that goes wrong."""

    id: Name = Field(description="Its name in the record and in messages.")
    target: str = Field(
        pattern=TARGET_PATTERN,
        description="host.<gateway, site, apns, gcm>, link.<a>-<b>, device.<phone>, device.fleet,"
        " vendor.apns or vendor.gcm.",
    )
    select: Selection | None = Field(default=None, description="Of device.fleet: which phones.")
    inject: Annotated[str, one_of("fault", FAULTS)] = Field(
        description="What goes wrong.", json_schema_extra={"enum": list(FAULTS)}
    )
    arguments: dict[str, Any] = Field(
        default_factory=dict, alias="with", description="The fault's parameters."
    )
    window: Window = Window()
    direction: Literal["both", "upstream", "downstream"] = Field(
        default="both",
        description="Of the network: what the target (of a link: its first end) sends is upstream.",
    )
    probability: Probability = Field(
        default=1.0, description="Of what, the fault's description says; decided by the seed."
    )
    may_not_fire: bool = Field(
        default=False, description="A run in which it changes nothing is fine, too."
    )
    when: Expression | None = Field(
        default=None,
        description="A condition on $matrix; where it is false, the cell is without this fault.",
    )

    @property
    def contract(self) -> FaultContract:
        """What the fault's name stands for."""
        return FAULTS[self.inject]

    @field_validator("arguments")
    @classmethod
    def _read(cls, given: dict[str, Any], info: ValidationInfo) -> dict[str, Read]:
        if "inject" not in info.data:  # an unknown fault, reported already
            return {}
        known = FAULTS[info.data["inject"]].parameters

        def read(key: str, value: Any) -> Read:
            return Read(read_parameter(known[key], value) if key in known else None, value)

        return read_each(given, read)

    @field_serializer("arguments")
    def _written(self, arguments: dict[str, Read]) -> dict[str, Any]:
        return {name: each.text for name, each in arguments.items()}
