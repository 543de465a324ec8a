"""What a scenario says of the push services: all their settings of the binary era, with units.

Each key is a setting of the service's own (`sim/vendors`), durations and shares with their unit;
only `legacy_payload_limit` is `payload_limit` here. What is left out is as the service has it by
default, and what the service would refuse is refused here. Seconds of virtual time, bytes.
"""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from scenarios.engine.format.limits import (
    MAX_COUNT,
    MAX_DEAD_AFTER,
    MAX_HEARTBEAT,
    MIN_HEARTBEAT,
)
from scenarios.engine.format.quantities import Distribution, Duration, Percent, Size, mistake
from sim.vendors.apns.settings import ApnsSettings
from sim.vendors.gcm.settings import GcmSettings, Project

Whole = Annotated[int, Field(le=MAX_COUNT, strict=True)]
CONNECTIONS = (
    "Connections of one address to one port, of phones those not logged in; more are closed."
)
READ_TIMEOUT = "How long a peer may take for a request or message, from its first byte to its last."
DeadAfter = Annotated[float, Field(le=MAX_DEAD_AFTER)]


def _heartbeat(seconds: float) -> float:
    if not MIN_HEARTBEAT <= seconds <= MAX_HEARTBEAT:
        hint = f"write {MIN_HEARTBEAT:g}s to {MAX_HEARTBEAT // 3600:g}h"
        raise mistake("out_of_range", "no phone sends heartbeats that often or that rarely", hint)
    return seconds


DEAD_AFTER = "Heartbeat intervals of silence after which a phone's connection counts as dead."


class _Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    def given(self) -> dict[str, Any]:
        """What was not left out, as the service's settings take it."""
        return self.model_dump(exclude={"protocol"}, exclude_none=True)


class ReconnectLimit(_Settings):
    """Too many connections of one address and app in a short time are refused for a while."""

    connects: Whole | None = Field(default=None, description="So many are welcome.")
    per: Duration | None = Field(default=None, description="Within this time.")
    penalty: Duration | None = Field(default=None, description="How long more are refused.")


class Apns(_Settings):
    """The Apple push service. What is left out is as the service documents it."""

    protocol: Literal["binary"] = "binary"
    latency: Distribution | None = Field(default=None, description="From acceptance to the phone.")
    reject_delay: Distribution | None = Field(
        default=None, description="From a bad notification to the error packet."
    )
    close_delay: Duration | None = Field(
        default=None, description="From the error packet to the end of the connection."
    )
    close_style: Literal["drain", "rst"] | None = Field(
        default=None, description="How it ends then: with FIN, or with a reset."
    )
    payload_limit: Annotated[Size, Field(ge=1, le=0xFFFF)] | None = Field(
        default=None, description="Largest payload taken."
    )
    modern_protocol_error: bool | None = Field(
        default=None, description="Code 128 for what cannot be parsed, instead of a silent close."
    )
    no_error_packet: Percent | None = Field(
        default=None, description="Share of error packets that never arrive."
    )
    wrong_identifier: Percent | None = Field(
        default=None, description="Share of error packets that name a random notification."
    )
    coalesce_pick: Literal["last", "random", "first"] | None = Field(
        default=None, description="Which notification survives for a phone that is offline."
    )
    stored_per_app: Whole | None = Field(
        default=None, description="How many survive for one app on it."
    )
    max_storage: Duration | None = Field(default=None, description="Longest storage.")
    reconnect_limit: ReconnectLimit | None = Field(
        default=None, description="Refuse who connects too often; without it nobody is refused."
    )
    shutdown_after: Whole | None = Field(
        default=None, description="Close each connection with code 10 after so many notifications."
    )
    close_after: Whole | None = Field(
        default=None, description="Close each connection without a word after so many."
    )
    dead_after: DeadAfter | None = Field(default=None, description=DEAD_AFTER)
    connections_per_address: Whole | None = Field(default=None, description=CONNECTIONS)
    read_timeout: Duration | None = Field(default=None, description=READ_TIMEOUT)
    reinstall_keeps_token: bool | None = Field(
        default=None, description="Whether an app that is installed again gets its old token."
    )

    def settings(self) -> ApnsSettings:
        """As the service takes them."""
        given = self.given()
        if "payload_limit" in given:
            given["legacy_payload_limit"] = given.pop("payload_limit")
        return ApnsSettings.model_validate(given)

    @model_validator(mode="after")
    def _possible(self) -> "Apns":
        self.settings()  # its refusals are ours, at the same keys
        return self


class Outage(_Settings):
    """Requests that are answered with an HTTP error."""

    status: Whole | None = Field(default=None, description="500 to 599.")
    retry_after: Duration | None = Field(
        default=None, description="Told to the sender; whole seconds."
    )
    share: Percent | None = Field(default=None, description="How many of the requests.")


class SlowAnswers(_Settings):
    """Requests that are done at once and answered late."""

    delay: Duration = Field(description="How late.")
    share: Percent | None = Field(default=None, description="How many of the requests.")


class Gcm(_Settings):
    """The Google push service. What is left out is as the service documents it."""

    protocol: Literal["http"] = "http"
    latency: Distribution | None = Field(default=None, description="From acceptance to the phone.")
    payload_limit: Size | None = Field(default=None, description="All keys and values together.")
    max_registration_ids: Whole | None = Field(default=None, description="Of one request.")
    max_collapse_keys: Whole | None = Field(
        default=None, description="Different ones stored for an app on a phone."
    )
    max_pending: Whole | None = Field(
        default=None, description="Messages without one stored for an app on a phone."
    )
    default_ttl: Duration | None = Field(
        default=None, description="How long a message is kept that says nothing; whole seconds."
    )
    strict_fields: bool | None = Field(
        default=None, description="Code 400 for unknown fields, as the early server did."
    )
    unregister_delay: Duration | None = Field(
        default=None, description="Until the id of a removed app answers NotRegistered."
    )
    canonical_old_id_ttl: Duration | None = Field(
        default=None, description="How long an id works beside a newer one; for ever if left out."
    )
    retry_after: Literal["seconds", "date"] | None = Field(
        default=None, description="Form of the Retry-After header."
    )
    heartbeat: Annotated[Duration, AfterValidator(_heartbeat)] | None = Field(
        default=None, description="Told to phones, which heed 30 s to 30 min; left out: theirs."
    )
    dead_after: DeadAfter | None = Field(default=None, description=DEAD_AFTER)
    connections_per_address: Whole | None = Field(default=None, description=CONNECTIONS)
    read_timeout: Duration | None = Field(default=None, description=READ_TIMEOUT)
    outage: Outage | None = Field(default=None, description="Requests answered with an error.")
    slow_answers: SlowAnswers | None = Field(default=None, description="Requests answered late.")

    def settings(self, *projects: Project) -> GcmSettings:
        """As the service takes them, with these projects."""
        return GcmSettings.model_validate({"projects": projects, **self.given()})

    @model_validator(mode="after")
    def _possible(self) -> "Gcm":
        self.settings(Project(sender_id="any", api_keys=()))
        return self
