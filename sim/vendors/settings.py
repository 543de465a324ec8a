"""What both push services can be told. Times are virtual seconds."""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

from sim.distributions import Distribution


class PushSettings(BaseModel):
    """Base of the settings of a service."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    READ_AT_START: ClassVar[frozenset[str]] = frozenset()
    """Settings that a running service does not look at again."""

    latency: Distribution
    """From accepting a message to writing it to the phone's connection."""
    dead_after: float = Field(default=1.5, gt=1)
    """Heartbeat intervals without a byte of the phone after which its connection counts as dead."""
