"""What a scenario says of how the gateway talks to the push services. Seconds of virtual time."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from scenarios.engine.format.quantities import Duration, mistake
from server.airnotifier.settings import MAX_APNS_LIFETIME, MAX_GCM_LIFETIME

_DAY = 86_400


def _whole_seconds(most: int) -> AfterValidator:
    def check(seconds: float) -> float:
        if seconds != int(seconds) or not 1 <= seconds <= most:
            hint = f"write 1s to {most // _DAY}d"
            raise mistake("out_of_range", "a push lives a whole number of seconds", hint)
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
    lifetime: Annotated[Duration, _whole_seconds(MAX_APNS_LIFETIME)] | None = Field(
        default=None, description="How long a push is worth delivering; a day if left out."
    )


class GcmSending(_Sending):
    """How the gateway talks to GCM."""

    key: Literal["own", "unknown", "other_sender"] = Field(
        default="own",
        description="The API key it presents: its own; one that GCM does not know (HTTP 401); or"
        " the key of another sender, with whom no phone has registered (MismatchSenderId).",
    )
    lifetime: Annotated[Duration, _whole_seconds(MAX_GCM_LIFETIME)] | None = Field(
        default=None, description="How long a push is worth delivering; an hour if left out."
    )
