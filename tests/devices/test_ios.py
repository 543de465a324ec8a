"""An iPhone with the app against the mock APNs, over the simulated network."""

import pytest

from devices.errors import NothingReceived, NotPossible
from devices.ios import IosPhone
from devices.moodle_app import MoodleApp
from devices.tokens import token_ref
from sim.world import World
from tests.devices.parts import (
    APP_ID,
    BEN,
    apns,
    bring_to,
    fails_with,
    iphone,
    message,
    push_to_ios,
    token_of,
)


def iphone_of(app: MoodleApp) -> IosPhone:
    assert isinstance(app.phone, IosPhone)
    return app.phone


def test_a_new_phone_is_given_a_device_token_and_keeps_it() -> None:
    with World(seed=1) as world:
        service = apns(world)
        events = world.trace.keep()
        phone = iphone_of(iphone(world))
        world.run(world.env.timeout(5))
        first = phone.device_token
        assert first is not None
        assert service.is_connected(first)
        phone.power_off()
        world.run(world.env.timeout(5))
        assert service.is_connected(first), "nobody has told it"
        phone.power_on()
        world.run(world.env.timeout(5))

    assert phone.device_token == first
    sessions = [e for e in events if e["kind"] == "phone.session" and e["host"] == "phone"]
    assert [s["device"] for s in sessions] == [token_ref(first.hex())] * 2


def test_the_token_is_issued_when_the_user_accepts() -> None:
    with World(seed=1) as world:
        service = apns(world)
        app = iphone(world)
        token = token_of(world, app)
        assert iphone_of(app).device_token is not None
        issued = service.token_of(iphone_of(app).device_token, APP_ID)

    assert issued is not None
    assert token == issued.hex()


def test_accepting_while_the_phone_is_still_connecting_waits_for_the_session() -> None:
    with World(seed=1) as world:
        app = iphone(world)  # there is no APNs yet: the phone tries again and again
        world.run(app.open())
        accepting = app.accept_push()
        world.run(world.env.timeout(20))
        assert not accepting.triggered
        apns(world)
        world.run(world.env.timeout(60))
        assert accepting.triggered
        assert len(accepting.value.token) == 64


def test_without_permission_there_is_no_token() -> None:
    with World(seed=1) as world:
        service = apns(world)
        app = iphone(world)
        with pytest.raises(NotPossible, match="open it first"):
            app.accept_push()
        world.run(app.open())
        app.decline_push()
        assert isinstance(fails_with(world, app.accept_push()), NotPossible)
        assert iphone_of(app).device_token is not None
        assert service.token_of(iphone_of(app).device_token, APP_ID) is None


def test_a_push_that_came_while_the_phone_was_offline_arrives_afterwards_once() -> None:
    with World(seed=1) as world:
        apns(world)
        events = world.trace.keep()
        app = iphone(world)
        token = token_of(world, app)
        app.phone.radio.go_offline()
        push_to_ios(world, token, message(1))
        missing = app.phone.wait_for_notification(timeout=60)
        assert isinstance(fails_with(world, missing), NothingReceived)
        app.phone.radio.go_online()
        got = world.run(app.phone.wait_for_notification(timeout=60))
        world.run(world.env.timeout(600))

    assert got.msgid == 1
    received = [e for e in events if e["kind"] == "phone.received"]
    assert [e["duplicate"] for e in received] == [False]
    assert [e["kind"] for e in events if e["kind"] in ("phone.offline", "phone.online")] == [
        "phone.offline",
        "phone.online",
    ]


def test_a_dead_connection_is_noticed_by_the_heartbeat() -> None:
    with World(seed=1) as world:
        apns(world)
        app = iphone(world)
        token = token_of(world, app)
        events = world.trace.keep()
        # The network loses the phone for longer than anything is retransmitted.
        app.phone.host.disconnect()
        world.run(world.env.timeout(1200))
        app.phone.host.reconnect()
        world.run(world.env.timeout(400))
        assert app.phone.radio.connected
        assert [e["kind"] for e in events if e["kind"] == "phone.session"] == ["phone.session"]
        push_to_ios(world, token, message(5))
        assert world.run(app.phone.wait_for_notification(timeout=10)).msgid == 5


def test_heartbeats_keep_a_quiet_connection() -> None:
    with World(seed=1) as world:
        apns(world)
        app = iphone(world)
        world.run(world.env.timeout(10))
        events = world.trace.keep()
        world.run(world.env.timeout(6 * 3600))
        assert app.phone.radio.connected
        assert [e for e in events if e["kind"] == "phone.session"] == []


def test_a_push_for_a_removed_app_is_undeliverable_and_reinstalling_asks_again() -> None:
    with World(seed=1) as world:
        apns(world)
        events = world.trace.keep()
        app = iphone(world)
        token = token_of(world, app)
        app.site = BEN
        bring_to(world, app, "uninstalled")
        world.run(world.env.timeout(1))
        push_to_ios(world, token, message(1))
        world.run(world.env.timeout(5))
        assert [e["kind"] for e in events if e["kind"].startswith("vendor.un")]
        assert not [e for e in events if e["kind"] == "phone.received"]  # APNs knew
        bring_to(world, app, "closed")
        assert app.site is None
        assert iphone_of(app).permission == "not asked"
        assert token_of(world, app) == token


MALFORMED = [
    b"not json",
    b"\xff\xfe",
    b"[]",
    b'"text"',
    b"{}",
    b'{"aps": "evil"}',
    b'{"aps": {"alert": 7, "badge": "x"}}',
    b'{"aps": {"alert": {"body": []}}, "id": {}}',
    b"[" * 200,
]


@pytest.mark.parametrize("payload", MALFORMED)
def test_a_malformed_payload_does_no_harm(payload: bytes) -> None:
    with World(seed=1) as world:
        apns(world)
        app = iphone(world)
        token = token_of(world, app)
        push_to_ios(world, token, payload)
        push_to_ios(world, token, message(2))
        got = world.run(app.phone.wait_for_notification(lambda n: n.msgid == 2, timeout=10))
        assert got.alert == "Lab at nine"
        assert app.phone.radio.connected


def test_a_popup_goes_after_four_seconds_and_its_message_stays_in_the_list() -> None:
    with World(seed=1) as world:
        apns(world)
        app = iphone(world)
        token = token_of(world, app)
        app.site = BEN
        push_to_ios(world, token, message(9))
        world.run(app.phone.wait_for_notification(timeout=10))
        assert app.popup is not None
        world.run(world.env.timeout(4))
        assert app.popup is None
        assert world.run(app.open_at_page()).msgid == 9
        with pytest.raises(NotPossible, match="no such notification"):
            app.open_at_page()


def test_the_session_goes_to_the_newer_connection() -> None:
    with World(seed=1) as world:
        service = apns(world)
        app = iphone(world)
        token = token_of(world, app)
        app.phone.radio.go_offline()
        world.run(world.env.timeout(1))
        app.phone.radio.go_online()
        world.run(world.env.timeout(5))
        assert iphone_of(app).device_token is not None
        assert service.is_connected(iphone_of(app).device_token)
        push_to_ios(world, token, message(3))
        assert world.run(app.phone.wait_for_notification(timeout=10)).msgid == 3


def test_a_bad_device_token_is_forgotten_and_replaced() -> None:
    with World(seed=1) as world:
        apns(world)
        app = iphone(world)
        app.phone.power_off()
        iphone_of(app).device_token = bytes(32)
        app.phone.power_on()
        world.run(world.env.timeout(10))
        assert iphone_of(app).device_token not in (None, bytes(32))
        assert app.phone.radio.connected
