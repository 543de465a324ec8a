"""Whatever phones and providers do: APNs keeps, sends and drops as a plain model of it does."""

import struct
import time
from random import Random
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from sim.vendors.apns.core import PushCore
from sim.vendors.apns.courier import CourierConnection
from sim.vendors.apns.registry import Registry, topic_hash
from sim.vendors.apns.settings import ApnsSettings
from tests.sim.vendors.apns.courier_phone import message, messages
from tests.sim.vendors.delivery_model import DeliveryMachine, Expected, Wire

TOPICS = [topic_hash("org.example"), topic_hash("org.other")]
apps = st.sampled_from(TOPICS)
topic_lists = st.sampled_from([TOPICS, TOPICS[:1], []])


class Apns(DeliveryMachine):
    """One phone with two apps, and a provider who sends to them. Each payload is the name of its
    notification."""

    @initialize(pick=st.sampled_from(["last", "first"]))
    def start(self, pick: Any) -> None:
        rng = Random(1)
        self.pick = pick
        self.core = PushCore(
            ApnsSettings.model_validate({"coalesce_pick": pick, "latency": 0.0}),
            Registry(rng, reinstall_keeps_token=True),
            host_name="apns",
            trace=self.world.trace,
            rng=rng,
        )
        self.device = self.core.registry.add_device()
        self.tokens = {topic: self.core.registry.issue(self.device, topic) for topic in TOPICS}
        self.topics: list[bytes] | None = None
        self.removed: set[bytes] = set()
        self.numbers: dict[str, int] = {}
        self.newest = 0

    # -- the provider

    @rule(topic=apps, lifetime=st.sampled_from([None, 0, 20]))
    def push(self, topic: bytes, lifetime: int | None) -> None:
        def accept() -> None:
            expiry = lifetime and int(time.time()) + lifetime
            nid = f"a{len(self.numbers) + 1}"
            notification = self.core.accept(self.tokens[topic], nid.encode(), expiry)
            self.numbers[nid] = notification.message_id
            expected = Expected(nid, topic, notification.expires)
            if self.silent_at(time.time()):
                self.connection = None
                self.leave(time.time())
            if self.model.here:
                self.write_or_report(expected)
            elif expected.is_late():
                self.model.end(expected, "expired")
            else:
                self.keep(expected)
            self.core.forward(notification)

        self.do(accept)
        self.compare()

    def write_or_report(self, expected: Expected) -> None:
        assert self.topics is not None
        if expected.app in self.removed or expected.app not in self.topics:
            self.model.end(expected, "undeliverable")
        else:
            self.model.send(expected)
            self.to_send.append(expected)

    def keep(self, new: Expected) -> None:
        for older in self.model.stored(new.app):
            self.model.held.append(new)
            self.model.end(older if self.pick == "last" else new, "collapsed")
            return
        self.model.held.append(new)

    # -- the phone

    @rule(told=st.one_of(st.none(), topic_lists))
    def connect(self, told: list[bytes] | None) -> None:
        def connect() -> None:
            older, self.connection = (
                self.connection,
                CourierConnection(self.core, self.core.doorkeeper()),
            )
            self.wire = Wire()
            self.connection.connection_made(self.wire)
            self.heard = time.time()
            self.leave(self.heard)
            self.topics = None
            self.newest = 0
            self.connection.data_received(message(7, (1, self.device.token)))
            if older is not None:
                older.data_received(b"".join(self.ack(number) for number in self.numbers.values()))
                older.connection_lost(None)

        self.do(connect)
        if told is not None:
            self.tell(told)

    @precondition(lambda self: self.connection is not None)
    @rule(topics=topic_lists)
    def tell(self, topics: list[bytes]) -> None:
        self.topics = topics
        if not self.model.here:
            self.model.here = True
            for expected in self.model.held.copy():
                self.write_or_report(expected)
        self.receive(message(9, *[(2, topic) for topic in topics]))
        self.compare(from_storage=True)

    @precondition(lambda self: self.connection is not None and self.newest)
    @rule(data=st.data(), received=st.booleans())
    def acknowledge(self, data: st.DataObject, received: bool) -> None:
        sent = [nid for nid, number in self.numbers.items() if number <= self.newest]
        nid = data.draw(st.sampled_from(sorted(sent)))
        for expected in [each for each in self.model.held if each.nid == nid and each.sent]:
            self.model.end(expected, "acked" if received else "undeliverable")
        self.receive(self.ack(self.numbers[nid], received))

    @staticmethod
    def ack(number: int, received: bool = True) -> bytes:
        return message(11, (4, struct.pack(">I", number)), (8, bytes([not received])))

    @rule(topic=apps)
    def uninstall(self, topic: bytes) -> None:
        self.tokens[topic].removed = True
        self.removed.add(topic)

    @rule(topic=apps)
    def install(self, topic: bytes) -> None:
        self.core.registry.issue(self.device, topic)
        self.removed.discard(topic)

    # -- comparing

    def compare(self, *, from_storage: bool = False) -> None:
        heard = [fields for kind, fields in messages(self.wire.take()) if kind == 10]
        expected, self.to_send = self.to_send, []
        assert [fields[3].decode() for fields in heard] == [each.nid for each in expected]
        numbers = [int.from_bytes(fields[4], "big") for fields in heard]
        assert numbers == [self.numbers[each.nid] for each in expected]
        self.newest = max([self.newest, *numbers])
        flags = b"".join(fields[7] for fields in heard)
        assert flags == (
            b"\1" * (len(heard) - 1) + b"\3" * bool(heard) if from_storage else bytes(len(heard))
        )


TestApns = Apns.TestCase
TestApns.settings = settings(max_examples=150, stateful_step_count=30)
