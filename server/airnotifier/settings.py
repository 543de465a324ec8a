"""What the operator of a gateway decides: addresses, applications, keys, push services.

The whole configuration is one document (YAML or JSON), read once at start. Unknown keys, missing
files and impossible values are refused with the place and the reason; values are never echoed,
since some of them are secrets.

Names of the real world are kept: an application has a short name, access keys with permission
bits, a list of blocked addresses, an APNs certificate (sandbox or production) and a GCM API key.
"""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    model_validator,
)

from server.addresses import Networks
from server.airnotifier.permissions import Permission
from server.settings import (
    Host,
    ListeningPort,
    Port,
    Seconds,
    ServerSettings,
    StrictSettings,
    is_http_address,
)

APP_NAME = "[A-Za-z0-9._-]{1,64}"
APP_NAME_RULE = "1 to 64 letters, digits, dots, hyphens and underscores"

_LONGEST_PEM = 2**20
"""Bytes of a certificate's file that are searched for a key."""

APNS_HOST = "gateway.push.apple.com"
APNS_SANDBOX_HOST = "gateway.sandbox.push.apple.com"

MAX_APNS_LIFETIME = 365 * 86_400
"""Seconds. The expiry is a 32-bit number of seconds since 1970, and Apple read it as signed."""
MAX_GCM_LIFETIME = 28 * 86_400
"""Seconds: `time_to_live` is four weeks at most (Google, "GCM HTTP connection server")."""


def _existing_file(path: Path) -> Path:
    try:
        exists = path.is_file()
    except OSError:  # a name longer than the file system has names
        exists = False
    if not exists:
        raise ValueError(f"there is no file {path}")
    return path


def _holds_a_key(path: Path) -> bool:
    """Whether a certificate's file has the private key in it, too, as keychains export it."""
    try:
        with path.open("rb") as file:
            return b"PRIVATE KEY" in file.read(_LONGEST_PEM)
    except OSError:
        return False


def _http_address(url: str) -> str:
    if not is_http_address(url):
        raise ValueError("must be an http or https address")
    return url


def _permission_bits(value: Any) -> Any:
    """A list of permission names means the sum of their bits."""
    if not isinstance(value, list):
        return value
    bits = 0
    for name in value:
        known = ", ".join(str(permission.name).lower() for permission in Permission)
        if not isinstance(name, str):
            raise ValueError(f"permissions are names; known are {known}")
        try:
            bits |= Permission[name.upper()]
        except KeyError:
            raise ValueError(f"unknown permission {name[:32]!r}; known are {known}") from None
    return bits


def _year_as_text(value: Any) -> Any:
    """YAML reads a number."""
    return str(value) if isinstance(value, int) else value


def _of_form(pattern: str, rule: str) -> AfterValidator:
    """A text that the pattern matches as a whole; `rule` is what people are told."""

    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(rule)
        return text

    return AfterValidator(check)


ExistingFile = Annotated[Path, AfterValidator(_existing_file)]


class KeySettings(StrictSettings):
    """An access key: the key itself, or its SHA-256 so that the file holds no secret.

    A plain SHA-256 protects only what nobody can guess, hence the least length of a key.
    """

    key: Annotated[SecretStr, Field(min_length=16)] | None = None
    key_sha256: (
        Annotated[str, _of_form("[0-9a-f]{64}", "64 hexadecimal digits in lower case expected")]
        | None
    ) = None
    permissions: Annotated[int, Field(ge=0, le=31), BeforeValidator(_permission_bits)]
    description: str = ""

    @model_validator(mode="after")
    def _one_of_both(self) -> "KeySettings":
        if (self.key is None) == (self.key_sha256 is None):
            raise ValueError("give either key or key_sha256")
        return self

    @property
    def digest(self) -> str:
        """SHA-256 of the key, hexadecimal."""
        if self.key_sha256 is not None:
            return self.key_sha256
        assert self.key is not None
        return key_digest(self.key.get_secret_value())


def key_digest(key: str) -> str:
    """What is stored and looked up instead of an access key."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


class ApnsSettings(StrictSettings):
    """The binary APNs provider of one application. Durations in seconds."""

    host: Host | None = None
    """Unset: Apple's production or sandbox gateway, as the application says."""
    port: Port = 2195
    ca_file: ExistingFile | None = None
    """Authorities that may have signed the gateway's certificate; unset: the system's."""
    cert_file: ExistingFile
    key_file: ExistingFile
    connections: Annotated[int, Field(ge=1, le=15)] = 1
    recovery: Literal["replay", "none"] = "replay"
    """`none` is the gateway of 2013: identifier 0, and what follows a bad push is lost."""
    window: Annotated[int, Field(ge=1, le=100_000)] = 10_000
    """Unconfirmed pushes of a connection. Throughput is at most window / confirm_after."""
    connects_per_minute: Annotated[int, Field(ge=1, le=10_000)] = 12
    """Of all connections together; what needs more of them waits. Apple takes rapid connecting and
    disconnecting for an attack and publishes no limit; 15 a minute has been said to be too many.
    Each push to a dead token that is not known as dead costs one."""
    confirm_after: Seconds = 5.0
    """Success is silence: a push counts as accepted after this long without an error packet,
    ten times the delays that have been seen."""
    time_to_live: Annotated[int, Field(ge=1, le=MAX_APNS_LIFETIME)] = 86_400
    """AirNotifier always sent "now plus one day"."""
    legacy_payload_limit: Annotated[int, Field(ge=64, le=2048)] = 256
    """Bytes of JSON. 256 until the middle of 2014, 2048 later."""
    prune_invalid_tokens: bool = True
    connect_timeout: Seconds = 10.0
    backoff_initial: Seconds = 1.0
    backoff_max: Seconds = 60.0


class GcmSettings(StrictSettings):
    """The GCM HTTP provider of one application. Durations in seconds."""

    url: Annotated[str, AfterValidator(_http_address)] = "https://android.googleapis.com/gcm/send"
    api_key: SecretStr
    ca_file: ExistingFile | None = None
    concurrency: Annotated[int, Field(ge=1, le=1000)] = 50
    """Requests in flight, and connections kept."""
    timeout: Seconds = 30.0
    """For one whole request; what takes longer is asked again."""
    time_to_live: Annotated[int, Field(ge=1, le=MAX_GCM_LIFETIME)] = 3_600
    """AirNotifier sent one hour for every push of its first API."""
    prune_invalid_tokens: bool = True
    backoff_initial: Seconds = 1.0
    """Google's own advice for answers without Retry-After."""
    backoff_max: Seconds = 60.0


class AppSettings(StrictSettings):
    """One application: a name that clients send, who may call, and where its pushes go."""

    name: Annotated[str, _of_form(APP_NAME, f"{APP_NAME_RULE} expected")]
    keys: tuple[KeySettings, ...] = ()
    blocked_ips: Networks = ()
    sandbox: bool = False
    max_unknown_writes: Annotated[int, Field(ge=2, le=1000)] = 5
    """How often a push is written at most without its outcome becoming known, because the process
    or the connection ended first: so many copies a phone may show at worst. What a push service is
    known not to have taken does not count. After that the push is given up. Once only would need a
    commit before every write."""
    apns: ApnsSettings | None = None
    gcm: GcmSettings | None = None

    @model_validator(mode="after")
    def _keys_differ(self) -> "AppSettings":
        if len({key.digest for key in self.keys}) < len(self.keys):
            raise ValueError("the same key is listed twice")
        return self

    @property
    def apns_host(self) -> str:
        """The APNs gateway's name; needs `apns`."""
        assert self.apns is not None
        return self.apns.host or (APNS_SANDBOX_HOST if self.sandbox else APNS_HOST)


class GatewaySettings(ServerSettings):
    """The whole gateway."""

    database: str = "sqlite:///airnotifier.db"
    port: ListeningPort = 8801
    max_body_bytes: Annotated[int, Field(ge=1024, le=2**30)] = 65_536
    """A push service takes 4 KiB at most; the rest is room for encodings."""
    legacy_status: Annotated[Literal["2013"], BeforeValidator(_year_as_text)] | None = None
    """`2013`: refusals have status 200, as AirNotifier's had until then, and only the body says
    `error`. Unset: the statuses that it has had since 2014."""
    apps: tuple[AppSettings, ...]

    def secret_files(self) -> Iterator[Path]:
        yield from super().secret_files()
        for app in self.apps:
            if app.apns is not None:
                yield app.apns.key_file
                if _holds_a_key(app.apns.cert_file):
                    yield app.apns.cert_file

    @model_validator(mode="after")
    def _names_differ(self) -> "GatewaySettings":
        if len({app.name for app in self.apps}) < len(self.apps):
            raise ValueError("two apps have the same name")
        return self
