"""An iPhone of 2013: asks its user before an app may receive pushes, gets tokens from APNs.

The device token identifies the phone to APNs and stays when apps come and go; the app's push
token is issued over the push connection, once the user agreed and the phone is connected.
"""

import random
from typing import TYPE_CHECKING, Literal

import simpy

from devices.courier import CourierConnection
from devices.courier_codec import STATUS_OK, AppTokenAck
from devices.errors import NotPossible, UnexpectedAnswer
from devices.notifications import from_apns
from devices.phone import Phone
from devices.settings import IosSettings, RadioSettings
from devices.tokens import topic_hash

if TYPE_CHECKING:
    from sim.surface import Host

Permission = Literal["not asked", "asking", "accepted", "declined"]


class IosPhone(Phone):
    """See the module. `device_token` is None on the phone's very first start."""

    platform = "ios"

    __slots__ = (
        "_permission",
        "_settings",
        "_untold_removal",
        "_waiting_for_token",
        "device_token",
    )

    def __init__(
        self,
        host: "Host",
        stream: random.Random,
        settings: IosSettings,
        *,
        device_token: bytes | None = None,
        permission: Permission = "not asked",
    ) -> None:
        super().__init__(host, stream)
        self._settings = settings
        self.device_token = device_token
        self._permission: Permission = permission
        self._untold_removal = False
        self._waiting_for_token: tuple[simpy.Event, ...] = ()

    @property
    def permission(self) -> Permission:
        """What the user said to "would like to send you notifications"."""
        return self._permission

    @property
    def radio_settings(self) -> RadioSettings:
        return self._settings.radio

    def ready_to_connect(self) -> bool:
        return True

    def open_connection(self) -> simpy.Event:
        settings = self._settings
        return self.host.connect(
            settings.courier, settings.courier_port, self._connection, tls=settings.tls
        )

    def ask_permission(self) -> None:
        if self._permission == "not asked":
            self._permission = "asking"

    def answer_permission(self, accepted: bool) -> None:
        if self._permission == "not asked":
            raise NotPossible(f"{self.name}: no app has asked for permission; open it first")
        if self._permission == "asking":
            self._permission = "accepted" if accepted else "declined"

    def push_token(self) -> simpy.Event:
        event = self.env.event()
        if self.app is None or self._permission != "accepted":
            event.fail(NotPossible(f"{self.name}: the user has not accepted push notifications"))
            return event
        self._waiting_for_token = (*self._waiting_for_token, event)
        connection = self.radio.connection
        if isinstance(connection, CourierConnection) and connection.logged_in:
            connection.ask_app_token(topic_hash(self.app.app_id))
        return event

    def apps_changed(self) -> None:
        is_gone = self.app is None or not self.app.installed
        if is_gone:
            self._permission = "not asked"
        connection = self.radio.connection
        if isinstance(connection, CourierConnection) and connection.logged_in:
            connection.send_topics()
        elif is_gone:
            self._untold_removal = True

    # -- from the connection

    def take_untold_removal(self) -> bool:
        """Whether the app was removed while APNs could not be told; from now on it has been."""
        untold, self._untold_removal = self._untold_removal, False
        return untold

    def topics(self) -> list[bytes]:
        """The topic hashes of the apps that take pushes."""
        return [topic_hash(self.app.app_id)] if self.app and self.app.installed else []

    def session_open(self, service: str, device: str) -> None:
        super().session_open(service, device)
        connection = self.radio.connection
        if self._waiting_for_token and self.app and isinstance(connection, CourierConnection):
            connection.ask_app_token(topic_hash(self.app.app_id))

    def deliver_topic(self, mid: str, topic: bytes, payload: bytes, *, answer: int) -> bool:
        """A notification arrived; False when its app is not on the phone. `answer` as in
        `deliver`."""
        known = self.app is not None and topic == topic_hash(self.app.app_id)
        app_id = self.app.app_id if self.app and known else f"topic {topic.hex()}"
        now = self.env.now
        return self.deliver(
            mid, app_id, lambda: from_apns(mid, app_id, payload, now), answer=answer
        )

    def app_token_issued(self, answer: AppTokenAck) -> None:
        """APNs answered to the request for the app's token."""
        waiting, self._waiting_for_token = self._waiting_for_token, ()
        for event in waiting:
            if answer.status == STATUS_OK and answer.token:
                event.succeed(answer.token.hex())
            else:
                text = f"{self.name}: APNs issued no app token, status {answer.status}"
                event.fail(UnexpectedAnswer(text))

    def _connection(self) -> CourierConnection:
        return CourierConnection(self)
