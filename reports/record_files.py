"""What the JSON files of a record hold: what reports and commands rely on, with its types.

Keys that are not named here may be there: later versions may add some without a new format. Times
are integer nanoseconds of virtual time.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

MAX_TIME = 2**63 - 1
"""Nanoseconds: three hundred years."""

Time = Annotated[int, Field(ge=0, le=MAX_TIME)]
Count = Annotated[int, Field(ge=0, le=MAX_TIME)]
Seed = Annotated[int, Field(ge=0, lt=10**18)]
Scalar = str | int | float | bool | None


class _File(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True)


class Host(_File):
    """A lane of the drawing."""

    name: str
    role: Literal["person", "site", "gateway", "apns", "gcm", "phone"]
    title: str
    names: list[str]
    detail: str = ""
    count: Annotated[int, Field(ge=1)] = 1


class Step(_File):
    """A step of the flow, as it went."""

    n: Count
    do: str
    by: str
    title: str
    arguments: dict[str, Any] = Field(alias="with")
    status: str
    start_ns: Time
    end_ns: Time | None
    results: dict[str, Any]


class Fault(_File):
    """A fault of the scenario, as it went; without times it never began."""

    id: str
    start_ns: Time | None
    end_ns: Time | None


class Summary(_File):
    """`summary.json`."""

    name: str
    description: str = ""
    file: str
    cell: str
    values: dict[str, Scalar]
    seed: Seed
    verdict: Literal["passed", "failed", "interrupted"]
    failures: list[str]
    mode: str
    virtual_ns: Time
    wire_digest: str
    hosts: list[Host]
    steps: list[Step]
    fates: dict[str, Count]
    faults: list[Fault] = []
    command: str


class Git(_File):
    """The commit of the checkout."""

    commit: str
    dirty: bool


class Manifest(_File):
    """`manifest.json`."""

    seed: Seed
    mode: str
    airbed: str
    python: str
    packages: dict[str, str]
    git: Git | None
    scenario_sha256: str
    sha256: dict[str, str]
