"""Settings of the mock GCM, with the defaults of its contract. Times are virtual seconds."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from sim.distributions import Constant, Distribution
from sim.vendors.settings import PushSettings

FOUR_WEEKS = 2_419_200
"""Longest and default time to live (GCM, "Set the lifespan of a message")."""


RecipientError = Literal["Unavailable", "InternalServerError", "DeviceMessageRateExceeded"]
"""Errors that are no fault of the request (GCM, "Server reference")."""


class Project(BaseModel):
    """A project at Google: the sender id that apps register with, and the keys that may send."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sender_id: str = Field(min_length=1)
    api_keys: tuple[str, ...]


class Outage(BaseModel):
    """Send requests that are answered with an HTTP error instead. `retry_after` in seconds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    status: int = Field(default=503, ge=500, le=599)
    retry_after: int | None = Field(default=None, ge=0, le=10 * 365 * 86400)
    share: float = Field(default=1.0, gt=0, le=1)
    """Probability that a request is answered so."""


class SlowAnswers(BaseModel):
    """Send requests that are processed at once and answered late."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    delay: float = Field(gt=0)
    share: float = Field(default=1.0, gt=0, le=1)
    """Probability that a request is answered so."""


class GcmSettings(PushSettings):
    """How the HTTP connection server and the store behind it behave."""

    READ_AT_START = frozenset({"projects", "canonical_old_id_ttl"})

    projects: tuple[Project, ...] = ()
    payload_limit: int = Field(default=4096, ge=1)
    """Bytes of all data keys and values together."""
    max_registration_ids: int = Field(default=1000, ge=1)
    max_collapse_keys: int = Field(default=4, ge=1)
    """Different collapse keys stored per app and device."""
    max_pending: int = Field(default=100, ge=1)
    """Non-collapsible messages stored per app and device."""
    default_ttl: int = Field(default=FOUR_WEEKS, ge=0, le=FOUR_WEEKS)
    strict_fields: bool = False
    """Answer 400 to unknown top-level fields, as the early server did."""
    unregister_delay: float = Field(default=0.0, ge=0)
    """Until a removed registration answers NotRegistered; up to 300 s in reality."""
    canonical_old_id_ttl: float | None = Field(default=None, gt=0)
    """How long an id works after a newer one became canonical; None: for ever."""
    retry_after: Literal["seconds", "date"] = "seconds"
    """Form of the Retry-After header."""
    heartbeat: float | None = Field(default=None, gt=0)
    """Heartbeat interval told to phones at login; None leaves it to them."""
    outage: Outage | None = None
    per_id_error: dict[str, RecipientError] = Field(default_factory=dict)
    """By registration id: what sends to it are answered with, although nothing is wrong with it."""
    slow_answers: SlowAnswers | None = None
    latency: Distribution = Constant(value=0.08)
