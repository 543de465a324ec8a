"""Whatever phones and senders do: GCM keeps, sends and drops as a plain model of it does."""

import time
from random import Random
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from sim.vendors.gcm.core import PushCore
from sim.vendors.gcm.mtalk import MtalkConnection
from sim.vendors.gcm.registry import Registration, Registry
from sim.vendors.gcm.settings import GcmSettings
from tests.sim.vendors.delivery_model import DeliveryMachine, Expected, Wire
from tests.sim.vendors.gcm.mtalk_phone import app_data, frame, frames, iq, number, text

APPS = ["org.example", "org.other"]
KEYS, PENDING = 2, 2
apps = st.sampled_from(APPS)


Message = dict[int, list[Any]]


class SentMessage(Expected):
    """A message, its name on the wire, and what it was sent to."""

    mid: str
    registration: str
    key: str | None
    patient: bool
    stream_id: int


class Gcm(DeliveryMachine):
    """One phone with two apps, and a sender who writes to them. Each message says its name."""

    @initialize()
    def start(self) -> None:
        rng = Random(1)
        self.core = PushCore(
            GcmSettings.model_validate(
                {"max_collapse_keys": KEYS, "max_pending": PENDING, "latency": 0.0}
            ),
            host_name="gcm",
            trace=self.world.trace,
            rng=rng,
        )
        self.registry = Registry(rng, old_id_ttl=None)
        self.device = self.registry.add_device()
        self.idle = False
        self.sent: list[SentMessage] = []
        self.stream_id = 0
        self.deleted: dict[str, int] = {}
        self.notices: dict[str, tuple[str, int]] = {}
        self.removed: set[str] = set()
        self.dead: set[str] = set()
        for app in APPS:
            self.registry.register(self.device, app, ["100"])

    def registration(self, app: str) -> Registration:
        found = self.device.registration(app)
        assert isinstance(found, Registration)
        return found

    # -- the sender

    @rule(
        app=apps,
        key=st.sampled_from([None, None, "a", "b", "c"]),
        ttl=st.sampled_from([1000, 20, 0]),
        patient=st.booleans(),
    )
    def push(self, app: str, key: str | None, ttl: int, patient: bool) -> None:
        registration = self.registration(app)
        if registration.id in self.dead:
            return  # the sender would be told that it is not registered

        def accept() -> None:
            expected = SentMessage("", app, time.time() + ttl if ttl else None)
            expected.key, expected.patient = key, patient
            expected.registration = registration.id
            message = self.core.accept(
                registration,
                sender="100",
                app_data=b"",
                collapse_key=key,
                ttl=ttl,
                delay_while_idle=patient,
            )
            expected.nid, expected.mid = message.nid, message.id
            self.sent.append(expected)
            if self.silent_at(time.time()):
                self.connection = None
                self.leave(time.time())
            if self.model.here and not (self.idle and patient):
                self.write_or_report(expected)
            elif ttl == 0:
                self.model.end(expected, "expired")
            else:
                self.keep(expected)

        self.do(accept)
        self.compare()

    @rule(app=apps)
    def pile_up(self, app: str) -> None:
        for _ in range(PENDING + 1):
            self.push(app, None, 1000, False)

    def write_or_report(self, message: SentMessage) -> None:
        if message.registration in self.removed:
            self.model.end(message, "undeliverable")
            self.dead.add(message.registration)
        else:
            self.displace(message)
            self.model.send(message)
            self.to_send.append(message)

    def displace(self, new: SentMessage) -> None:
        """What is stored under its collapse key goes."""
        for older in list(self.model.stored(new.app)):
            if new.key is not None and older is not new and older.key == new.key:
                self.model.end(older, "collapsed")

    def keep(self, new: SentMessage) -> None:
        beside = [
            each
            for each in self.model.stored(new.app)
            if isinstance(each, SentMessage) and (each.key is None) == (new.key is None)
        ]
        self.model.held.append(new)
        if new.key is None:
            if len(beside) == PENDING:
                for message in [*beside, new]:
                    self.model.end(message, "collapsed")
                self.deleted[new.app] = self.deleted.get(new.app, 0) + PENDING + 1
                self.notices.pop(new.app, None)
            return
        self.displace(new)
        beside = [each for each in beside if each in self.model.held]
        if len(beside) == KEYS:  # which of them goes is not defined
            gone = [e["nid"] for e in self.events if e.get("by") == new.nid]
            victims = [each for each in beside if each.nid in gone]
            self.model.end(victims[0] if victims else new, "collapsed")

    # -- the phone

    @rule(data=st.data())
    def log_in(self, data: st.DataObject) -> None:
        known = data.draw(st.lists(st.sampled_from(self.sent), max_size=3)) if self.sent else []

        def log_in() -> None:
            older, self.connection = (
                self.connection,
                MtalkConnection(self.core, self.registry, self.core.doorkeeper()),
            )
            older_wire, self.wire = self.wire, Wire()
            self.connection.connection_made(self.wire)
            login = text(1, "login-1") + text(2, "d") + text(3, str(self.device.android_id))
            login += text(4, "") + text(5, str(self.device.security_token))
            login += b"".join(text(10, message.mid) for message in known)
            self.acknowledged(known)
            self.heard = time.time()
            self.connection.data_received(b"\x29" + frame(2, login))
            if older is not None:
                assert older_wire.closing
                older.data_received(frame(0, number(2, 1000)))
                older.connection_lost(None)
            self.stream_id = 0
            self.idle = False
            self.leave(time.time())
            self.model.here = True
            self.flush(self.model.held.copy())
            self.compare(login=True)

        self.do(log_in)

    def flush(self, waiting: list[Expected]) -> None:
        for message in waiting:
            assert isinstance(message, SentMessage)
            if message.is_late():
                self.model.end(message, "expired")
            else:
                self.write_or_report(message)

    def acknowledged(self, messages: list[SentMessage]) -> None:
        for message in messages:
            if message in self.model.held:
                self.model.end(message, "acked")

    @precondition(lambda self: self.connection is not None)
    @rule(data=st.data())
    def acknowledge_frames(self, data: st.DataObject) -> None:
        up_to = data.draw(st.integers(1, self.stream_id))
        self.acknowledged(
            [m for m in self.sent if m in self.model.held and m.sent and m.stream_id <= up_to]
        )
        for app, (_, stream_id) in list(self.notices.items()):
            if stream_id <= up_to:
                del self.deleted[app], self.notices[app]
        self.receive(frame(7, iq(13) + number(10, up_to)))

    @precondition(lambda self: self.connection is not None and self.sent)
    @rule(data=st.data())
    def acknowledge_one(self, data: st.DataObject) -> None:
        message = data.draw(st.sampled_from(self.sent))
        self.acknowledged([message])
        self.receive(frame(7, iq(12, text(1, message.mid))))

    @precondition(lambda self: self.connection is not None and self.sent)
    @rule(data=st.data())
    def refuse(self, data: st.DataObject) -> None:
        message = data.draw(st.sampled_from(self.sent))
        if message in self.model.held:
            self.model.end(message, "undeliverable")
            self.dead.add(message.registration)
        self.receive(
            frame(8, text(3, "x") + text(5, message.app) + text(9, message.mid) + number(20, 1))
        )

    @precondition(lambda self: self.connection is not None)
    @rule(idle=st.booleans())
    def sleep_or_wake(self, idle: bool) -> None:
        said = text(1, "IdleNotification") + text(2, "true" if idle else "false")
        self.idle = idle
        if not idle:
            self.do(self.flush, [each for each in self.model.held if not each.sent])
        category = "com.google.android.gsf.gtalkservice"
        self.receive(frame(8, text(3, "x") + text(5, category) + text(7, said)))
        self.compare()

    @rule(app=apps)
    def uninstall(self, app: str) -> None:
        self.registration(app).removed = True
        self.removed.add(self.registration(app).id)

    @rule(app=apps)
    def install(self, app: str) -> None:
        old = self.registration(app).id
        if old not in self.dead:
            self.removed.discard(old)
        self.registry.register(self.device, app, ["100"])

    # -- comparing

    def compare(self, *, login: bool = False) -> None:
        data = self.wire.take()
        if login:
            self.stream_id += 1
            assert data[0] == 41
            [(tag, _)] = frames(data[1:])[:1]
            assert tag == 3
        heard = [fields for tag, fields in frames(data[login:]) if tag == 8]
        notices: list[Message] = []
        if login:
            heard, notices = heard[: len(self.to_send)], heard[len(self.to_send) :]
            self.compare_notices(notices, self.stream_id + len(heard))
        assert [fields[9][0].decode() for fields in heard] == [m.mid for m in self.to_send]
        for fields, message in zip(heard, self.to_send, strict=True):
            self.stream_id += 1
            message.stream_id = self.stream_id
            assert fields[10] == [self.stream_id]
        self.to_send = []
        self.stream_id += len(notices)

    def compare_notices(self, notices: list[Message], stream_id: int) -> None:
        expected = {a: n for a, n in self.deleted.items() if not self.is_gone(a)}
        assert {f[5][0].decode(): int(app_data(f)["total_deleted"]) for f in notices} == expected
        for fields in notices:
            app, mid = fields[5][0].decode(), fields[9][0].decode()
            stream_id += 1
            assert self.notices.get(app, (mid, 0))[0] == mid
            self.notices[app] = mid, stream_id

    def is_gone(self, app: str) -> bool:
        return self.registration(app).id in self.removed


TestGcm = Gcm.TestCase
TestGcm.settings = settings(max_examples=150, stateful_step_count=30)
