"""The courier connection on port 5223, server's side: how a phone gets its tokens and pushes.

After published analyses of iOS 5 and later, reduced to what push needs. The framing is in
`courier_messages`; * marks a field that repeats; > comes from the phone, < from the server:

    07 Connect       >  1 device token (32; none on the very first connection), 2 state = 1, 5 flags
    08 ConnectAck    <  1 status (0 ok, 2 bad token), 3 device token (only when newly issued),
                        4 largest message u16
    09 Topics        >  2 enabled*, 3 ignored*, 4 opportunistic*, 5 paused*, 6 non-waking*: each
                        the SHA-1 of a bundle id
    0a Notification  <  1 device token, 2 topic, 3 payload, 4 message id u32, 5 expiry u32,
                        6 timestamp u64 ns, 7 storage flags (1 from storage, 2 last from storage)
    0b Ack           >  4 message id, 8 status (0 received, 1 no app for the topic)
    0c KeepAlive     >  1 network ("WiFi" or operator), 2 system, 3 build, 4 model, 5 interval in
                        minutes, all text; only the last is read
    0d KeepAliveAck  <  empty
    11 AppToken      >  2 topic
    12 AppTokenAck   <  1 status (0 ok, 2 malformed), 2 push token, 3 topic

Rules: Connect comes first. Nothing is delivered before the first Topics. A topic in any of its
lists is installed; a notification for another one is undeliverable and not sent. One session per
device: a newer Connect closes the older connection. A Notification without Ack is sent again, with
the same message id, on the next connection. Malformed input closes the connection without an
answer: a field that is missing, comes twice or has no value of its own, a device token that is not
that of the connection, an Ack of what was never sent on it, a message that only the service sends,
a second Connect. Unknown messages and fields are skipped: the protocol has more.

Simplifications: the device token takes the place of the device certificate; ConnectAck 2 leaves
closing to the phone, as in reality; Ack status 1 is this service's own, the real value is not
published.
"""

import struct

from sim.vendors.apns.core import PushCore
from sim.vendors.apns.courier_messages import (
    TOPIC_LENGTH,
    TOPIC_LISTS,
    Fields,
    MessageType,
    check_phone_message,
    first,
    read_message,
    write_message,
)
from sim.vendors.apns.registry import Device
from sim.vendors.apns.storage import Notification
from sim.vendors.doorkeeper import Doorkeeper
from sim.vendors.errors import MalformedInput
from sim.vendors.session import PhoneSession

MAX_MESSAGE_SIZE = 4096
"""Announced in ConnectAck."""

_MESSAGE_ID = struct.Struct(">I")
_TIMESTAMP = struct.Struct(">Q")
_RECEIVED = b"\x00"
_FROM_STORAGE, _LAST_FROM_STORAGE = 1, 2


class CourierConnection(PhoneSession[PushCore, Device]):
    """One phone's connection."""

    __slots__ = ("_newest_sent", "topics")

    def __init__(self, core: PushCore, doorkeeper: Doorkeeper) -> None:
        super().__init__(core, doorkeeper)
        self.topics: tuple[bytes, ...] | None = None
        """The topics installed on the phone; None until it has told them."""
        self._newest_sent = 0
        """The highest message id on this connection: the service counts them upwards."""

    def replace(self) -> None:
        self.close()

    # -- messages of the phone

    def _read(self, data: bytes | bytearray, start: int) -> int | None:
        message = read_message(data, start)
        if message is None:
            return None
        kind, fields, after = message
        self._handle(kind, fields)
        return after

    def _handle(self, kind: int, fields: Fields) -> None:
        check_phone_message(kind, fields)
        if kind == MessageType.CONNECT:
            self._connect(fields)
        elif self._device is None:
            raise MalformedInput("message before Connect")
        elif kind in (MessageType.ACK, MessageType.TOPICS, MessageType.APP_TOKEN) and (
            first(fields, 1) not in (b"", self._device.token)
        ):
            raise MalformedInput("token of another device")
        elif kind == MessageType.ACK:
            self._acknowledge(self._device, fields)
        elif kind == MessageType.KEEP_ALIVE:
            self._keep_alive(fields)
        elif kind == MessageType.TOPICS:
            self._set_topics(self._device, fields)
        elif kind == MessageType.APP_TOKEN:
            self._issue(self._device, fields)

    def _connect(self, fields: Fields) -> None:
        if self._device is not None:
            raise MalformedInput("second Connect")
        token = first(fields, 1)
        size = (4, MAX_MESSAGE_SIZE.to_bytes(2, "big"))
        if not token:
            device = self._core.registry.add_device()
            answer = [(1, b"\x00"), (3, device.token), size]
        else:
            known = self._core.registry.device(token)
            if known is None:
                self._write(write_message(MessageType.CONNECT_ACK, [(1, b"\x02"), size]))
                return
            device = known
            answer = [(1, b"\x00"), size]
        if self._log_in(device):
            self._core.session_ended(device)
        self._write(write_message(MessageType.CONNECT_ACK, answer))

    def _set_topics(self, device: Device, fields: Fields) -> None:
        is_first = self.topics is None
        told = [value for field, value in fields if field in TOPIC_LISTS]
        self._core.registry.installed(device, set(told))
        self.topics = self._core.interned(told)
        if is_first and device.session is self:
            self._core.ready(device)

    def _acknowledge(self, device: Device, fields: Fields) -> None:
        number = int.from_bytes(first(fields, 4), "big")
        if not 0 < number <= self._newest_sent:
            raise MalformedInput("Ack of what was never sent")
        self._core.acknowledged(device, number, received=first(fields, 8) == _RECEIVED)

    def _keep_alive(self, fields: Fields) -> None:
        interval = first(fields, 5)
        if interval:
            self._beats_every(int(interval) * 60)
        self._write(write_message(MessageType.KEEP_ALIVE_ACK))

    def _issue(self, device: Device, fields: Fields) -> None:
        topic = first(fields, 2)
        if len(topic) != TOPIC_LENGTH:
            self._write(write_message(MessageType.APP_TOKEN_ACK, [(1, b"\x02")]))
            return
        app = self._core.registry.issue(device, topic)
        self._write(
            write_message(MessageType.APP_TOKEN_ACK, [(1, b"\x00"), (2, app.value), (3, app.topic)])
        )

    # -- called by the core

    def send_notification(
        self, notification: Notification, *, from_storage: bool, last: bool
    ) -> None:
        """Write a notification; success is the Ack, later."""
        app = notification.app
        self._newest_sent = max(self._newest_sent, notification.message_id)
        self._expect_answer()
        flags = _FROM_STORAGE * from_storage | _LAST_FROM_STORAGE * (from_storage and last)
        expiry = 0 if notification.expires is None else int(notification.expires) & 0xFFFFFFFF
        self._write(
            write_message(
                MessageType.NOTIFICATION,
                (
                    (1, app.device.token),
                    (2, app.topic),
                    (3, notification.payload),
                    (4, _MESSAGE_ID.pack(notification.message_id)),
                    (5, _MESSAGE_ID.pack(expiry)),
                    (6, _TIMESTAMP.pack(notification.accepted)),
                    (7, bytes((flags,))),
                ),
            )
        )
