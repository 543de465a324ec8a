"""The MTalk connection on port 5228 (protocol MCS), server's side: how messages reach Android.

After Chromium's google_apis/gcm, reduced to what push needs. Framing and field numbers are in
`mcs_messages`; > comes from the phone, < from the server. First byte of each side, once: the
version (41; the phone's may be 38 to 41; the server's comes with its LoginResponse). Then frames:

     0 HeartbeatPing      >  2 last_stream_id_received; answered by 1 HeartbeatAck (same field)
     2 LoginRequest       >  1 id, 3 user = android id and 5 auth_token = security token (decimal),
                             8 setting{1 name, 2 value}* (read: hbping, the phone's heartbeat
                             interval in ms), 10 received_persistent_id*; the rest is held to
                             its type and not used
     3 LoginResponse      <  1 id, 6 last_stream_id_received, 7 heartbeat_config{3 ms}, 8 time ms;
                             or 3 error{1 code, 2 message} and the end of the connection
     4 Close              >  the server closes
     7 IqStanza           >  7 extension{1 id, 2 data}, 10 last_stream_id_received; id 13 is a
                             stream ack, id 12 a selective ack whose data is {1 persistent_id*}
     8 DataMessageStanza  <  2 id, 3 from (sender), 4 to, 5 category (package), 6 token (collapse
                             key), 7 app_data{1 key, 2 value}*, 8, 9 persistent_id, 10 stream_id,
                             11 last_stream_id_received, 13 reg_id, 17 ttl, 18 sent ms, 19 queued s
     8 DataMessageStanza  >  with 20 status = 1 and 9 persistent_id: the phone has no receiver for
                             that message; or with 5 category "com.google.android.gsf.gtalkservice"
                             and app_data IdleNotification = "true" | "false": asleep or awake
    10 StreamErrorStanza  <  1 type, 2 text: replaced by a newer session

Stream ids count the frames of a direction; the login is number 1. An acknowledgement of n covers
all frames up to n. What is neither acknowledged nor named in a later LoginRequest is sent again
after it, with the same persistent id: at least once. One session per device. Malformed input
closes the connection without an answer: a field that is missing or not of its type, a tag that no
phone sends, an acknowledgement of frames that were never sent, a second login.

Simplifications: status 1 for "no receiver" is this service's own, the real report is not
published; the server sends no heartbeats of its own.
"""

import time

from sim.vendors.doorkeeper import Doorkeeper
from sim.vendors.errors import MalformedInput
from sim.vendors.gcm.core import PushCore
from sim.vendors.gcm.mcs_messages import (
    OLDEST_VERSION,
    VERSION,
    Tag,
    data_message,
    heartbeat_ack,
    last_stream_id_received,
    login_refusal,
    login_request,
    login_response,
    phone_message,
    read_body,
    read_frame,
    selective_ack,
    stream_error,
)
from sim.vendors.gcm.protobuf_schema import Message as Fields
from sim.vendors.gcm.registry import Device, Registry
from sim.vendors.gcm.storage import Message
from sim.vendors.session import PhoneSession

SELF_CATEGORY = "com.google.android.gsf.gtalkservice"
NO_RECEIVER = 1
UNAUTHORIZED = 401


class MtalkConnection(PhoneSession[PushCore, Device]):
    """One phone's connection."""

    __slots__ = ("_frames_in", "_frames_out", "_registry", "_version_read", "idle")

    def __init__(self, core: PushCore, registry: Registry, doorkeeper: Doorkeeper) -> None:
        super().__init__(core, doorkeeper)
        self._registry = registry
        self._version_read = False
        self._frames_in = 0
        self._frames_out = 0
        self.idle = False
        """The phone sleeps: messages with delay_while_idle wait."""

    def replace(self) -> None:
        self._write(stream_error("conflict", "replaced by a newer session"))
        self.close()

    # -- frames of the phone

    def _read(self, data: bytes | bytearray, start: int) -> int | None:
        if not self._version_read:
            if not OLDEST_VERSION <= data[start] <= VERSION:
                raise MalformedInput(f"version {data[start]}")
            self._version_read = True
            return start + 1
        frame = read_frame(data, start)
        if frame is None:
            return None
        tag, body, after = frame
        self._handle(tag, body)
        return after

    def _handle(self, tag: int, body: bytes) -> None:
        message = read_body(tag, body)
        self._frames_in += 1
        if tag == Tag.LOGIN_REQUEST:
            self._take_login(message)
            return
        device = self._device
        if device is None:
            raise MalformedInput("frame before LoginRequest")
        acknowledged = last_stream_id_received(tag, message)
        if acknowledged is not None:
            if not 0 <= acknowledged <= self._frames_out:
                raise MalformedInput("acknowledgement of a frame that was never sent")
            self._core.acknowledged_up_to(device, acknowledged)
        if tag == Tag.HEARTBEAT_PING:
            self._write(heartbeat_ack(self._frames_in))
        elif tag == Tag.IQ_STANZA:
            self._core.acknowledged_ids(device, selective_ack(message))
        elif tag == Tag.DATA_MESSAGE_STANZA:
            self._take_message(device, message)
        elif tag == Tag.CLOSE:
            self.close()

    def _take_login(self, message: Fields) -> None:
        if self._device is not None:
            raise MalformedInput("second LoginRequest")
        request = login_request(message)
        device = self._registry.authenticated(request.user, request.auth_token)
        version = bytes((VERSION,))
        if device is None:
            self._write(version + login_refusal(request.id, UNAUTHORIZED, "bad credentials"))
            self.close()
            return
        self._log_in(device)
        heartbeat = self._core.settings.heartbeat
        asked = request.heartbeat if heartbeat is None else heartbeat
        if asked is not None:
            self._beats_every(asked)
        self._write(
            version
            + login_response(
                request.id,
                now_ms=int(time.time() * 1000),
                heartbeat_ms=None if heartbeat is None else round(heartbeat * 1000),
            )
        )
        self._core.logged_in(device, request.received_persistent_ids)

    def _take_message(self, device: Device, message: Fields) -> None:
        told = phone_message(message)
        if told.status == NO_RECEIVER:
            if not told.persistent_id:
                raise MalformedInput("no receiver for no message")
            self._core.refused(device, told.persistent_id)
        elif told.category == SELF_CATEGORY and "IdleNotification" in told.app_data:
            said = told.app_data["IdleNotification"]
            if said not in ("true", "false"):
                raise MalformedInput("neither asleep nor awake")
            self.idle = said == "true"
            if not self.idle:
                self._core.woke_up(device)

    # -- called by the core

    def send_message(self, message: Message) -> int:
        """Write a message; returns the stream id under which the phone will acknowledge it."""
        self._expect_answer()
        registration = message.registration
        self._write(
            data_message(
                persistent_id=message.id,
                sender=message.sender,
                to=registration.device.name,
                category=registration.app,
                collapse_key=message.collapse_key,
                app_data=message.app_data,
                stream_id=self._frames_out + 1,
                last_received=self._frames_in,
                registration_id=registration.id,
                ttl=message.ttl,
                sent_ms=int(message.accepted * 1000),
                queued=max(0, int(time.time() - message.accepted)),
            )
        )
        return self._frames_out

    def _write(self, data: bytes) -> None:
        self._frames_out += 1
        super()._write(data)
