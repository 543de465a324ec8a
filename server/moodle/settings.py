"""What the operator of a site decides. Read from a YAML or JSON file; unknown keys are refused.

The part that Moodle keeps in its database (`airnotifier`, `default_outputs`, `mobile_services`,
`messaging`, `noemailever`, `lockout`) is written there when the site starts for the first time;
from then on the database holds the truth and the administrator's pages change it.
"""

import re
import unicodedata
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
    model_validator,
)

from server.moodle.gateway_settings import complaint
from server.settings import (
    ListeningPort,
    Port,
    ServerSettings,
    StrictSettings,
    is_http_address,
)

Generation = Literal["2013", "2.7"]
"""Of Moodle and its AirNotifier output. Of 2.7 there are the fields of a push, and nothing else."""
ProcessorName = Literal["popup", "email", "airnotifier"]
Permission = Literal["permitted", "forced", "disallowed"]
Role = Literal["student", "teacher", "admin"]


_PATH = re.compile("(/[A-Za-z0-9._~-]+)*/?", re.ASCII)

LONGEST = 10 * 31_536_000
"""Seconds of the longest time that can be set: ten years."""


MAX_PERSON_NAME = 100
"""Characters of a first or last name, as Moodle's columns hold them."""


def checked_person_name(name: str) -> str:
    """A first or last name as it is. Raises ValueError for what Moodle would not store: tags, and
    what is no text (control characters, halves of surrogate pairs)."""
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in name):
        raise ValueError("a name has no control characters and no halves of surrogate pairs")
    if "<" in name or ">" in name:
        raise ValueError("a name has no < and no >, which Moodle takes for tags")
    return name


PersonName = Annotated[str, Field(max_length=MAX_PERSON_NAME), AfterValidator(checked_person_name)]


class PasswordHash(StrictSettings):
    """Cost of an argon2id password hash. The defaults are OWASP's second recommended profile."""

    time_cost: int = Field(default=2, ge=1, le=100)
    memory_cost: int = Field(default=19456, ge=8, le=4 * 2**20, description="KiB")
    parallelism: int = Field(default=1, ge=1, le=64)


class UserSettings(StrictSettings):
    """An account that has to exist when the site starts."""

    username: str = Field(min_length=1, max_length=100)
    password: SecretStr = Field(min_length=1)
    firstname: PersonName
    lastname: PersonName
    email: str = Field(default="", max_length=100)
    role: Role = "student"


class AirnotifierSettings(StrictSettings):
    """Initial values of the administrator's AirNotifier settings; keys are empty as delivered."""

    enabled: bool = Field(
        default=True, description="the output is switched on in the list of outputs"
    )
    url: str = "http://notify.moodle.net"
    port: Port = 8801
    app_name: str = "moodlehtml5app"
    access_key: SecretStr = Field(default=SecretStr(""), description="sends pushes and broadcasts")
    device_access_key: SecretStr = Field(default=SecretStr(""), description="handed out to phones")

    @field_validator("url", "app_name", "access_key", "device_access_key")
    @classmethod
    def _as_on_the_page(cls, value: str | SecretStr, info: ValidationInfo) -> str | SecretStr:
        text = value.get_secret_value() if isinstance(value, SecretStr) else value
        if wrong := complaint(f"airnotifier{info.field_name}".replace("_", ""), text):
            raise ValueError(wrong)
        return value


class DefaultOutputs(StrictSettings):
    """Outputs of a private message for users without a preference, by the recipient's state.

    Moodle 2.5 declares `popup` for both states; what is not declared is permitted and off.
    """

    loggedin: list[ProcessorName] = Field(default=["popup"])
    loggedoff: list[ProcessorName] = Field(default=["popup"])
    permitted: dict[ProcessorName, Permission] = Field(default={})


class Lockout(StrictSettings):
    """How many wrong passwords lock an account, counted within a time, and for how long."""

    threshold: int = Field(default=10, ge=0, le=10**9, description="0: never")
    window: int = Field(default=1800, ge=1, le=LONGEST, description="seconds")
    duration: int = Field(default=1800, ge=1, le=LONGEST, description="seconds")


class SiteSettings(ServerSettings):
    """Everything needed to serve one site."""

    wwwroot: str = Field(description="the site's address, byte for byte as clients know it")
    reverse_proxy: bool = Field(
        default=False,
        description="a proxy calls the site by another host name than that of wwwroot; calls by"
        " wwwroot's own name are then refused (Moodle's reverseproxy)",
    )
    ssl_proxy: bool = Field(
        default=False,
        description="TLS ends in front of the site, which gets plain HTTP (Moodle's sslproxy);"
        " without it a site with an https address refuses every request over HTTP",
    )
    sitename: str = "Airbed"
    generation: Generation = "2013"
    port: ListeningPort = 8080
    database: str = "sqlite:///moodle.sqlite"
    password_hash: PasswordHash = PasswordHash()
    users: list[UserSettings] = Field(default=[])
    airnotifier: AirnotifierSettings = AirnotifierSettings()
    default_outputs: DefaultOutputs = DefaultOutputs()
    mobile_services: bool = True
    messaging: bool = True
    noemailever: bool = False
    lockout: Lockout = Lockout()
    session_timeout: int = Field(
        default=7200, ge=60, le=LONGEST, description="seconds without a page"
    )
    # A bulk call of moodle_message_send_instantmessages needs two or three per message.
    max_input_vars: int = Field(default=1000, ge=10, le=10**6)
    max_body: int = Field(
        default=8 * 2**20, ge=1024, le=2**30, description="bytes; PHP's post_max_size"
    )

    @field_validator("generation", mode="before")
    @classmethod
    def _year_as_text(cls, value: object) -> object:
        return str(value) if isinstance(value, int | float) else value

    @field_validator("wwwroot")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        if not is_http_address(value):
            raise ValueError("must be an http or https address such as http://moodle.example")
        parts = urlsplit(value)
        if not _PATH.fullmatch(parts.path):
            raise ValueError("must have a path of letters, digits and -._~/ only, or none")
        if value.endswith("/") or parts.query or parts.fragment:
            raise ValueError("must end without a slash, query or fragment, as Moodle's wwwroot")
        return value

    @model_validator(mode="after")
    def _https_behind_a_proxy(self) -> "SiteSettings":
        if self.ssl_proxy and not self.wwwroot.startswith("https:"):
            raise ValueError("ssl_proxy: wwwroot must be an https address")
        return self
