"""An Android phone with the app against the mock GCM, over the simulated network."""

from dataclasses import replace

import pytest

from devices.android import CHECKIN_REQUEST, AndroidPhone
from devices.errors import NotPossible, UnexpectedAnswer
from devices.moodle_app import MoodleApp
from devices.settings import AndroidSettings
from sim.world import World
from tests.devices.parts import (
    APP,
    APP_ID,
    android,
    bring_to,
    fails_with,
    gcm,
    push_to_android,
    text_pairs,
    token_of,
)


def phone_of(app: MoodleApp) -> AndroidPhone:
    assert isinstance(app.phone, AndroidPhone)
    return app.phone


def test_a_new_phone_checks_in_and_keeps_its_identity() -> None:
    with World(seed=1) as world:
        gcm(world)
        events = world.trace.keep()
        phone = phone_of(android(world))
        world.run(world.env.timeout(5))
        identity = phone.android_id
        assert identity
        phone.power_off()
        world.run(world.env.timeout(5))
        phone.power_on()
        world.run(world.env.timeout(5))

    assert phone.android_id == identity
    assert [e["device"] for e in events if e["kind"] == "phone.session"][:1] == [
        f"android-{identity:x}"
    ]
    requests = [e["path"] for e in events if e["kind"] == "http.request"]
    assert requests == ["/checkin"]


def test_a_check_in_tells_the_kind_of_device_and_the_version() -> None:
    assert CHECKIN_REQUEST.hex() == "1000" + "22026001" + "7003"


def test_a_phone_that_cannot_check_in_tries_until_it_can() -> None:
    with World(seed=1) as world:
        phone = phone_of(android(world))
        world.run(world.env.timeout(100))
        assert phone.android_id is None
        gcm(world)
        world.run(world.env.timeout(100))
        assert phone.radio.connected


def test_the_registration_id_belongs_to_phone_app_and_sender() -> None:
    with World(seed=1) as world:
        service = gcm(world)
        app = android(world)
        token = token_of(world, app)
        android_id = phone_of(app).android_id
        assert android_id is not None
        assert service.token_of(android_id, APP_ID) == token


def test_a_sender_that_google_does_not_know_gets_no_registration_id() -> None:
    with World(seed=1) as world:
        gcm(world)
        app = android(world, app=replace(APP, sender_id="999"))
        world.run(app.open())
        error = fails_with(world, app.accept_push())

    assert isinstance(error, UnexpectedAnswer)
    assert "INVALID_SENDER" in str(error)


def test_the_permission_was_given_at_install() -> None:
    with World(seed=1) as world:
        gcm(world)
        app = android(world)
        world.run(app.open())
        with pytest.raises(NotPossible, match="at install"):
            app.decline_push()


def test_what_came_while_the_phone_was_offline_arrives_afterwards_once() -> None:
    with World(seed=1) as world:
        gcm(world)
        app = android(world)
        token = token_of(world, app)
        events = world.trace.keep()
        app.phone.radio.go_offline()
        for number in range(3):
            push_to_android(world, token, text_pairs(number))
        app.phone.radio.go_online()
        world.run(world.env.timeout(1800))
        got = [world.run(app.phone.wait_for_notification(timeout=1)).msgid for _ in range(3)]

    assert sorted(got) == [0, 1, 2]
    received = [e["mid"] for e in events if e["kind"] == "phone.received" and not e["duplicate"]]
    assert len(received) == 3
    assert len({*received}) == 3


def test_a_message_whose_ack_was_lost_is_not_shown_twice() -> None:
    with World(seed=1) as world:
        gcm(world)
        app = android(world)
        token = token_of(world, app)
        bring_to(world, app, "closed")
        events = world.trace.keep()
        world.trace.listen(
            # The network goes away at the moment in which the message arrives: no ack leaves.
            lambda e: app.phone.host.disconnect() if e["kind"] == "phone.received" else None
        )
        push_to_android(world, token, text_pairs(1))
        world.run(world.env.timeout(1))
        app.phone.radio.go_offline()
        app.phone.radio.go_online()
        world.run(world.env.timeout(600))

    assert len([e for e in events if e["kind"] == "phone.displayed"]) == 1
    assert len(app.phone.tray) == 1


def test_a_message_for_a_removed_app_is_undeliverable() -> None:
    with World(seed=1) as world:
        gcm(world)
        app = android(world)
        token = token_of(world, app)
        events = world.trace.keep()
        bring_to(world, app, "uninstalled")
        assert "message_id" in push_to_android(world, token, text_pairs(1))
        world.run(world.env.timeout(5))
        assert push_to_android(world, token, text_pairs(2)) == {"error": "NotRegistered"}

    kinds = [e["kind"] for e in events]
    assert "phone.undeliverable" in kinds
    assert "vendor.undeliverable" in kinds
    assert "phone.displayed" not in kinds


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"message_type": "deleted_messages", "total_deleted": "101"},
        {"message": "", "id": "x" * 50, "urlparams": "["},
        {"alert": "a broadcast"},
        {"message": "m", "type": "moodle_instantmessage"},
    ],
)
def test_odd_data_does_no_harm(data: dict[str, str]) -> None:
    with World(seed=1) as world:
        gcm(world)
        app = android(world)
        token = token_of(world, app)
        bring_to(world, app, "closed")
        push_to_android(world, token, data)
        push_to_android(world, token, text_pairs(2))
        world.run(app.phone.wait_for_notification(lambda n: n.msgid == 2, timeout=10))
        assert app.phone.radio.connected
        for notification in app.phone.tray:
            world.run(app.tap(notification))


def test_a_heartbeat_told_by_the_service_is_obeyed() -> None:
    with World(seed=1) as world:
        gcm(world, heartbeat=60.0)
        app = android(world)
        world.run(world.env.timeout(10))
        events = world.trace.keep()
        world.run(world.env.timeout(4 * 3600))
        assert app.phone.radio.connected
        assert [e for e in events if e["kind"] == "phone.session"] == []
        app.phone.host.disconnect()
        world.run(world.env.timeout(150))  # a beat of 60 s, and 60 s to wait for its answer
        assert not app.phone.radio.connected
        app.phone.host.reconnect()
        world.run(world.env.timeout(400))
        assert len([e for e in events if e["kind"] == "phone.session"]) == 1


@pytest.mark.parametrize(
    ("told", "kept"), [(0.001, 30), (29.9, 30), (31, 31), (1799, 1799), (86_400 * 365, 1800)]
)
def test_a_heartbeat_told_by_the_service_has_a_floor_and_a_ceiling(told: float, kept: int) -> None:
    with World(seed=1) as world:
        gcm(world, heartbeat=told)
        app = android(world)
        world.run(world.env.timeout(10))
        start = world.env.now
        app.phone.host.disconnect()
        while app.phone.radio.connected:
            world.run(world.env.timeout(1))
        waited = world.env.now - start - 60  # for the answer to the beat
        assert kept - 12 <= waited <= kept + 1


def test_a_phone_that_google_forgot_checks_in_again() -> None:
    with World(seed=1) as world:
        gcm(world)
        host = world.host("phone")
        phone = AndroidPhone(
            host, world.seeds.stream("d"), AndroidSettings(), android_id=5, security_token=6
        )
        phone.power_on()
        world.run(world.env.timeout(60))
        assert phone.android_id not in (None, 5)
        assert phone.radio.connected
