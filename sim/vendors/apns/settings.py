"""Settings of the mock APNs, with the defaults of a world in 2013. Times are virtual seconds."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from sim.distributions import Constant, Distribution
from sim.vendors.settings import PushSettings


class ReconnectLimit(BaseModel):
    """More than `connects` connections of one address and topic within `per` seconds: refuse for
    `penalty`.

    Apple treats rapid connecting and disconnecting as an attack; the numbers are not published.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    connects: int = Field(default=15, ge=1)
    per: float = Field(default=60.0, gt=0)
    penalty: float = Field(default=3600.0, gt=0)


class ApnsSettings(PushSettings):
    """How the binary gateway and the push core behind it behave."""

    READ_AT_START = frozenset({"reinstall_keeps_token"})

    legacy_payload_limit: int = Field(default=256, ge=1, le=0xFFFF)
    """Bytes of payload: 256 until mid-2014, 2048 afterwards."""
    modern_protocol_error: bool = False
    """Answer unparseable input with code 128 (last documentation editions) instead of a silent
    close."""
    reject_delay: Distribution = Constant(value=0.3)
    """From reading a bad notification to its error packet; 0.36 to 0.5 s were seen in the wild."""
    close_style: Literal["drain", "rst"] = "drain"
    """How the connection ends after the discarding: `drain` with FIN, `rst` with a reset."""
    close_delay: float = Field(default=0.2, ge=0)
    """From the error packet to the close."""
    no_error_packet: float = Field(default=0.0, ge=0, le=1)
    """Probability that the error packet never arrives."""
    wrong_identifier: float = Field(default=0.0, ge=0, le=1)
    """Probability that the error packet names a random identifier."""
    coalesce_pick: Literal["last", "random", "first"] = "last"
    """Which notification of an app survives for an offline device: documented is the last."""
    stored_per_app: int = Field(default=1, ge=1)
    """Notifications kept per device and app while the device is offline."""
    max_storage: float = Field(default=30 * 86400.0, gt=0)
    """Longest storage, whatever the expiry says; also the expiry of notifications without one."""
    reconnect_limit: ReconnectLimit | None = None
    shutdown_after: int | None = Field(default=None, ge=1)
    """Close a provider connection with code 10 after so many accepted notifications."""
    close_after: int | None = Field(default=None, ge=1)
    """Close a provider connection without a word after so many accepted notifications."""
    latency: Distribution = Constant(value=0.05)
    reinstall_keeps_token: bool = True
    """2009-2014 an app installed again on the same device usually got its old token."""
