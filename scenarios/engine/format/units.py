"""Units in scenario values: durations, sizes and shares.

A quantity is written with its unit (`300ms`, `256B`, `45%`) and read into the one unit that the
code uses: seconds (virtual time), bytes, a share between 0 and 1. A number without a unit is an
error, since `5` may have meant seconds or milliseconds; only 0 needs none.

Not here: compound forms such as `1h30m`. Write `90m`.
"""

import re
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Final

from scenarios.engine.format.limits import MAX_DURATION, MAX_SIZE, MIN_DURATION

SECONDS: Final = {
    "us": Fraction(1, 1_000_000), "ms": Fraction(1, 1000), "s": Fraction(1),
    "m": Fraction(60), "h": Fraction(3600), "d": Fraction(86400),
}  # fmt: skip
BYTES: Final = {
    "B": Fraction(1), "kB": Fraction(1000), "KiB": Fraction(1024),
    "MB": Fraction(1000**2), "MiB": Fraction(1024**2),
}  # fmt: skip
SHARES: Final = {"%": Fraction(1, 100)}

# What people write from habit, and the unit they mean.
_DURATION_HABITS: Final = {
    "sec": "s", "secs": "s", "second": "s", "seconds": "s",
    "msec": "ms", "millis": "ms", "milliseconds": "ms", "µs": "us", "μs": "us",
    "min": "m", "mins": "m", "minute": "m", "minutes": "m",
    "hr": "h", "hrs": "h", "hour": "h", "hours": "h", "day": "d", "days": "d",
}  # fmt: skip
_SIZE_HABITS: Final = {
    "b": "B", "byte": "B", "bytes": "B", "k": "kB", "kb": "kB", "kib": "KiB",
    "m": "MB", "mb": "MB", "mib": "MiB",
}  # fmt: skip

# At most 15 digits a side keeps every value exact enough and far from infinity.
_QUANTITY: Final = re.compile(r"(-?)([0-9]{1,15}(?:\.[0-9]{1,15})?)\s*([^\s0-9.]*)", re.ASCII)


class UnitError(ValueError):
    """A quantity that cannot be read. `help` says what to write instead."""

    def __init__(self, message: str, help: str) -> None:
        super().__init__(message)
        self.help = help


def parse_duration(value: object) -> float:
    """Seconds of a duration such as `300ms`, `2s`, `5m`, `1h`, `7d` or 0. Raises UnitError."""
    seconds = parse_time(value)
    if seconds > MAX_DURATION:
        longest = f"{MAX_DURATION / 86400:g}d"
        raise UnitError(f"the duration '{value}' is too long", f"write at most {longest}")
    if 0 < seconds < MIN_DURATION:
        raise UnitError(f"the duration '{value}' is too short", "write 0 or at least 1us")
    return seconds


def parse_time(value: object) -> float:
    """Seconds since a run began, written as a duration, of any length. Raises UnitError."""
    return float(
        _parse(value, "duration", SECONDS, _DURATION_HABITS, ("ms", "s"), "300ms, 2s, 5m, 1h or 7d")
    )


def parse_size(value: object) -> int:
    """Bytes of a size such as `256B`, `4KiB` or `2kB`. Raises UnitError."""
    size = _parse(value, "size", BYTES, _SIZE_HABITS, ("B",), "256B, 2kB or 4KiB")
    if size.denominator != 1:
        raise UnitError(f"'{value}' is not a whole number of bytes", "write it in a smaller unit")
    if size > MAX_SIZE:
        raise UnitError(
            f"the size '{value}' is too large", f"write at most {MAX_SIZE // 1024**2}MiB"
        )
    return int(size)


def parse_percent(value: object) -> float:
    """The share (0 to 1) of a percentage such as `45%`. Raises UnitError."""
    share = _parse(value, "percentage", SHARES, {"percent": "%", "pc": "%"}, ("%",), "45% or 0.5%")
    if share > 1:
        raise UnitError(f"'{value}' is more than 100%", "write a share between 0% and 100%")
    return float(share)


def _parse(
    value: object,
    what: str,
    units: Mapping[str, Fraction],
    habits: Mapping[str, str],
    usual: Sequence[str],
    examples: str,
) -> Fraction:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise UnitError(
            f"expected a {what}, found {kind_of(value)}", f"write for example {examples}"
        )
    if value == 0:
        return Fraction(0)
    if not isinstance(value, str):
        raise UnitError(f"the {what} {value} has no unit", _with_unit(str(value), usual))
    match = _QUANTITY.fullmatch(value)
    if match is None:
        raise UnitError(f"'{value}' is not a {what}", f"write for example {examples}")
    sign, digits, unit = match.groups()
    if sign:
        raise UnitError(f"the {what} '{value}' is negative", "write a value of 0 or more")
    if not unit:
        raise UnitError(f"the {what} '{value}' has no unit", _with_unit(digits, usual))
    if unit not in units:
        meant = habits.get(unit.lower())
        known = ", ".join(units)
        raise UnitError(
            f"'{unit}' is not a unit of a {what}",
            f"did you mean {digits}{meant}?" if meant else f"the units are {known}",
        )
    if value != digits + unit:
        raise UnitError(f"the {what} '{value}' has a blank in it", f"write {digits}{unit}")
    return Fraction(digits) * units[unit]


def _with_unit(digits: str, usual: Sequence[str]) -> str:
    wanted = " or ".join(digits + unit for unit in usual)
    return f"write {wanted}, {'if that' if len(usual) == 1 else 'whichever'} is meant"


def kind_of(value: object) -> str:
    """How a person calls the kind of a YAML value: `a number`, `a list`, `nothing`."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, int | float):
        return f"the number {value}"
    if isinstance(value, str):
        return f"the text '{value}'"
    return "a list" if isinstance(value, list) else "a mapping"
