"""Settings of phones and of the app on them: immutable, and shared by all phones of a kind.

All times are virtual seconds.
"""

import ssl
from dataclasses import dataclass, field
from typing import Literal

RegistrationOrder = Literal["design", "app2013"]
TokenPlace = Literal["body", "path"]


@dataclass(frozen=True, slots=True, eq=False)
class RadioSettings:
    """How a phone keeps its connection to the push service.

    `heartbeat` is the silence after which the phone asks for a sign of life, `heartbeat_timeout`
    how long it waits for it. Defaults: 15 minutes is what Chromium's GCM client uses on Wi-Fi, and
    the middle of what is seen of APNs (10 to 20); one minute for the answer is Chromium's.
    Reconnecting waits 1 s, 2 s, 4 s ... up to `backoff_cap`, plus up to half of it at random.
    A session that lived less than `stable_after` does not end the back-off (Chromium: 10 s).
    """

    heartbeat: float = 900.0
    heartbeat_timeout: float = 60.0
    login_timeout: float = 30.0
    backoff_first: float = 1.0
    backoff_cap: float = 300.0
    stable_after: float = 10.0


@dataclass(frozen=True, slots=True, eq=False)
class IosSettings:
    """An iPhone. `courier` is the host of its push connection; `tls` is off for fleets."""

    radio: RadioSettings = field(default_factory=RadioSettings)
    courier: str = "1-courier.push.apple.com"
    courier_port: int = 5223
    tls: ssl.SSLContext | None = None


@dataclass(frozen=True, slots=True, eq=False)
class AndroidSettings:
    """An Android phone with Google services.

    `google_services` is the origin for check-in and registration (https with `tls`), `mtalk` the
    host of the push connection.
    """

    radio: RadioSettings = field(default_factory=RadioSettings)
    google_services: str = "http://android.clients.google.com"
    mtalk: str = "mtalk.google.com"
    mtalk_port: int = 5228
    tls: ssl.SSLContext | None = None


@dataclass(frozen=True, slots=True, eq=False)
class AppSettings:
    """A build of the Moodle Mobile app.

    `order` chooses how it registers: `design` registers the token at the gateway at launch with
    the app's own key (`gateway_key`), and after login subscribes it to the site's channel;
    `app2013` is the app of May 2013, which asks the site for a key after login and registers
    `registration_delay` seconds after it got its token.

    `token_in`: in the order of the design, whether a token is registered by `POST /tokens` with the
    token in the body, as the design has it, or by `POST /tokens/<token>`, which is what every
    AirNotifier that was released serves. The app of May 2013 does the latter.

    `navigates`: whether tapping a notification opens the page it is about. The app of May 2013
    only came to the front.
    """

    site_url: str
    gateway_url: str
    gateway_app: str = "moodle"
    gateway_key: str | None = field(default=None, repr=False)
    app_id: str = "com.moodle.moodlemobile"
    sender_id: str = ""
    order: RegistrationOrder = "design"
    token_in: TokenPlace = "body"
    navigates: bool = True
    service: str = "moodle_mobile_app"
    registration_delay: float = 10.0
    popup_seconds: float = 4.0
    launch_seconds: float = 1.2
    resume_seconds: float = 0.3
    http_timeout: float = 60.0
    tls: ssl.SSLContext | None = None
