"""Messages whose acknowledgements were lost are sent again; the phone shows each of them once."""

from typing import Any

import pytest

from devices.moodle_app import MoodleApp
from devices.settings import RadioSettings
from sim.net.faults import FaultHandle, Partition
from sim.world import World
from tests.devices.parts import (
    Android,
    Ios,
    android,
    apns,
    bring_to,
    gcm,
    iphone,
    message,
    push_to_android,
    push_to_ios,
    text_pairs,
    token_of,
)


def lose_the_answers_to_a_burst(
    world: World, app: MoodleApp, service: str, events: list[dict[str, Any]], amount: int
) -> None:
    """The phone comes online where `amount` messages wait; it gets them, its answers get lost, and
    it comes again."""
    cut = Partition(between=(app.phone.name, service), direction="upstream")
    handles: list[FaultHandle] = []

    def cut_off(event: dict[str, Any]) -> None:
        if event["kind"] == "phone.received" and not handles:
            handles.append(world.faults.add(cut))

    world.trace.listen(cut_off)
    app.phone.radio.go_online()
    world.run(world.env.timeout(60))
    assert len(received(events)) == amount
    assert [e for e in events if e["kind"] == "vendor.acked"] == []
    app.phone.radio.go_offline()
    handles[0].remove()
    app.phone.radio.go_online()
    world.run(world.env.timeout(60))


def received(events: list[dict[str, Any]]) -> list[bool]:
    """Of each message that came to the phone, whether it knew it."""
    return [e["duplicate"] for e in events if e["kind"] == "phone.received"]


@pytest.mark.parametrize("amount", [30, 100])
def test_an_android_phone_names_all_that_it_has_and_they_do_not_come_again(amount: int) -> None:
    with World(seed=1) as world:
        gcm(world)
        app = android(world)
        token = token_of(world, app)
        bring_to(world, app, "closed")
        app.phone.radio.go_offline()
        for number in range(amount):
            push_to_android(world, token, text_pairs(number))
        events = world.trace.keep()
        lose_the_answers_to_a_burst(world, app, "gcm", events, amount)

    assert received(events) == [False] * amount
    assert len([e for e in events if e["kind"] == "vendor.acked"]) == amount
    assert app.phone.unconfirmed() == ()


@pytest.mark.parametrize("amount", [30, 100])
def test_an_iphone_knows_again_all_that_apns_repeats(amount: int) -> None:
    with World(seed=1) as world:
        apns(world, stored_per_app=amount)
        app = iphone(world)
        token = token_of(world, app)
        bring_to(world, app, "closed")
        app.phone.radio.go_offline()
        for number in range(amount):
            push_to_ios(world, token, message(number))
        events = world.trace.keep()
        lose_the_answers_to_a_burst(world, app, "apns", events, amount)

        assert received(events) == [False] * amount + [True] * amount
        assert len([e for e in events if e["kind"] == "phone.displayed"]) == amount
        assert len([e for e in events if e["kind"] == "vendor.acked"]) == amount
        assert len(app.phone.unconfirmed()) == amount
        world.run(world.env.timeout(1800))  # with a heartbeat in it
        assert app.phone.unconfirmed() == ()


def test_an_android_phone_forgets_an_id_when_google_has_its_ack() -> None:
    with World(seed=1) as world:
        gcm(world)
        app = android(world)
        token = token_of(world, app)
        last = [push_to_android(world, token, text_pairs(number))["message_id"] for number in "123"]
        assert app.phone.unconfirmed() == tuple(last[-1:])
        world.run(world.env.timeout(1800))  # with a heartbeat in it
        assert app.phone.unconfirmed() == ()


def test_of_three_pushes_into_a_dead_connection_an_iphone_gets_the_last() -> None:
    with World(seed=1) as world:
        apns(world)
        app = iphone(world)
        token = token_of(world, app)
        bring_to(world, app, "closed")
        app.phone.host.disconnect()
        for number in range(3):
            push_to_ios(world, token, message(number))
        events = world.trace.keep()
        app.phone.radio.go_offline()
        app.phone.radio.go_online()
        world.run(world.env.timeout(60))

    assert received(events) == [False]
    assert [e["by"] for e in events if e["kind"] == "vendor.collapsed"] == ["a2", "a3"]


def test_a_hundred_and_five_messages_into_a_dead_connection_are_a_notice_and_four() -> None:
    with World(seed=1) as world:
        gcm(world)
        app = android(world)
        token = token_of(world, app)
        bring_to(world, app, "closed")
        app.phone.host.disconnect()
        for number in range(105):
            push_to_android(world, token, text_pairs(number))
        events = world.trace.keep()
        app.phone.radio.go_offline()
        app.phone.radio.go_online()
        world.run(world.env.timeout(60))

    assert [e["deleted"] for e in events if e["kind"] == "vendor.notice"] == [101]
    assert len(received(events)) == 4 + 1


def test_messages_with_one_collapse_key_into_a_dead_connection_are_one() -> None:
    with World(seed=1) as world:
        gcm(world)
        app = android(world)
        token = token_of(world, app)
        bring_to(world, app, "closed")
        app.phone.host.disconnect()
        for number in range(5):
            push_to_android(world, token, text_pairs(number), collapse_key="k")
        push_to_android(world, token, text_pairs(9), time_to_live=20)
        events = world.trace.keep()
        world.run(world.env.timeout(30))
        app.phone.radio.go_offline()
        app.phone.radio.go_online()
        world.run(world.env.timeout(60))

    assert received(events) == [False]
    assert [e["kind"] for e in events].count("vendor.expired") == 1


@pytest.mark.parametrize("arms", [Ios, Android])
def test_a_silent_phone_counts_as_gone_after_one_and_a_half_heartbeats(
    arms: type[Ios | Android],
) -> None:
    patience = 1.5 * 900
    with World(seed=1) as world:
        arm = arms(world)
        bring_to(world, arm.app, "closed")
        arm.app.phone.host.disconnect()
        events = world.trace.keep()
        world.run(world.env.timeout(0.7 * patience))
        arm.push(1)
        world.run(world.env.timeout(1))
        kinds = [e["kind"] for e in events if e["kind"].startswith("vendor.s")]
        assert kinds == ["vendor.sent"]
        world.run(world.env.timeout(0.3 * patience))
        arm.push(2)
        world.run(world.env.timeout(1))
        kinds = [e["kind"] for e in events if e["kind"].startswith("vendor.s")]
        assert kinds == ["vendor.sent", "vendor.stored"]


@pytest.mark.parametrize(("arms", "first_beat"), [(Ios, 1600), (Android, 10)])
def test_a_phone_with_slow_heartbeats_is_not_taken_for_dead(
    arms: type[Ios | Android], first_beat: float
) -> None:
    """It tells how often it comes: to APNs with each KeepAlive, to GCM at login."""
    with World(seed=1) as world:
        arm = arms(world, RadioSettings(heartbeat=1500.0))
        bring_to(world, arm.app, "closed")
        events = world.trace.keep()
        world.run(world.env.timeout(first_beat + (1300 if arms is Ios else 1400)))
        arm.push(1)
        world.run(world.env.timeout(10))

    assert received(events) == [False]
    assert [e for e in events if e["kind"] == "phone.session"] == []
