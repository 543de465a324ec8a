"""What the settings of both servers have in common."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from server.database import Durability


class StrictSettings(BaseModel):
    """Unknown keys are errors, values do not change, inputs stay out of messages."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class ServerSettings(StrictSettings):
    """What every server has to be told."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)]
    """0: any that is free."""
    database: str
    """A URL as SQLAlchemy reads it."""
    durability: Durability = "full"
