"""Shapes of random durations."""

import statistics
from random import Random

import pytest
from pydantic import BaseModel, ValidationError

from sim.distributions import Constant, Distribution


class Settings(BaseModel):
    latency: Distribution = Constant(value=0.5)


def parsed(value: object) -> Distribution:
    return Settings.model_validate({"latency": value}).latency


def drawn(value: object, count: int = 20_000) -> list[float]:
    rng, distribution = Random(7), parsed(value)
    return sorted(distribution.sample(rng) for _ in range(count))


def test_a_number_is_a_constant_and_draws_nothing() -> None:
    rng = Random(7)
    before = rng.getstate()
    assert parsed(0.25).sample(rng) == 0.25
    assert parsed({"dist": "constant", "value": 1}).sample(rng) == 1
    assert rng.getstate() == before


def test_lognormal_is_given_by_its_median_and_its_99th_percentile() -> None:
    draws = drawn({"dist": "lognormal", "median": 0.06, "p99": 0.4})
    assert draws[10_000] == pytest.approx(0.06, rel=0.03)
    assert draws[19_800] == pytest.approx(0.4, rel=0.1)


def test_uniform_stays_between_its_bounds() -> None:
    draws = drawn({"dist": "uniform", "low": 1.0, "high": 3.0})
    assert draws[0] >= 1.0
    assert draws[-1] <= 3.0
    assert statistics.fmean(draws) == pytest.approx(2.0, rel=0.02)


def test_normal_never_goes_below_zero() -> None:
    draws = drawn({"dist": "normal", "mean": 0.1, "stddev": 0.2})
    assert draws[0] == 0.0
    assert draws[10_000] == pytest.approx(0.1, abs=0.01)


def test_exponential_has_its_mean() -> None:
    draws = drawn({"dist": "exponential", "mean": 2.0})
    assert statistics.fmean(draws) == pytest.approx(2.0, rel=0.05)


@pytest.mark.parametrize(
    "value",
    [
        -0.1,
        True,
        float("nan"),
        "60ms",
        {"dist": "pareto", "mean": 1},
        {"dist": "lognormal", "median": 0.4, "p99": 0.1},
        {"dist": "uniform", "low": 2, "high": 1},
        {"dist": "exponential", "mean": 1, "median": 1},
        {"median": 1},
    ],
)
def test_what_is_no_duration_is_refused(value: object) -> None:
    with pytest.raises(ValidationError):
        parsed(value)


def test_the_schema_offers_a_number_or_a_shape() -> None:
    schema = Settings.model_json_schema()["properties"]["latency"]
    assert {option.get("type") for option in schema["anyOf"]} == {"number", "object"}
