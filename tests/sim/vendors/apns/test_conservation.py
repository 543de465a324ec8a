"""Whatever phones and providers do: every accepted notification comes to exactly one end."""

import asyncio
import time
from collections import Counter
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sim.vendors.apns.core import PushCore
from sim.vendors.apns.courier import CourierConnection
from sim.vendors.apns.courier_messages import read_message
from sim.vendors.apns.registry import AppToken, Registry, topic_hash
from sim.vendors.apns.settings import ApnsSettings
from sim.world import World

TOPICS = [topic_hash("org.example"), topic_hash("org.other")]
ENDS = {"vendor.acked", "vendor.collapsed", "vendor.expired", "vendor.undeliverable"}

steps = st.one_of(
    st.tuples(st.just("send"), st.integers(0, 1), st.sampled_from([None, 0, 20])),
    st.tuples(st.just("connect"), st.sampled_from([TOPICS, TOPICS[:1], []])),
    st.tuples(st.just("disconnect")),
    st.tuples(st.just("acknowledge"), st.integers(0, 3), st.booleans()),
    st.tuples(st.just("uninstall"), st.integers(0, 1)),
    st.tuples(st.just("wait"), st.sampled_from([0.01, 30.0])),
)


class Wire(asyncio.Transport):
    """A connection without a network: keeps the message ids of what was written."""

    def __init__(self) -> None:
        super().__init__()
        self.message_ids: list[int] = []
        self.closing = False

    def write(self, data: Any) -> None:
        message = read_message(data, 0)
        assert message is not None
        self.message_ids += [int.from_bytes(v, "big") for f, v in message[1] if f == 4]

    def is_closing(self) -> bool:
        return self.closing

    def close(self) -> None:
        self.closing = True


def field(number: int, value: bytes) -> bytes:
    return bytes([number]) + len(value).to_bytes(2, "big") + value


def message(kind: int, body: bytes) -> bytes:
    return bytes([kind]) + len(body).to_bytes(4, "big") + body


class Phone:
    """One phone with two apps, and a provider who sends to them."""

    def __init__(self, core: PushCore) -> None:
        self.core = core
        self.device = core.registry.add_device()
        self.apps: list[AppToken] = [core.registry.issue(self.device, t) for t in TOPICS]
        self.connection: CourierConnection | None = None
        self.wire = Wire()
        self.accepted: list[str] = []

    async def do(self, what: str, *how: Any) -> None:
        if what == "send":
            app, lifetime = how
            expiry = lifetime and int(time.time()) + lifetime
            notification = self.core.accept(self.apps[app], b"{}", expiry)
            self.accepted.append(notification.nid)
            self.core.forward(notification)
        elif what == "connect":
            self.connection, older = CourierConnection(self.core), self.connection
            self.wire = Wire()
            self.connection.connection_made(self.wire)
            topics = b"".join(field(2, topic) for topic in how[0])
            self.connection.data_received(
                message(7, field(1, self.device.token)) + message(9, topics)
            )
            self.wire.message_ids.pop(0)  # that of ConnectAck's field 4, the largest message
            if older is not None:
                older.connection_lost(None)
        elif what == "disconnect" and self.connection is not None:
            self.connection.connection_lost(None)
            self.connection = None
        elif what == "acknowledge" and self.connection is not None:
            index, received = how
            for number in self.wire.message_ids[index : index + 1]:
                body = field(4, number.to_bytes(4, "big")) + field(8, bytes([not received]))
                self.connection.data_received(message(11, body))
        elif what == "uninstall":
            self.apps[how[0]].removed = True
        elif what == "wait":
            await asyncio.sleep(how[0])


@settings(max_examples=60)
@given(st.lists(steps, min_size=8, max_size=25), st.sampled_from(["last", "first", "random"]))
def test_every_accepted_notification_ends_once_or_is_still_held(
    story: list[tuple[Any, ...]], pick: str
) -> None:
    with World(seed=1) as world:
        events = world.trace.keep()
        configured = ApnsSettings.model_validate({"coalesce_pick": pick, "latency": 0.02})
        rng = Random(1)
        core = PushCore(
            configured,
            Registry(rng, reinstall_keeps_token=True),
            host_name="apns",
            trace=world.trace,
            rng=rng,
        )
        phone = Phone(core)

        async def main() -> None:
            for step in story:
                await phone.do(*step)
            await asyncio.sleep(1)

        world.run(main)
        ends = Counter(event["nid"] for event in events if event["kind"] in ENDS)
        held = [notification.nid for notification in phone.device.held or ()]
        assert max(ends.values(), default=1) == 1
        assert sorted([*ends, *held]) == sorted(phone.accepted)
        stored = [n.app for n in phone.device.held or () if n.attempts == 0]
        assert len(stored) == len(set(map(id, stored)))
