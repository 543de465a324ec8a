"""What a scenario says of the time that the servers take for their work: CPU seconds per request,
virtual time. What is left out takes none.
"""

from pydantic import BaseModel, ConfigDict, Field

from scenarios.engine.format.limits import MAX_CORES
from scenarios.engine.format.quantities import Duration
from sim.net.cost import CostModel


class _Cost(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    cores: int = Field(
        default=1, ge=1, le=MAX_CORES, strict=True, description="How many requests at a time."
    )


class GatewayCost(_Cost):
    """What the gateway's work costs, in the simulated world."""

    push: Duration = Field(default=0.0, description="For a push that a site asks for.")
    broadcast: Duration = Field(default=0.0, description="For a broadcast.")
    register_token: Duration = Field(
        default=0.0, alias="register", description="For a phone that registers its token."
    )

    def model(self) -> CostModel:
        """As a host takes it."""
        operations = {
            "POST /notification*": self.push,
            "POST /broadcast*": self.broadcast,
            "POST /tokens*": self.register_token,
        }
        return CostModel(cores=self.cores, operations=operations)


class SiteCost(_Cost):
    """What the site's work costs, in the simulated world."""

    page: Duration = Field(default=0.0, description="For a page: preferences, a broadcast.")
    service: Duration = Field(
        default=0.0, description="For a call of a web service: of the app, or to send a message."
    )

    def model(self) -> CostModel:
        """As a host takes it."""
        paths = ("/webservice/*", "/login/token.php")
        calls = {f"{method} {path}": self.service for method in ("GET", "POST") for path in paths}
        return CostModel(cores=self.cores, operations=calls, default=self.page)
