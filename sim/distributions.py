"""Random durations: the few shapes that latencies and delays of the simulation take.

A duration is written as a number of seconds (constant) or as a mapping with `dist`:

    0.3
    {dist: uniform, low: 0.1, high: 0.4}
    {dist: normal, mean: 0.3, stddev: 0.05}         values below zero count as zero
    {dist: exponential, mean: 2.0}
    {dist: lognormal, median: 0.06, p99: 0.4}

All values are seconds of virtual time. `sample` draws only from the stream it is given, and a
constant draws nothing, so replacing one shape by another leaves other streams untouched.
"""

import math
from random import Random
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

STANDARD_NORMAL_P99 = 2.3263478740408408
"""The 99th percentile of the standard normal distribution."""


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Constant(_Shape):
    """Always `value` seconds."""

    dist: Literal["constant"] = "constant"
    value: float = Field(ge=0, allow_inf_nan=False)

    def sample(self, rng: Random) -> float:
        return self.value


class Uniform(_Shape):
    """Evenly between `low` and `high` seconds."""

    dist: Literal["uniform"]
    low: float = Field(ge=0, allow_inf_nan=False)
    high: float = Field(ge=0, allow_inf_nan=False)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.high < self.low:
            raise ValueError("high must not be less than low")
        return self

    def sample(self, rng: Random) -> float:
        return self.low + (self.high - self.low) * rng.random()


class Normal(_Shape):
    """Normal with `mean` and `stddev` seconds, cut off at zero."""

    dist: Literal["normal"]
    mean: float = Field(ge=0, allow_inf_nan=False)
    stddev: float = Field(ge=0, allow_inf_nan=False)

    def sample(self, rng: Random) -> float:
        return max(0.0, rng.normalvariate(self.mean, self.stddev))


class Exponential(_Shape):
    """Exponential with `mean` seconds."""

    dist: Literal["exponential"]
    mean: float = Field(gt=0, allow_inf_nan=False)

    def sample(self, rng: Random) -> float:
        return rng.expovariate(1.0 / self.mean)


class LogNormal(_Shape):
    """Log-normal given by its `median` and its 99th percentile `p99`, in seconds."""

    dist: Literal["lognormal"]
    median: float = Field(gt=0, allow_inf_nan=False)
    p99: float = Field(gt=0, allow_inf_nan=False)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.p99 < self.median:
            raise ValueError("p99 must not be less than the median")
        return self

    def sample(self, rng: Random) -> float:
        sigma = math.log(self.p99 / self.median) / STANDARD_NORMAL_P99
        return self.median * math.exp(rng.normalvariate(0.0, sigma))


def _constant_from_number(value: Any) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Constant(value=value)
    return value


Distribution = Annotated[
    Annotated[Constant | Uniform | Normal | Exponential | LogNormal, Field(discriminator="dist")],
    BeforeValidator(_constant_from_number, json_schema_input_type=float | dict[str, Any]),
]
"""A field of a settings model that takes a number of seconds or one of the shapes above."""
