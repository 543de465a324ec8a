"""Messages whose acknowledgements were lost are sent again; the phone shows each of them once."""

from typing import Any

import pytest

from devices.moodle_app import MoodleApp
from sim.net.faults import FaultHandle, Partition
from sim.world import World
from tests.devices.parts import (
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
