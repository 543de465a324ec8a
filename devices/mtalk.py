"""An Android phone's connection to GCM: the MCS client of mtalk.google.com.

Login with android id and security token, naming the messages it has (`received_persistent_id`);
then messages, each acknowledged by a selective ack as soon as the phone has taken it. Delivery is
at least once: the phone recognises a repeated message by its persistent id.

Every frame of the service counts (the login's answer is the first), and every frame of the
phone says how many have arrived; so it is the other way round, and an id is forgotten when the
service has its ack or the login that named it.
"""

from typing import TYPE_CHECKING

from devices import mtalk_codec as codec
from devices.errors import FrameError
from devices.push_connection import PushConnection

if TYPE_CHECKING:
    from devices.android import AndroidPhone

OLDEST_VERSION = 38
"""Versions 38 to 41 are spoken alike by known clients."""


USUAL_HEARTBEAT = 900.0
"""Seconds: the default of Chromium's GCM client on Wi-Fi, which it need not announce."""
SHORTEST_HEARTBEAT = 30.0
"""Seconds: the least that Chromium's GCM client lets anybody ask for."""
LONGEST_HEARTBEAT = 1800.0
"""Seconds: Google tells operators of firewalls to keep idle connections for half an hour."""


class MtalkConnection(PushConnection):
    """One connection; see the module."""

    __slots__ = ("_frames", "_sent")
    phone: "AndroidPhone"

    def __init__(self, phone: "AndroidPhone") -> None:
        super().__init__(phone)
        self._frames = -1  # of the service; -1 until its version byte has come
        self._sent = 0  # of the phone

    def send(self, data: bytes) -> None:
        self._sent += 1
        super().send(data)

    def _say_hello(self) -> None:
        phone = self.phone
        assert phone.android_id is not None
        heartbeat = phone.radio_settings.heartbeat
        self.send(
            codec.login_request(
                phone.android_id,
                phone.security_token,
                phone.unconfirmed(),
                None if heartbeat == USUAL_HEARTBEAT else heartbeat,
            )
        )

    def _ask_for_life(self) -> None:
        self.send(codec.heartbeat_ping(self._frames))

    def _read(self, data: bytes) -> bytes:
        if self._frames < 0:
            if not OLDEST_VERSION <= data[0] <= codec.VERSION:
                raise FrameError(f"mtalk version {data[0]}")
            self._frames = 0
            data = data[1:]
        frames, rest = codec.read_frames(data)
        for frame in frames:
            self._frames += 1
            self._act_on(frame)
        return rest

    def _act_on(self, frame: codec.Frame) -> None:
        if isinstance(frame, codec.DataMessage):
            mid = frame.persistent_id
            self.phone.confirmed(frame.received)
            answer = self._sent + 1
            if self.phone.deliver_data(mid, frame.category, frame.data, answer=answer):
                self.send(codec.selective_ack(mid, self._frames))
            else:  # this frame itself must not count as received, that would acknowledge it
                self.send(codec.no_receiver(frame.category, mid, self._frames - 1))
        elif isinstance(frame, codec.LoginResponse):
            self._logged_in(frame)
        elif isinstance(frame, codec.HeartbeatPing):
            self.send(codec.heartbeat_ack(self._frames))
        elif isinstance(frame, codec.HeartbeatAck):
            self.phone.confirmed(frame.received)
        elif isinstance(frame, codec.Close | codec.StreamError):
            self.close()

    def _logged_in(self, answer: codec.LoginResponse) -> None:
        phone = self.phone
        if answer.error:
            phone.forget_identity()
            self.close()
            return
        phone.confirmed(answer.received)
        heartbeat = phone.radio_settings.heartbeat
        if answer.heartbeat:
            heartbeat = min(max(answer.heartbeat, SHORTEST_HEARTBEAT), LONGEST_HEARTBEAT)
        self._welcome(heartbeat)
        assert phone.android_id is not None
        phone.session_open("gcm", codec.device_address(phone.android_id))
