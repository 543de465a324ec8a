"""An Android phone of 2013: its permissions are accepted at install, it registers with GCM.

Identity and registration ids come over HTTP: a check-in once, which gives the android id and its
secret, then a registration for each app and sender. Messages come over the MTalk connection.

Simplifications: a registration that Google refuses is not repeated by the phone; the first
installation of an app registers without the id of its installation (`X-appid`).
"""

import base64
import random
from collections.abc import Generator, Mapping
from typing import TYPE_CHECKING, Any

import simpy

from devices import protobuf
from devices.errors import FrameError, HttpError, NotPossible, UnexpectedAnswer
from devices.http import HttpClient, Response
from devices.mtalk import MtalkConnection
from devices.notifications import from_gcm
from devices.phone import Phone, ignore
from devices.settings import AndroidSettings, RadioSettings

if TYPE_CHECKING:
    from sim.surface import Host

CHECKIN_RETRY = 30.0
"""Seconds between attempts to check in."""

CHECKIN_REQUEST = b"".join(
    (
        protobuf.uint_field(2, 0),  # no android id yet
        protobuf.bytes_field(4, protobuf.uint_field(12, 1)),  # a device with Android
        protobuf.uint_field(14, 3),  # version
    )
)
"""What a new phone says of itself (Chromium, checkin.proto and android_checkin.proto)."""


class AndroidPhone(Phone):
    """See the module. `android_id` is None before the first check-in."""

    platform = "android"

    __slots__ = (
        "_app_was_removed",
        "_checking_in",
        "_http",
        "_instance",
        "_settings",
        "android_id",
        "security_token",
    )

    def __init__(
        self,
        host: "Host",
        stream: random.Random,
        settings: AndroidSettings,
        *,
        android_id: int | None = None,
        security_token: int = 0,
    ) -> None:
        super().__init__(host, stream)
        self._settings = settings
        self.android_id = android_id
        self.security_token = security_token
        self._app_was_removed = False
        self._instance: str | None = None
        """The present installation of the app, as Google knows it; None for the first."""
        self._checking_in: simpy.Process | None = None
        self._http: HttpClient | None = None

    @property
    def radio_settings(self) -> RadioSettings:
        return self._settings.radio

    def ready_to_connect(self) -> bool:
        if self.android_id is None:
            self._check_in()
        return self.android_id is not None

    def open_connection(self) -> simpy.Event:
        settings = self._settings
        return self.host.connect(
            settings.mtalk, settings.mtalk_port, self._connection, tls=settings.tls
        )

    def ask_permission(self) -> None:
        """Nothing to ask: the user accepted the permission when the app was installed."""

    def answer_permission(self, accepted: bool) -> None:
        if not accepted:
            raise NotPossible(f"{self.name}: Android of 2013 asks only at install")

    def push_token(self) -> simpy.Event:
        return self.env.process(self._register())

    def apps_changed(self) -> None:
        """Google is not told: it learns that an app is gone when it delivers the next message, and
        that it was installed again when that registers.
        """
        if self.app is not None and not self.app.installed:
            self._app_was_removed = True

    # -- from the connection

    def deliver_data(
        self, mid: str, category: str, data: Mapping[str, str], *, answer: int
    ) -> bool:
        """A message arrived; False when its app is not on the phone. `answer` as in `deliver`."""
        now = self.env.now
        return self.deliver(
            mid, category, lambda: from_gcm(mid, category, data, now), answer=answer
        )

    def forget_identity(self) -> None:
        """Google does not know this phone (any more): check in as a new one."""
        self.android_id = None
        self.security_token = 0

    # -- over HTTP

    def _connection(self) -> MtalkConnection:
        return MtalkConnection(self)

    def _client(self) -> HttpClient:
        if self._http is None:
            agent = "Android-GCM/1.3 (maguro JDQ39)"
            self._http = HttpClient(self.host, user_agent=agent, tls=self._settings.tls)
        return self._http

    def _check_in(self) -> simpy.Process:
        if self._checking_in is None or self._checking_in.triggered:
            self._checking_in = self.env.process(self._check_in_until_done())
            assert self._checking_in.callbacks is not None
            self._checking_in.callbacks.append(ignore)
        return self._checking_in

    def _check_in_until_done(self) -> Generator[simpy.Event, Any, None]:
        while self.android_id is None and self.powered:
            try:
                response = yield self._client().request(
                    "POST",
                    f"{self._settings.google_services}/checkin",
                    headers={"Content-Type": "application/x-protobuffer"},
                    body=CHECKIN_REQUEST,
                )
                self.android_id, self.security_token = _read_identity(response)
            except (HttpError, FrameError, UnexpectedAnswer):
                yield self.env.timeout(CHECKIN_RETRY * (1 + self.stream.random() / 2))
        if self.powered:
            self.radio.start()

    def _register(self) -> Generator[simpy.Event, Any, str]:
        if self.app is None:
            raise NotPossible(f"{self.name}: there is no app to register")
        if self.android_id is None:
            yield self._check_in()
        if self.android_id is None:
            raise NotPossible(f"{self.name}: the phone is off and was never checked in")
        if self._app_was_removed:
            self._app_was_removed = False
            self._instance = base64.urlsafe_b64encode(self.stream.randbytes(8))[:11].decode()
        instance = {} if self._instance is None else {"X-appid": self._instance}
        response: Response = yield self._client().request(
            "POST",
            f"{self._settings.google_services}/c2dm/register3",
            headers={"Authorization": f"AidLogin {self.android_id}:{self.security_token}"},
            form={
                "app": self.app.app_id,
                "sender": self.app.sender_id,
                "device": str(self.android_id),
                **instance,
            },
        )
        name, _, value = response.text().strip().partition("=")
        if response.status != 200 or name != "token" or not value:
            problem = value if name == "Error" else f"status {response.status}"
            raise UnexpectedAnswer(f"{self.name}: GCM gave no registration id: {problem}")
        return value


def _read_identity(response: Response) -> tuple[int, int]:
    """android id and security token of a check-in's answer (fields 7 and 8)."""
    fields = dict(protobuf.read_fields(response.body)) if response.status == 200 else {}
    android_id, security_token = fields.get(7), fields.get(8)
    if not isinstance(android_id, int) or not isinstance(security_token, int):
        raise UnexpectedAnswer(f"check-in answered with status {response.status}")
    return android_id, security_token
