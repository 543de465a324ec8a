"""Moments, ranges and parameters of faults are read as they are meant, or refused with advice."""

from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.engine.format.fault_catalog import FAULTS, Parameter, ParameterType
from scenarios.engine.format.fault_values import (
    Moment,
    Span,
    defaults,
    parse_moment,
    parse_span,
    read_parameter,
)
from scenarios.engine.format.units import UnitError

seconds = st.integers(0, 100_000)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("10s", Moment(time=Span(10, 10))),
        (0, Moment(time=Span(0, 0))),
        ("500ms..2m", Moment(time=Span(0.5, 120))),
        ("step message", Moment(step="message")),
        ("step 3", Moment(step="3")),
        ("step 3 + 5s", Moment(step="3", after=Span(5, 5))),
        ("step message+0s..20ms", Moment(step="message", after=Span(0, 0.02))),
        ("before_dispatch", Moment(before_dispatch=True)),
    ],
)
def test_a_moment(text: object, moment: Moment) -> None:
    assert parse_moment(text) == moment


@pytest.mark.parametrize(
    "text",
    [
        "5s..1s",
        "1s..",
        "..1s",
        "5..6",
        "step 0",
        "step",
        "later",
        5,
        "step 3 + ",
        "step 3 + later",
        "step 3 5s",
    ],
)
def test_what_is_no_moment(text: object) -> None:
    with pytest.raises(UnitError) as refusal:
        parse_moment(text)
    assert refusal.value.help


@given(seconds, seconds, st.integers())
def test_a_value_is_drawn_from_within_its_range(one: int, other: int, seed: int) -> None:
    low, high = sorted((one, other))
    drawn = parse_span(f"{low}s..{high}s").draw(Random(seed))
    assert low <= drawn <= high


def test_a_range_of_one_value_draws_nothing() -> None:
    rng = Random(1)
    before = rng.getstate()
    assert parse_span("5s").draw(rng) == 5
    assert rng.getstate() == before


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("duration", "1s..2s", Span(1, 2)),
        ("offset", "-2h", -7200.0),
        ("offset", "2h", 7200.0),
        ("drift", "-0.1%", -0.001),
        ("rate", "16KiB/s", 16_384),
        ("size", "4KiB", 4096),
        ("share", "5%", 0.05),
        ("count", 3, 3),
        ("hosts", ["apns", "gcm"], ("apns", "gcm")),
    ],
)
def test_a_parameter(kind: ParameterType, text: Any, value: object) -> None:
    assert read_parameter(Parameter(kind, ""), text) == value


@pytest.mark.parametrize("status", [500, 501, 502, 599, "504"])
def test_every_status_of_a_server_in_trouble_can_be_written(status: Any) -> None:
    assert read_parameter(FAULTS["unavailable"].parameters["status"], status) == int(status)


@pytest.mark.parametrize("status", [499, 600, True, "5xx", "٥٠٣", 503.0, [503]])
def test_no_other_status_can(status: Any) -> None:
    with pytest.raises(UnitError, match="no status of a server in trouble"):
        read_parameter(FAULTS["unavailable"].parameters["status"], status)


@pytest.mark.parametrize("inject", FAULTS)
def test_every_default_can_be_read(inject: str) -> None:
    parameters = FAULTS[inject].parameters
    assert set(defaults(inject)) == {
        name for name, each in parameters.items() if each.default is not None
    }
    assert not any(each.required and each.default is not None for each in parameters.values())
