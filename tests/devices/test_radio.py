"""How a phone keeps, loses and regains its connection."""

import asyncio
import itertools

import pytest

from devices.app import App
from devices.ios import IosPhone
from devices.moodle_app import MoodleApp
from devices.settings import IosSettings, RadioSettings
from devices.tokens import topic_hash
from sim.kernel.bridge import as_event
from sim.net.links import LINKS
from sim.world import World
from tests.devices.parts import APP, apns, iphone, message, push_to_ios, token_of

CONNECT, KEEP_ALIVE = 0x07, 0x0C
WELCOME = bytes.fromhex("0800000027" + "01000100" + "030020" + "ab" * 32)
"""ConnectAck: everything is in order, and here is a device token."""


class Stranger(asyncio.Protocol):
    """Stands where APNs is expected, and says nothing. `said`: the kinds of messages that came."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.said: list[int] = []

    def data_received(self, data: bytes) -> None:
        while data:
            length = int.from_bytes(data[1:5], "big")
            self.said.append(data[0])
            self.hear(data[0])
            data = data[5 + length :]

    def hear(self, kind: int) -> None:
        """A message came, by its type."""


def serve(world: World, stranger: type[Stranger]) -> None:
    """Let a stranger answer at the address of APNs."""
    host = world.host("apns")
    world.network.alias("1-courier.push.apple.com", host)

    async def main() -> None:
        await asyncio.get_running_loop().create_server(stranger, port=5223)

    host.start(main)
    world.run(world.env.timeout(1))


def attempts(world: World, seconds: float) -> list[float]:
    """When the phone tried to connect, in seconds from now."""
    events = world.trace.keep()
    started = world.env.now
    world.run(world.env.timeout(seconds))
    return [e["t"] / 1e9 - started for e in events if e["kind"] == "connection.refused"]


def test_waiting_doubles_up_to_the_cap_with_up_to_half_more_at_random() -> None:
    with World(seed=1) as world:
        world.network.alias("1-courier.push.apple.com", world.host("apns"))  # nobody listens
        iphone(world)
        times = attempts(world, 3600)

    waits = [late - early for early, late in itertools.pairwise(times)]
    for number, wait in enumerate(waits):
        least = min(300, 2.0**number)
        assert least <= wait <= least * 1.5 + 1
    assert max(waits) > 300


def test_coming_back_to_the_network_skips_the_waiting() -> None:
    with World(seed=1) as world:
        world.network.alias("1-courier.push.apple.com", world.host("apns"))
        app = iphone(world)
        world.run(world.env.timeout(1000))
        app.phone.radio.go_offline()
        assert attempts(world, 2000) == []
        app.phone.radio.go_online()
        assert attempts(world, 5)[0] < 1


def test_a_user_at_the_phone_skips_the_waiting() -> None:
    with World(seed=1) as world:
        app = iphone(world)
        world.run(world.env.timeout(1000))
        apns(world)
        world.run(world.env.timeout(1))
        assert not app.phone.radio.connected
        app.open()
        world.run(world.env.timeout(1))
        assert app.phone.radio.connected


def test_a_short_session_does_not_end_the_backing_off() -> None:
    class Rude(Stranger):
        """Accepts the login and hangs up."""

        def hear(self, kind: int) -> None:
            if kind == CONNECT:
                self.transport.write(WELCOME)
                self.transport.close()

    with World(seed=1) as world:
        serve(world, Rude)
        events = world.trace.keep()
        iphone(world)
        world.run(world.env.timeout(3600))

    sessions = [e for e in events if e["kind"] == "phone.session"]
    assert 10 < len(sessions) < 30


def test_a_session_that_lasted_ends_the_backing_off() -> None:
    with World(seed=1) as world:
        service = apns(world)
        radio = iphone(world).phone.radio
        for _ in range(6):
            world.run(world.env.timeout(60))
            assert radio.connected
            world.run(service.stop)
            world.run(world.env.timeout(0.1))
            assert not radio.connected
            world.run(as_event(world.env, world.hosts["apns"].start(service.start)))
            world.run(world.env.timeout(2))
            assert radio.connected


def test_a_service_that_never_answers_the_login_is_given_up_after_thirty_seconds() -> None:
    with World(seed=1) as world:
        serve(world, Stranger)
        app = iphone(world)
        world.run(world.env.timeout(29))
        [first] = app.phone.host.connections
        assert not app.phone.radio.connected
        world.run(world.env.timeout(5))
        assert first not in app.phone.host.connections


@pytest.mark.parametrize("garbage", [b"\x0a\xff\xff\xff\xff", b"HTTP/1.1 400 Bad Request\r\n\r\n"])
def test_a_service_that_talks_nonsense_is_left_and_tried_again_later(garbage: bytes) -> None:
    class Nonsense(Stranger):
        def hear(self, kind: int) -> None:
            self.transport.write(garbage)

    with World(seed=1) as world:
        serve(world, Nonsense)
        events = world.trace.keep()
        iphone(world)
        world.run(world.env.timeout(60))

    opened = [e for e in events if e["kind"] == "connection.opened"]
    assert 3 <= len(opened) <= 7


def test_a_service_that_stops_in_the_middle_of_a_message_is_given_up_after_thirty_seconds() -> None:
    class Halting(Stranger):
        def hear(self, kind: int) -> None:
            if kind == CONNECT:
                self.transport.write(WELCOME + b"\x0a\0\0")

    with World(seed=1) as world:
        serve(world, Halting)
        app = iphone(world)
        world.run(world.env.timeout(29))
        assert app.phone.radio.connected
        [first] = app.phone.host.connections
        world.run(world.env.timeout(4))
        assert first not in app.phone.host.connections


def test_only_what_came_before_a_keep_alive_is_confirmed_by_its_answer() -> None:
    topic = topic_hash(APP.app_id).hex()
    note = bytes.fromhex("0a00000023" + "020014" + topic + "0300027b7d" + "04000400000007")

    class Slow(Stranger):
        """Answers every KeepAlive late: when the next one has come."""

        def hear(self, kind: int) -> None:
            asked = self.said.count(KEEP_ALIVE)
            if kind == CONNECT:
                self.transport.write(WELCOME)
            elif kind == KEEP_ALIVE:
                self.transport.write(note if asked == 1 else b"\x0d\0\0\0\0")

    with World(seed=1) as world:
        serve(world, Slow)
        settings = IosSettings(radio=RadioSettings(heartbeat=60, heartbeat_timeout=10))
        phone = IosPhone(world.host("phone"), world.seeds.stream("phone"), settings)
        MoodleApp(phone, APP)
        phone.power_on()
        world.run(world.env.timeout(150))  # two KeepAlives, one answer
        assert phone.unconfirmed() == ("7",)
        world.run(world.env.timeout(60))
        assert phone.unconfirmed() == ()


def test_the_push_connection_may_use_tls() -> None:
    with World(seed=1) as world:
        service = apns(world, phone_tls=True)
        settings = IosSettings(tls=world.ca.client_context())
        phone = IosPhone(world.host("phone"), world.seeds.stream("phone"), settings)
        app: App = MoodleApp(phone, APP)
        phone.power_on()
        assert isinstance(app, MoodleApp)
        token = token_of(world, app)
        push_to_ios(world, token, message(1))
        assert world.run(phone.wait_for_notification(timeout=10)).msgid == 1
        phone.power_off()
        world.run(world.env.timeout(5))
        world.run(service.stop)


def test_going_offline_twice_or_online_twice_is_harmless() -> None:
    with World(seed=1) as world:
        apns(world)
        events = world.trace.keep()
        radio = iphone(world).phone.radio
        world.run(world.env.timeout(5))
        for change in (radio.go_online, radio.go_offline, radio.go_offline, radio.go_online):
            change()
        world.run(world.env.timeout(5))
        assert radio.connected
        radio.go_online()
        assert radio.connected

    kinds = [e["kind"] for e in events if e["kind"] in ("phone.online", "phone.offline")]
    assert kinds == ["phone.offline", "phone.online"]


def test_a_change_of_network_connects_anew_at_once() -> None:
    with World(seed=1) as world:
        apns(world)
        events = world.trace.keep()
        radio = iphone(world).phone.radio
        world.run(world.env.timeout(5))
        before = radio.connection
        world.hosts["phone"].move(LINKS["cellular"])
        radio.network_changed()
        assert not radio.connected
        world.run(world.env.timeout(1))
        assert radio.connected
        assert radio.connection is not before
        radio.go_offline()
        radio.network_changed()
        world.run(world.env.timeout(5))
        assert not radio.connected, "there is no network to connect by"

    assert [e["kind"] for e in events].count("phone.handover") == 1


def test_the_same_seed_gives_the_same_bytes() -> None:
    def digest() -> str:
        with World(seed=7) as world:
            service = apns(world)
            app = iphone(world)
            token = token_of(world, app)
            app.phone.radio.go_offline()
            push_to_ios(world, token, message(1))
            world.run(service.stop)
            app.phone.radio.go_online()
            world.run(world.env.timeout(100))
            world.hosts["apns"].start(service.start)
            world.run(world.env.timeout(600))
            assert app.phone.radio.connected
            return world.digest()

    assert digest() == digest()


def test_heartbeat_settings_are_seconds_of_silence() -> None:
    with World(seed=1) as world:
        apns(world)
        settings = IosSettings(radio=RadioSettings(heartbeat=60, heartbeat_timeout=10))
        phone = IosPhone(world.host("phone"), world.seeds.stream("phone"), settings)
        MoodleApp(phone, APP)
        phone.power_on()
        world.run(world.env.timeout(5))
        phone.host.disconnect()
        world.run(world.env.timeout(80))
        assert not phone.radio.connected
