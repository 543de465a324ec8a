"""What both push services can be told. Times are virtual seconds."""

from pydantic import BaseModel, ConfigDict

from sim.distributions import Distribution


class PushSettings(BaseModel):
    """Base of the settings of a service."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    latency: Distribution
    """From accepting a message to writing it to the phone's connection."""
