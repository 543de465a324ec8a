"""What a scenario says of how the gateway talks to the push services. Seconds of virtual time."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from scenarios.engine.format.quantities import Duration

_DAY = 86_400
APNS_MOST = 365 * _DAY
GCM_MOST = 28 * _DAY
"""Longest lives of a push: see the gateway's own settings."""


def _whole_seconds(most: int) -> AfterValidator:
    def check(seconds: float) -> float:
        if seconds != int(seconds) or not 1 <= seconds <= most:
            message = "a push lives a whole number of seconds"
            context = {"message": message, "help": f"write 1s to {most // _DAY}d"}
            raise PydanticCustomError("out_of_range", "{message}", context)
        return seconds

    return AfterValidator(check)


class _Sending(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    lifetime: float | None = None

    def given_lifetime(self) -> dict[str, Any]:
        """The gateway's setting, where the scenario has one."""
        return {} if self.lifetime is None else {"time_to_live": int(self.lifetime)}


class ApnsSending(_Sending):
    """How the gateway talks to APNs."""

    recovery: Literal["replay", "none"] = Field(
        default="replay",
        description="After a rejected notification: send again what followed it, or (the gateway"
        " of 2013) lose it.",
    )
    certificate: Literal["valid", "expired", "not_yet_valid", "foreign_authority", "other_name"] = (
        Field(
            default="valid",
            description="What is wrong with its client certificate; `other_name`: it is that of"
            " another app.",
        )
    )
    lifetime: Annotated[Duration, _whole_seconds(APNS_MOST)] | None = Field(
        default=None, description="How long a push is worth delivering; a day if left out."
    )


class GcmSending(_Sending):
    """How the gateway talks to GCM."""

    key: Literal["own", "unknown", "other_sender"] = Field(
        default="own",
        description="The API key it presents: its own; one that GCM does not know (HTTP 401); or"
        " the key of another sender, with whom no phone has registered (MismatchSenderId).",
    )
    lifetime: Annotated[Duration, _whole_seconds(GCM_MOST)] | None = Field(
        default=None, description="How long a push is worth delivering; an hour if left out."
    )
