"""Messages on their way, and which of them GCM keeps for a device that is offline or asleep.

Rules (GCM, "Advanced topics"): a collapsible message replaces the stored one with the same key;
at most four different keys are kept per app and device, a fifth makes the server keep four of
them, which ones is undefined. Other messages are all kept, up to 100 per app and device; one more
and all of them are thrown away, and the app is told so on the device's next connection.
"""

from sim.vendors.gcm.registry import Device, Registration
from sim.vendors.store import Held


class Message(Held):
    """An accepted message on its way to a device.

    `id` is what the sender got and the phone sees as persistent id. `accepted` is in Unix
    seconds, `ttl` in seconds, `app_data` is encoded for MCS. `stream_id` counts frames on the
    session it was last sent on.
    """

    __slots__ = (
        "accepted",
        "app_data",
        "collapse_key",
        "id",
        "registration",
        "sender",
        "stream_id",
        "ttl",
        "waits_while_idle",
    )

    def __init__(
        self,
        nid: str,
        id: str,
        registration: Registration,
        *,
        sender: str,
        app_data: bytes,
        collapse_key: str | None,
        ttl: int,
        waits_while_idle: bool,
        accepted: float,
    ) -> None:
        super().__init__(nid)
        self.id = id
        self.registration = registration
        self.sender = sender
        self.app_data = app_data
        self.collapse_key = collapse_key
        self.ttl = ttl
        self.waits_while_idle = waits_while_idle
        self.accepted = accepted
        self.stream_id = 0

    @property
    def device(self) -> Device:
        return self.registration.device

    @property
    def expires(self) -> float | None:
        return self.accepted + self.ttl if self.ttl else None


class Deletions:
    """How many messages for an app were thrown away because too many were pending, and what the
    phone was sent about these, until it has it. More of them make another notice."""

    __slots__ = ("notice", "total")

    def __init__(self) -> None:
        self.total = 0
        self.notice: Message | None = None
