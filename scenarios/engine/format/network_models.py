"""What a scenario says of the network: links, of all hosts and of single ones, and NAT.

Seconds of virtual time, bytes, bytes per second, shares of 1. What is left out stays as it is.
"""

from dataclasses import replace
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)

from scenarios.engine.format.fault_values import parse_rate
from scenarios.engine.format.limits import MIN_NAT
from scenarios.engine.format.quantities import Duration, Percent, Size, mistake, told
from scenarios.engine.format.units import UnitError
from sim.net.links import Link


def _rate(value: Any) -> float:
    try:
        return parse_rate(value)
    except UnitError as error:
        raise told(error) from None


def _lasting(seconds: float) -> float:
    if seconds < MIN_NAT:
        message = "a NAT that forgets at once lets nothing through"
        raise mistake("quantity", message, f"write at least {MIN_NAT:g}s")
    return seconds


def _not_all(share: float) -> float:
    if share == 1:
        raise mistake("quantity", "a link that loses everything is none", "see go_offline")
    return share


Rate = Annotated[
    float,
    BeforeValidator(_rate),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^[0-9]+(\.[0-9]+)?(B|kB|KiB|MB|MiB)/s$",
            "examples": ["16KiB/s"],
        }
    ),
]
Nat = Annotated[Duration, AfterValidator(_lasting)]


class LinkSettings(BaseModel):
    """The link of one host, or of every host."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    latency: Duration | None = Field(default=None, description="One way.")
    jitter: Duration | None = Field(default=None, description="At most this much more, one way.")
    loss: Annotated[Percent, AfterValidator(_not_all)] | None = Field(
        default=None, description="Share of the packets that get lost, each way."
    )
    bandwidth: Rate | None = Field(default=None, description="Each way; no limit if left out.")
    queue: Size | None = Field(
        default=None,
        description="How much may wait for the bandwidth; what finds it full is lost. No limit if"
        " left out.",
    )

    @field_validator("queue")
    @classmethod
    def _of_a_bandwidth(cls, queue: int | None, info: ValidationInfo) -> int | None:
        if queue is not None and info.data.get("bandwidth", 0) is None:
            raise mistake("conflict", "a queue waits for a bandwidth", "write 'bandwidth', too")
        return queue

    def over(self, link: Link) -> Link:
        """A link with what is said here in the place of its own. Latency and jitter go together:
        with one of them given, the other is none.
        """
        if self.latency is not None or self.jitter is not None:
            link = replace(link, latency=self.latency or 0.0, jitter=self.jitter or 0.0)
        if self.loss is not None:
            link = replace(link, loss=self.loss)
        if self.bandwidth is not None:
            link = replace(link, bandwidth=self.bandwidth, queue=self.queue)
        return link
