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
    connections_per_address: int = Field(default=1000, ge=1)
    """Connections of one address to one port; of phones those that have not logged in, since many
    share an address."""
    read_timeout: float = Field(default=60.0, gt=0)
    """For a notification, request or message of a peer, from its first byte to its last. What Apple
    and Google allow is not known; a thousand registration ids take a few seconds on a bad line."""
