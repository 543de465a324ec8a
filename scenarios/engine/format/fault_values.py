"""Values in faults: moments of a window, ranges that the seed decides, parameters.

    10s             virtual time since the flow began
    1s..5s          somewhere between, drawn from the seed
    step message    a step by its name: the first with it; `step 3`: by its number
    step 3 + 0s..1s so long after it, drawn from the seed if it is a range
    before_dispatch the moment before the first message or broadcast is sent

Everything here raises UnitError, which says what to write instead.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from scenarios.engine.format.fault_catalog import FAULTS, HOSTS, Parameter
from scenarios.engine.format.limits import MAX_COUNT
from scenarios.engine.format.units import (
    UnitError,
    kind_of,
    parse_duration,
    parse_percent,
    parse_size,
)

BEFORE_DISPATCH: Final = "before_dispatch"
_STEP: Final = re.compile(r"step +([a-z][a-z0-9_]*|[1-9][0-9]{0,5})(?: *\+ *(.*))?", re.ASCII)
_STATUS: Final = re.compile(r"[0-9]{3}", re.ASCII)
_MOMENTS: Final = "10s, 1s..5s, step message, step 3, step 3 + 0s..1s or before_dispatch"


@dataclass(frozen=True, slots=True)
class Span:
    """Seconds of virtual time between two bounds, which may be the same."""

    low: float
    high: float
    text: str = field(default="", compare=False)
    """As it was written, for the record."""

    def draw(self, rng: Random) -> float:
        """One value; draws only where there is a choice."""
        return self.low if self.low == self.high else rng.uniform(self.low, self.high)


@dataclass(frozen=True, slots=True)
class Moment:
    """A point of a run: exactly one of the three."""

    time: Span | None = None
    step: str | None = None
    """Name of a step, or its number from 1 as a text."""
    after: Span | None = None
    """So long after the step."""
    before_dispatch: bool = False
    text: str = field(default="", compare=False)
    """As it was written, for the record."""


def parse_span(value: object) -> Span:
    """A duration or a range of durations."""
    if isinstance(value, str) and ".." in value:
        low, _, high = value.partition("..")
        span = Span(parse_duration(low), parse_duration(high), value)
        if span.high < span.low:
            raise UnitError(f"the range '{value}' ends before it begins", f"write {high}..{low}")
        return span
    seconds = parse_duration(value)
    return Span(seconds, seconds, _text(value))


def parse_moment(value: object) -> Moment:
    """A moment; see the module."""
    if value == BEFORE_DISPATCH:
        return Moment(before_dispatch=True, text=BEFORE_DISPATCH)
    if isinstance(value, str) and value.split(" ")[0] == "step":
        match = _STEP.fullmatch(value)
        if match is None:
            raise UnitError(f"'{value}' names no step", "write for example step message or step 3")
        after = None if match[2] is None else parse_span(match[2])
        return Moment(step=match[1], after=after, text=value)
    if isinstance(value, str) and value[:1].isalpha():
        raise UnitError(f"'{value}' is not a moment", f"write for example {_MOMENTS}")
    return Moment(time=parse_span(value), text=_text(value))


def _text(value: object) -> str:
    return "0s" if value == 0 else str(value)


def parse_rate(value: object) -> float:
    """Bytes per second of a rate such as `16KiB/s`."""
    if not isinstance(value, str) or not value.endswith("/s"):
        raise UnitError(f"{kind_of(value)} is not a rate", "write for example 16KiB/s")
    return _positive(parse_size(value.removesuffix("/s")), value)


@dataclass(frozen=True, slots=True)
class Read:
    """A parameter of a fault: as the run needs it, and as it was written."""

    value: Any
    text: Any = field(compare=False)


def read_parameter(parameter: Parameter, value: Any) -> Any:
    """A parameter as the run needs it: seconds (or a Span), bytes, shares of 1, texts."""
    return _READERS[parameter.type](parameter, value)


def defaults(inject: str) -> dict[str, Any]:
    """The parameters of a fault that have a default, read."""
    return {
        name: read_parameter(each, list(HOSTS) if each.type == "hosts" else each.default)
        for name, each in FAULTS[inject].parameters.items()
        if each.default is not None
    }


def _signed(parse: Callable[[object], float]) -> Callable[[Parameter, Any], float]:
    def read(_parameter: Parameter, value: Any) -> float:
        if isinstance(value, str) and value.startswith("-"):
            return -parse(value[1:])
        return parse(value)

    return read


def _positive(number: float, value: object) -> float:
    if number == 0:
        raise UnitError(f"'{value}' is nothing", "write a value above 0")
    return number


def _size(_parameter: Parameter, value: Any) -> int:
    size = parse_size(value)
    if _parameter.required:
        _positive(size, value)
    return size


def _count(_parameter: Parameter, value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise UnitError(f"expected a whole number from 1, found {kind_of(value)}", "")
    if value > MAX_COUNT:
        raise UnitError(f"{value} is too large", f"write at most {MAX_COUNT}")
    return value


def _status(_parameter: Parameter, value: Any) -> int:
    status = int(value) if isinstance(value, str) and _STATUS.fullmatch(value) else value
    if not isinstance(status, int) or isinstance(status, bool) or not 500 <= status <= 599:
        message = f"{kind_of(value)} is no status of a server in trouble"
        raise UnitError(message, "write a number from 500 to 599")
    return status


def _choice(parameter: Parameter, value: Any) -> str:
    if isinstance(value, bool) or str(value) not in parameter.choices:
        known = ", ".join(parameter.choices)
        raise UnitError(f"{kind_of(value)} is not possible here", f"possible here: {known}")
    return str(value)


def _hosts(_parameter: Parameter, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        raise UnitError(f"expected a list, found {kind_of(value)}", "write for example [apns]")
    for name in value:
        if name not in HOSTS:
            known = ", ".join(HOSTS)
            raise UnitError(f"{kind_of(name)} is none of the hosts", f"possible here: {known}")
    return tuple(value)


_READERS: Final[dict[str, Callable[[Parameter, Any], Any]]] = {
    "duration": lambda _parameter, value: parse_span(value),
    "offset": _signed(parse_duration),
    "drift": _signed(parse_percent),
    "share": lambda _parameter, value: _positive(parse_percent(value), value),
    "rate": lambda _parameter, value: parse_rate(value),
    "size": _size,
    "count": _count,
    "status": _status,
    "choice": _choice,
    "hosts": _hosts,
}
