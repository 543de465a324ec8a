"""An iPhone's connection to APNs: the courier client.

Login with the device token (or without, on the first run: APNs issues one), then the list of
topics, then notifications, each acknowledged as soon as the phone has taken it.

APNs does not say which acknowledgements it has got. But it reads in order, and sends what lacked
one when a connection broke at the start of the next: an answered KeepAlive confirms all before it.
So acknowledgements have the number of the KeepAlive that comes after them.
"""

from typing import TYPE_CHECKING

from devices import courier_codec as codec
from devices.push_connection import PushConnection
from devices.tokens import token_ref

if TYPE_CHECKING:
    from devices.ios import IosPhone


class CourierConnection(PushConnection):
    """One connection; see the module."""

    __slots__ = ("_answered", "_asked")
    phone: "IosPhone"

    def __init__(self, phone: "IosPhone") -> None:
        super().__init__(phone)
        self._asked = 0  # KeepAlives sent
        self._answered = 0

    def send_topics(self) -> None:
        """Tell APNs which apps there are."""
        token = self.phone.device_token
        assert token is not None
        self.send(codec.topics(token, self.phone.topics()))

    def ask_app_token(self, topic: bytes) -> None:
        token = self.phone.device_token
        assert token is not None
        self.send(codec.app_token(token, topic))

    def _say_hello(self) -> None:
        self.send(codec.connect(self.phone.device_token))

    def _ask_for_life(self) -> None:
        self._asked += 1
        self.send(codec.keep_alive(self._interval))

    def _read(self, data: bytes) -> bytes:
        messages, rest = codec.read_messages(data)
        for message in messages:
            if isinstance(message, codec.Notification):
                mid, topic, payload = str(message.message_id), message.topic, message.payload
                taken = self.phone.deliver_topic(mid, topic, payload, answer=self._asked + 1)
                status = codec.ACK_RECEIVED if taken else codec.ACK_NO_APP
                self.send(codec.ack(message.message_id, status))
            elif isinstance(message, codec.ConnectAck):
                self._connected(message)
            elif isinstance(message, codec.KeepAliveAck):
                self._answered += 1
                self.phone.confirmed(self._answered)
            elif isinstance(message, codec.AppTokenAck):
                self.phone.app_token_issued(message)
        return rest

    def _connected(self, answer: codec.ConnectAck) -> None:
        phone = self.phone
        if answer.status == codec.STATUS_BAD_TOKEN:
            phone.device_token = None
        elif answer.status == codec.STATUS_OK:
            phone.device_token = answer.token or phone.device_token
        if answer.status != codec.STATUS_OK or phone.device_token is None:
            self.close()
            return
        if phone.take_untold_removal() and phone.topics():
            self.send(codec.topics(phone.device_token, []))
        self.send_topics()
        self._welcome(phone.radio_settings.heartbeat)
        phone.session_open("apns", token_ref(phone.device_token.hex()))
