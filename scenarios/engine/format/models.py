"""What a scenario file says, as typed models: one resolved cell of its matrix.

The models hold a scenario after `$matrix` references have been replaced (see `matrix.py`); what
is only known during the run (`$token`) is still a text in `Step.arguments` and `Step.expect`.
Durations are seconds of virtual time, sizes bytes. Unknown keys are refused everywhere. A field
that is None was left out: the system concerned then uses its own default.

Not here: whether names exist and references are saved before they are used (`checks.py`).
"""

from datetime import UTC, datetime
from typing import Annotated, Final, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)
from pydantic import StringConstraints as Text
from pydantic_core import InitErrorDetails

from scenarios.engine.format.cost_models import GatewayCost, SiteCost
from scenarios.engine.format.expression_syntax import Value
from scenarios.engine.format.expressions import Expression
from scenarios.engine.format.fault_model import Fault
from scenarios.engine.format.flow import Step
from scenarios.engine.format.limits import MAX_COUNT, MAX_NAMED, MAX_PHONES, MAX_RUNS
from scenarios.engine.format.network_models import LinkSettings, Nat
from scenarios.engine.format.people import SiteUser
from scenarios.engine.format.quantities import AppName, Name, Percent, Seed, mistake
from scenarios.engine.format.sending_models import ApnsSending, GcmSending
from scenarios.engine.format.units import kind_of
from scenarios.engine.format.vendor_models import Apns, Gcm
from scenarios.engine.format.workload import excess

DEFAULT_EPOCH: Final = datetime(2013, 5, 1, 8, tzinfo=UTC)
CALENDAR: Final = (datetime(1970, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
"""When a run may take place. In APNs' frames a time is 32 bits of seconds since 1970, which ends in
2106; what a push lives and a step may take at most stays clear of that."""
TAG_PATTERN: Final = r"^[a-z0-9][a-z0-9_-]*$"
NAT: Final = "It is behind a NAT that forgets connections which are idle for longer than this."


def _axis_value(value: object) -> Value:
    if not isinstance(value, bool | int | float | str):
        raise mistake("wrong_type", f"expected a single value, found {kind_of(value)}")
    return value


def _in_calendar(epoch: datetime) -> datetime:
    first, end = CALENDAR
    if not first <= epoch < end:
        message = f"a run takes place from {first.year} to {end.year - 1}"
        raise mistake("out_of_calendar", message, "APNs has no times beyond that")
    return epoch


Tag = Annotated[str, Text(pattern=TAG_PATTERN)]
Platform = Literal["ios", "android"]
Environment = Literal["production", "sandbox"]
Readiness = Literal["new", "registered", "enabled"]
AxisValue = Annotated[
    Value,
    PlainValidator(_axis_value),
    WithJsonSchema({"type": ["string", "number", "boolean"]}),
]
Generation = Annotated[
    Literal["2013"],
    BeforeValidator(str, json_schema_input_type=Literal[2013, "2013"]),  # YAML reads a number
]
SiteGeneration = Annotated[
    Literal["2013", "2.7"],
    BeforeValidator(str),
    WithJsonSchema({"enum": [2013, "2013", 2.7, "2.7"]}),
]
Count = Annotated[int, Field(ge=0, le=MAX_COUNT, strict=True)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Seeds(_Section):
    """Consecutive seeds: `{ from: 1, count: 20 }` is 1 to 20."""

    first: Seed = Field(alias="from", description="The first seed.")
    count: int = Field(ge=1, le=MAX_RUNS, strict=True, description="How many seeds.")


class Gateway(_Section):
    """The AirNotifier gateway."""

    kind: Literal["airnotifier"]
    app: AppName = Field(default="moodle", description="Name of the application it serves.")
    environment: Environment = Field(
        default="production",
        description="Which APNs it has a certificate for: Apple's sandbox is for apps that are"
        " being developed.",
    )
    legacy_status: Generation | None = Field(
        default=None,
        description="2013: it refuses with status 200 and an error in the body, as AirNotifier did"
        " then. Left out: with the statuses since 2014.",
    )
    token_in: Literal["body", "path"] | None = Field(
        default=None,
        description="How phones register their tokens: body (POST /tokens, as the design of 2013"
        " has it) or path (POST /tokens/<token>, which every released AirNotifier serves). Left"
        " out: body, and path at an external gateway.",
    )
    apns: ApnsSending = ApnsSending()
    gcm: GcmSending = GcmSending()
    cost: GatewayCost | None = Field(
        default=None, description="What its work costs; nothing if left out."
    )


class Site(_Section):
    """The Moodle site. The user `admin` is always there."""

    kind: Literal["moodle"]
    generation: SiteGeneration = Field(
        default="2013",
        description="The generation of Moodle and its plugin that the site behaves as. 2.7: as that"
        " of 2013, but its pushes have the fields of Moodle 2.7, which name the platform and no"
        " id of the message.",
    )
    users: dict[Name, SiteUser] = Field(
        default_factory=dict,
        max_length=MAX_NAMED,
        description="Users by name: the role of each, or a mapping with more than that.",
    )
    gateway_key: Literal["site", "app"] = Field(
        default="site",
        description="The access key the site presents to the gateway: its own (may send), or by"
        " mistake the app's (may only register).",
    )
    cost: SiteCost | None = Field(
        default=None, description="What its work costs; nothing if left out."
    )


class Vendors(_Section):
    """The push services."""

    apns: Apns = Apns()
    gcm: Gcm = Gcm()


class World(_Section):
    """The world the phones live in."""

    epoch: Annotated[AwareDatetime, AfterValidator(_in_calendar)] = Field(
        default=DEFAULT_EPOCH, description="Calendar time at virtual time 0."
    )
    gateway: Gateway
    site: Site
    vendors: Vendors = Vendors()
    network: LinkSettings = Field(
        default=LinkSettings(), description="Every link of the world's network."
    )
    links: dict[Name, LinkSettings] = Field(
        default_factory=dict,
        description="Links of single hosts: gateway, site, apns, gcm, phones, fleet, and users (the"
        " computer of each).",
    )


class Phone(_Section):
    """A phone with the Moodle Mobile app, and its owner."""

    platform: Platform
    owner: Name = Field(description="The user of the site who carries it.")
    network: Literal["wifi", "cellular"] = "wifi"
    nat: Nat | None = Field(default=None, description=NAT)
    registration: Literal["design", "app2013"] = Field(
        default="design",
        description="When the app registers at the gateway: at launch with its own key (the"
        " design), or after login with the key from the site (the app of May 2013).",
    )
    environment: Environment = Field(
        default="production",
        description="From which APNs the app has its token: that of an app in development is from"
        " the sandbox, and unknown in production.",
    )
    tls: bool = Field(
        default=False,
        strict=True,
        description="Whether its connections to its push service are encrypted, as in real life."
        " The same for all phones of a platform.",
    )
    state: Readiness = Field(
        default="new",
        description="Where it starts: new; registered at gateway and site (steps 1 to 5 done); or"
        " enabled (steps 1 to 6 done).",
    )

    @model_validator(mode="after")
    def _has_a_sandbox(self) -> "Phone":
        if self.platform == "android" and self.environment == "sandbox":
            raise mistake("conflict", "GCM has no sandbox", "remove 'environment'")
        return self


class Mix(_Section):
    """Shares of the platforms in a fleet; together 100%."""

    ios: Percent
    android: Percent

    @model_validator(mode="after")
    def _complete(self) -> "Mix":
        if abs(self.ios + self.android - 1) > 1e-9:
            raise mistake("conflict", "the shares of 'mix' are not 100% together", "correct one")
        return self


class Fleet(_Section):
    """Many phones alike, each with an owner of its own."""

    count: int = Field(ge=1, le=MAX_PHONES, strict=True)
    platform: Platform | None = Field(default=None, description="One platform for all.")
    mix: Mix | None = Field(default=None, validate_default=True, description="Or a share for each.")
    state: Readiness = Field(default="new", description="Where all of them start, as for a phone.")
    nat: Nat | None = Field(default=None, description=NAT)

    def has(self, platform: Platform) -> bool:
        """Whether there are phones of a platform in it."""
        if self.mix is None:
            return self.platform == platform
        return (self.mix.ios if platform == "ios" else self.mix.android) > 0

    @field_validator("mix")
    @classmethod
    def _one_of_platform_and_mix(cls, mix: Mix | None, info: ValidationInfo) -> Mix | None:
        if "platform" in info.data and (info.data["platform"] is None) is (mix is None):
            raise mistake(
                "conflict", "a fleet needs either 'platform' or 'mix'", "write one of them"
            )
        return mix


class Devices(_Section):
    """Phones by name, and at most one fleet."""

    model_config = ConfigDict(extra="allow", frozen=True)
    __pydantic_extra__: dict[Name, Phone] = Field(init=False)

    fleet: Fleet | None = None

    def use_tls(self, platform: Platform) -> bool:
        """Whether the phones of a platform reach their push service through TLS."""
        return any(each.tls for each in self.phones.values() if each.platform == platform)

    @model_validator(mode="after")
    def _not_too_many(self) -> "Devices":
        if len(self.phones) > MAX_NAMED:
            message = f"these are {len(self.phones)} named phones, more than {MAX_NAMED}"
            raise mistake("too_much", message, "use a fleet")
        return self

    @model_validator(mode="after")
    def _alike(self) -> "Devices":
        # A push service listens for phones with TLS or without; a fleet has none.
        for platform in ("ios", "android"):
            phones = [each.tls for each in self.phones.values() if each.platform == platform]
            if self.fleet is not None and self.fleet.has(platform):
                phones.append(False)
            if len(set(phones)) > 1:
                raise mistake(
                    "conflict",
                    f"some {platform} phones have 'tls' and others do not",
                    "write it for all of them, or for none; a fleet's phones never have it",
                )
        return self

    @property
    def phones(self) -> dict[str, Phone]:
        """The named phones, in the order of the file."""
        return dict(self.__pydantic_extra__ or {})


class Fates(_Section):
    """How many notifications must have come to each fate; those left out may be any number."""

    created: Count | None = None
    suppressed: Count | None = None
    refused: Count | None = None
    rejected: Count | None = None
    expired: Count | None = None
    collapsed: Count | None = None
    undeliverable: Count | None = None
    delivered: Count | None = None
    opened: Count | None = None
    dismissed: Count | None = None
    unread: Count | None = None
    pending: Count | None = None
    lost: Count | None = None
    duplicate: Count | None = None
    when: Expression | None = Field(default=None, description="Only where this holds.")

    def counts(self) -> dict[str, int]:
        """The fates that are asked for, and how many of each."""
        return self.model_dump(exclude={"when"}, exclude_none=True)


class Check(_Section):
    """A condition on what the run measured."""

    that: Expression
    when: Expression | None = Field(default=None, description="Only where this holds.")


class Expect(_Section):
    """What must be true at the end of the run."""

    fates: Fates | None = None
    invariants: list[
        Literal[
            "conservation",
            "causal_order",
            "no_token_leak",
            "no_needless_duplicate",
            "no_needless_loss",
            "bad_token_pruned",
        ]
    ] = Field(default_factory=list)
    checks: list[Check] = Field(default_factory=list)


def _printable(name: str) -> str:
    # It is printed on terminals and written into XML, where control characters do harm.
    if not name.isprintable():
        raise ValueError("it has characters that cannot be printed; write plain text")
    return name


class Scenario(_Section):
    """A scenario file: the world, its phones, what is done, what must come of it."""

    format: Literal[1]
    name: Annotated[str, AfterValidator(_printable)] = Field(min_length=1, max_length=200)
    description: str = ""
    tags: list[Tag] = Field(default_factory=list)
    seed: Seed | None = Field(default=None, description="The one seed; 1 when no seed is given.")
    seeds: Seeds | None = Field(
        default=None, description="Or several: the run is repeated with each."
    )
    matrix: dict[Name, Annotated[list[AxisValue], Field(min_length=1)]] = Field(
        default_factory=dict,
        description="Values to combine, each with each; `$matrix.<name>` is the cell's value.",
    )
    world: World
    devices: Devices = Devices()
    faults: list[Fault] = Field(default_factory=list, max_length=MAX_NAMED)
    flow: list[Step] = Field(min_length=1)
    expect: Expect = Expect()

    @field_validator("seeds")
    @classmethod
    def _one_of_seed_and_seeds(cls, seeds: Seeds | None, info: ValidationInfo) -> Seeds | None:
        if info.data.get("seed") is not None:
            raise mistake("conflict", "both 'seed' and 'seeds' are given", "keep one of the two")
        return seeds

    @field_validator("flow")
    @classmethod
    def _ends_in_the_calendar(cls, flow: list[Step], info: ValidationInfo) -> list[Step]:
        if "world" not in info.data:  # with mistakes, reported already
            return flow
        left = (CALENDAR[1] - info.data["world"].epoch).total_seconds()
        for place, step in enumerate(flow):
            left -= step.passes
            if left < 0:
                message = f"with this step the run lasts until after {CALENDAR[1].year - 1}"
                hint = "wait for a shorter time, or begin earlier with world.epoch"
                error = mistake("out_of_calendar", message, hint)
                raise ValidationError.from_exception_data(
                    "flow", [InitErrorDetails(type=error, loc=(place,), input=step.do)]
                )
        return flow

    @model_validator(mode="after")
    def _ends_within_hours(self) -> "Scenario":
        found = excess(self)
        if found is not None:
            error = mistake("too_much", found.message, found.help)
            raise ValidationError.from_exception_data(
                "scenario", [InitErrorDetails(type=error, loc=found.location, input=None)]
            )
        return self

    @property
    def uses_sandbox(self) -> bool:
        """Whether anybody has to do with the sandbox of APNs."""
        phones = (each.environment for each in self.devices.phones.values())
        return "sandbox" in (self.world.gateway.environment, *phones)

    @property
    def all_seeds(self) -> range:
        """The seeds to run, one after the other."""
        if self.seeds is not None:
            return range(self.seeds.first, self.seeds.first + self.seeds.count)
        first = 1 if self.seed is None else self.seed
        return range(first, first + 1)
