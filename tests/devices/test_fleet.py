"""Fleets: many phones that are set up already."""

import pytest

from devices.fleet import Fleet, Habits
from devices.settings import AndroidSettings, IosSettings
from sim.vendors.apns.service import ApnsService
from sim.vendors.gcm.service import GcmService
from sim.world import World
from tests.devices.parts import (
    APP,
    APP_ID,
    BEN,
    SENDER,
    apns,
    gcm,
    message,
    push_to_android,
    push_to_ios,
    text_pairs,
)


def fleet_of(
    world: World, size: int, habits: Habits, apple: ApnsService, google: GcmService
) -> Fleet:
    """A fleet, every other phone an iPhone."""
    fleet = Fleet(
        stream=world.seeds.stream("fleet"),
        app=APP,
        ios=IosSettings(),
        android=AndroidSettings(),
        habits=habits,
    )
    for number in range(size):
        host = world.host(f"phone-{number}")
        if number % 2 == 0:
            device = apple.add_device()
            token = apple.issue(device, APP_ID).hex()
            fleet.add_ios(host, device_token=device, token=token, site=BEN)
        else:
            android_id, secret = google.add_device()
            token = google.register(android_id, APP_ID, [SENDER])
            fleet.add_android(
                host, android_id=android_id, security_token=secret, token=token, site=BEN
            )
    return fleet


def token(fleet: Fleet, index: int) -> str:
    app = fleet[index].app
    assert app is not None
    return str(app.token)  # type: ignore[attr-defined]


def test_the_phones_of_a_fleet_connect_one_after_the_other() -> None:
    with World(seed=1) as world:
        fleet = fleet_of(world, 20, Habits(), apns(world), gcm(world))
        started = world.env.now
        events = world.trace.keep()
        fleet.power_on(over=10)
        world.run(world.env.timeout(15))
        assert fleet.connected == len(fleet) == 20

    sessions = [e["t"] / 1e9 - started for e in events if e["kind"] == "phone.session"]
    assert sessions == sorted(sessions)
    assert sessions[0] < 1
    assert 9 < sessions[-1] < 10


def test_a_fleet_without_habits_leaves_everything_unread() -> None:
    with World(seed=1) as world:
        fleet = fleet_of(world, 2, Habits(), apns(world), gcm(world))
        fleet.power_on(over=1)
        world.run(world.env.timeout(5))
        events = world.trace.keep()
        push_to_ios(world, token(fleet, 0), message(1))
        push_to_android(world, token(fleet, 1), text_pairs(1))
        world.run(world.env.timeout(3600))

    kinds = [e["kind"] for e in events]
    assert kinds.count("phone.displayed") == 2
    assert "app.opened" not in kinds
    assert [len(phone.tray) for phone in fleet] == [1, 1]


def test_owners_who_open_everything_reach_the_page_and_put_the_phone_away() -> None:
    with World(seed=1) as world:
        habits = Habits(opens=1, think=(5, 10), reads=20)
        fleet = fleet_of(world, 2, habits, apns(world), gcm(world))
        fleet.power_on(over=1)
        world.run(world.env.timeout(5))
        events = world.trace.keep()
        for number in (1, 2):
            push_to_ios(world, token(fleet, 0), message(number))
            push_to_android(world, token(fleet, 1), text_pairs(number))
            world.run(world.env.timeout(60))

    opened = [(e["host"], e["msgid"], e["from_state"]) for e in events if e["kind"] == "app.opened"]
    assert sorted(opened) == [
        ("phone-0", 1, "closed"),
        ("phone-0", 2, "background"),
        ("phone-1", 1, "closed"),
        ("phone-1", 2, "background"),
    ]
    assert [phone.app.state for phone in fleet if phone.app] == ["background"] * 2


def test_an_owner_thinks_about_a_notification_that_is_gone_by_then() -> None:
    with World(seed=1) as world:
        fleet = fleet_of(world, 1, Habits(opens=1, think=(5, 5)), apns(world), gcm(world))
        fleet.power_on(over=1)
        world.run(world.env.timeout(5))
        events = world.trace.keep()
        push_to_ios(world, token(fleet, 0), message(1))
        [notification] = fleet[0].tray
        fleet[0].dismiss(notification)
        world.run(world.env.timeout(60))

    kinds = [e["kind"] for e in events]
    assert "phone.dismissed" in kinds
    assert "app.opened" not in kinds


def test_phones_of_a_fleet_come_back_after_the_push_service_was_away() -> None:
    with World(seed=1) as world:
        apple = apns(world)
        fleet = fleet_of(world, 50, Habits(), apple, gcm(world))
        fleet.power_on(over=1)
        world.run(world.env.timeout(60))
        world.run(apple.stop)
        world.run(world.env.timeout(5))
        assert fleet.connected == 25
        world.hosts["apns"].start(apple.start)
        world.run(world.env.timeout(600))
        assert fleet.connected == 50


@pytest.mark.parametrize("habits", [{"opens": 1.5}, {"think": (5, 1)}, {"reads": -1}])
def test_impossible_habits_are_refused(habits: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="habits"):
        Habits(**habits)  # type: ignore[arg-type]
