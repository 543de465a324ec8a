"""Quantities are read exactly, and what is not one is refused with what to write instead."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.engine.format.units import (
    BYTES,
    SECONDS,
    UnitError,
    parse_duration,
    parse_percent,
    parse_size,
    parse_time,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("300ms", 0.3), ("700ms", 0.7), ("2s", 2.0), ("1.5s", 1.5), ("5m", 300.0), ("1h", 3600.0),
        ("7d", 604800.0), ("20us", 0.00002), ("0s", 0.0), (0, 0.0),
    ],
)  # fmt: skip
def test_a_duration_is_read_as_the_nearest_float(text: object, seconds: float) -> None:
    assert parse_duration(text) == seconds


def test_a_moment_of_a_run_may_be_later_than_the_longest_duration() -> None:
    assert parse_time("400d") == 400 * 86400.0


@pytest.mark.parametrize(
    ("value", "message", "help"),
    [
        (5, "the duration 5 has no unit", "write 5ms or 5s, whichever is meant"),
        ("5", "the duration '5' has no unit", "write 5ms or 5s, whichever is meant"),
        ("5sec", "'sec' is not a unit of a duration", "did you mean 5s?"),
        ("2 min", "'min' is not a unit of a duration", "did you mean 2m?"),
        ("5 s", "the duration '5 s' has a blank in it", "write 5s"),
        ("-5s", "the duration '-5s' is negative", "write a value of 0 or more"),
        ("5y", "'y' is not a unit of a duration", "the units are us, ms, s, m, h, d"),
        ("367d", "the duration '367d' is too long", "write at most 366d"),
        ("soon", "'soon' is not a duration", "write for example 300ms, 2s, 5m, 1h or 7d"),
        ("1h30m", "'1h30m' is not a duration", "write for example 300ms, 2s, 5m, 1h or 7d"),
        (True, "expected a duration, found `true`", "write for example 300ms, 2s, 5m, 1h or 7d"),
        (None, "expected a duration, found nothing", "write for example 300ms, 2s, 5m, 1h or 7d"),
        (["5s"], "expected a duration, found a list", "write for example 300ms, 2s, 5m, 1h or 7d"),
    ],
)
def test_what_is_no_duration_is_refused_with_advice(value: object, message: str, help: str) -> None:
    with pytest.raises(UnitError) as caught:
        parse_duration(value)
    assert (str(caught.value), caught.value.help) == (message, help)


def test_sizes_are_whole_bytes() -> None:
    assert [parse_size(text) for text in ("256B", "2kB", "4KiB", "1.5KiB", "1MB", "1MiB")] == [
        256, 2000, 4096, 1536, 1_000_000, 1_048_576,
    ]  # fmt: skip
    with pytest.raises(UnitError, match="not a whole number of bytes"):
        parse_size("0.3B")


def test_percentages_are_shares_up_to_the_whole() -> None:
    assert [parse_percent(text) for text in ("45%", "0.5%", "100%")] == [0.45, 0.005, 1.0]
    with pytest.raises(UnitError, match="more than 100%"):
        parse_percent("101%")


@given(st.integers(0, 10**6), st.sampled_from(list(SECONDS)))
def test_a_whole_number_of_a_unit_is_that_many_units(number: int, unit: str) -> None:
    assert parse_time(f"{number}{unit}") == float(number * SECONDS[unit])


@given(st.integers(0, 1024), st.sampled_from(list(BYTES)))
def test_a_whole_number_of_a_size_is_that_many_bytes(number: int, unit: str) -> None:
    assert parse_size(f"{number}{unit}") == number * BYTES[unit]


@given(st.one_of(st.text(max_size=20), st.integers(), st.floats(), st.none(), st.booleans()))
def test_anything_is_read_or_refused(value: object) -> None:
    for parse in (parse_duration, parse_size, parse_percent):
        with contextlib.suppress(UnitError):
            assert parse(value) >= 0
