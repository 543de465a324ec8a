"""Field types for models: names, and quantities written with their unit.

Duration       300ms                                       seconds of virtual time
Distribution   60ms, or { dist: lognormal, median: 60ms, p99: 400ms }
Size           256B                                        bytes
Percent        45%                                         a share between 0 and 1
"""

from collections.abc import Callable, Collection, Mapping
from typing import Annotated, Any, Final

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    StringConstraints,
    ValidationError,
    WithJsonSchema,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

import sim.distributions
from scenarios.engine.format.limits import MAX_NAME, MAX_SEED
from scenarios.engine.format.units import UnitError, parse_duration, parse_percent, parse_size
from server.airnotifier.settings import APP_NAME

NAME_PATTERN: Final = r"^[a-z][a-z0-9_]*$"
APP_NAME_PATTERN: Final = f"^{APP_NAME}$"
"""An application's name, as the gateway takes it."""
_PARAMETERS: Final = {
    "constant": ("value",),
    "uniform": ("low", "high"),
    "normal": ("mean", "stddev"),
    "exponential": ("mean",),
    "lognormal": ("median", "p99"),
}


def mistake(code: str, message: str, help: str = "") -> PydanticCustomError:
    """A mistake in a file, as a model reports it; `help`: what to do about it."""
    return PydanticCustomError(code, "{message}", {"message": message, "help": help})


def told(error: UnitError) -> PydanticCustomError:
    """A quantity that cannot be read, as a model reports it."""
    return mistake("quantity", str(error), error.help)


def read_each(given: Mapping[Any, Any], read: Callable[[Any, Any], Any]) -> dict[Any, Any]:
    """The values of a mapping as `read(key, value)` gives them, all mistakes at once.

    `read` raises UnitError or PydanticCustomError. Raises ValidationError, each mistake at its key.
    """
    values: dict[Any, Any] = {}
    errors = []
    for key, value in given.items():
        try:
            values[key] = read(key, value)
        except (UnitError, PydanticCustomError) as error:
            kind = told(error) if isinstance(error, UnitError) else error
            errors.append(InitErrorDetails(type=kind, loc=(key,), input=value))
    if errors:
        raise ValidationError.from_exception_data("values", errors)
    return values


def one_of(what: str, known: Collection[str]) -> AfterValidator:
    """Refuses a name that is not known: of a step, of a fault."""

    def check(given: str) -> str:
        if given not in known:
            context = {"given": given, "known": list(known)}
            raise PydanticCustomError("unknown_" + what, "it is unknown", context)
        return given

    return AfterValidator(check)


def _reader(parse: Callable[[object], float]) -> Callable[[Any], float]:
    def read(value: Any) -> float:
        try:
            return parse(value)
        except UnitError as error:
            raise told(error) from None

    return read


_duration = _reader(parse_duration)


def _distribution(value: Any) -> Any:
    """The same with durations in seconds, as the simulation's own settings have it."""
    if not isinstance(value, dict):
        return _duration(value)
    return read_each(value, lambda key, item: item if key == "dist" else parse_duration(item))


def _written(unit: str, example: str) -> dict[str, Any]:
    """The JSON Schema of a quantity: with its unit, or the number 0."""
    return {
        "type": ["string", "integer"],
        "pattern": rf"^[0-9]+(\.[0-9]+)?({unit})$",
        "minimum": 0,
        "maximum": 0,
        "examples": [example],
    }


_DURATION: Final = _written("us|ms|s|m|h|d", "300ms")
_DISTRIBUTION: Final = {
    "type": "object",
    "properties": {
        "dist": {"enum": list(_PARAMETERS)},
        **{name: _DURATION for names in _PARAMETERS.values() for name in names},
    },
    "required": ["dist"],
    "additionalProperties": False,
}

Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN, max_length=MAX_NAME)]
AppName = Annotated[str, StringConstraints(pattern=APP_NAME_PATTERN)]
Seed = Annotated[int, Field(ge=0, le=MAX_SEED, strict=True)]
Duration = Annotated[float, BeforeValidator(_duration), WithJsonSchema(_DURATION)]
Distribution = Annotated[
    sim.distributions.Distribution,
    BeforeValidator(_distribution),
    WithJsonSchema({"anyOf": [_DURATION, _DISTRIBUTION]}),
]
Size = Annotated[
    int,
    BeforeValidator(_reader(parse_size)),
    WithJsonSchema(_written("B|kB|KiB|MB|MiB", "256B")),
]
Percent = Annotated[
    float, BeforeValidator(_reader(parse_percent)), WithJsonSchema(_written("%", "45%"))
]
