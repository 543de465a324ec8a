"""The life cycle of an app, and what can be tapped."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.app import AppState
from devices.errors import NothingReceived, NotPossible
from devices.ios import IosPhone
from devices.moodle_app import MoodleApp
from devices.notifications import Notification, from_gcm
from devices.settings import AppSettings, IosSettings
from sim.world import World
from tests.devices.parts import APP, APP_ID, BEN, bring_to, fails_with, text_pairs


def app_on_a_phone(world: World, built: AppSettings = APP) -> MoodleApp:
    """An app on a phone that is on but has no push service to connect to."""
    phone = IosPhone(world.host("phone"), world.seeds.stream("phone"), IosSettings())
    app = MoodleApp(phone, built)
    phone.power_on()
    app.site = BEN
    return app


def push(app: MoodleApp, number: int, **data: str) -> Notification:
    """Bring a push to the app, as the phone does."""
    mid, now = f"m{number}", app.phone.env.now
    read = from_gcm(mid, APP_ID, {**text_pairs(number), **data}, now)
    assert app.phone.deliver(mid, APP_ID, lambda: read, answer=1)
    return read


def test_starting_takes_longer_than_resuming() -> None:
    with World(seed=1) as world:
        app = app_on_a_phone(world)
        times = []
        for state in ("closed", "background", "open"):
            bring_to(world, app, state)
            started = world.env.now
            world.run(app.open())
            times.append(round(world.env.now - started, 6))

    assert times == [APP.launch_seconds, APP.resume_seconds, 0]


def test_each_change_of_state_is_recorded_once() -> None:
    with World(seed=1) as world:
        events = world.trace.keep()
        app = app_on_a_phone(world)
        for state in ("open", "open", "background", "closed", "background", "uninstalled"):
            bring_to(world, app, state)

    states = [e["state"] for e in events if e["kind"] == "app.state"]
    assert states == ["open", "background", "closed", "open", "background", "uninstalled"]


def test_switching_the_phone_off_closes_the_app() -> None:
    with World(seed=1) as world:
        app = app_on_a_phone(world)
        opening = app.open()
        app.phone.power_off()
        assert "went away" in str(fails_with(world, opening))
        assert app.state == "closed"
        with pytest.raises(NotPossible, match="switched off"):
            app.open()


def test_a_removed_app_loses_what_it_stored_and_its_notifications() -> None:
    with World(seed=1) as world:
        app = app_on_a_phone(world)
        app.token = "t"
        push(app, 1)
        bring_to(world, app, "uninstalled")
        assert [app.site, app.token, app.phone.tray] == [None, None, ()]
        with pytest.raises(NotPossible, match="not installed"):
            app.open()


def test_the_newest_notification_is_tapped_first_and_only_once() -> None:
    with World(seed=1) as world:
        app = app_on_a_phone(world)
        for number in (1, 2, 3):
            push(app, number)
        assert world.run(app.open_at_page(lambda n: n.msgid == 2)).msgid == 2
        bring_to(world, app, "background")
        assert [world.run(app.open_at_page()).msgid for _ in range(2)] == [3, 1]
        with pytest.raises(NotPossible):
            app.open_at_page()


def test_a_notification_that_is_gone_cannot_be_tapped_or_dismissed() -> None:
    with World(seed=1) as world:
        app = app_on_a_phone(world)
        shown = push(app, 1)
        app.phone.dismiss(shown)
        assert not app.has(shown)
        with pytest.raises(NotPossible):
            app.tap(shown)
        with pytest.raises(NotPossible):
            app.phone.dismiss(shown)


def test_what_popped_up_can_be_opened_after_the_app_was_closed() -> None:
    with World(seed=1) as world:
        app = app_on_a_phone(world)
        bring_to(world, app, "open")
        popped = push(app, 1)
        assert app.popup is popped
        assert app.phone.tray == ()
        bring_to(world, app, "closed")
        assert app.popup is None
        assert world.run(app.tap(popped)).from_state == "closed"


def test_the_app_of_may_2013_only_comes_to_the_front() -> None:
    with World(seed=1) as world:
        built = AppSettings(site_url="http://s", gateway_url="http://g", navigates=False)
        app = app_on_a_phone(world, built)
        push(app, 1)
        opened = world.run(app.open_at_page())
        assert (opened.page, opened.msgid) == ("main", None)


def test_without_a_login_every_notification_leads_to_the_login_page() -> None:
    with World(seed=1) as world:
        app = app_on_a_phone(world)
        app.site = None
        push(app, 1)
        assert world.run(app.open_at_page()).page == "login"


def test_a_silent_push_shows_nothing_but_sets_the_badge() -> None:
    with World(seed=1) as world:
        app = app_on_a_phone(world)
        silent = Notification("m", APP_ID, None, None, {}, 4, None, 0.0)
        app.phone.deliver("m", APP_ID, lambda: silent, answer=1)
        assert (app.phone.badge, app.phone.tray) == (4, ())
        push(app, 1)
        world.run(app.open_at_page())
        assert app.phone.badge == 0


def test_an_open_app_sets_the_badge_and_zeroes_it_at_once() -> None:
    with World(seed=1) as world:
        app = app_on_a_phone(world)
        app.phone.badge = 2
        bring_to(world, app, "open")
        counted = Notification("m", APP_ID, "hi", None, {}, 4, None, 0.0)
        app.phone.deliver("m", APP_ID, lambda: counted, answer=1)
        assert (app.phone.badge, app.popup) == (0, counted)


def test_a_repeated_message_is_noted_and_goes_no_further() -> None:
    with World(seed=1) as world:
        events = world.trace.keep()
        app = app_on_a_phone(world)
        push(app, 1)
        push(app, 2)
        push(app, 1)
        assert [n.msgid for n in app.phone.tray] == [1, 2]

    received = [e["duplicate"] for e in events if e["kind"] == "phone.received"]
    assert received == [False, False, True]


def test_waiting_gives_each_notification_out_once_in_order() -> None:
    with World(seed=1) as world:
        app = app_on_a_phone(world)
        phone = app.phone
        push(app, 1)
        push(app, 2)
        first = world.run(phone.wait_for_notification(timeout=1))
        waiting = [phone.wait_for_notification(timeout=5) for _ in range(3)]
        push(app, 3)
        got = [world.run(event).msgid for event in waiting[:2]]
        assert [first.msgid, *got] == [1, 2, 3]
        assert isinstance(fails_with(world, waiting[2]), NothingReceived)


STEPS = st.lists(
    st.sampled_from(["push", "open_at_page", "wait", "closed", "background", "open", "uninstalled"])
)


@given(STEPS)
@settings(max_examples=20)
def test_whatever_the_user_does_a_notification_is_opened_at_most_once(steps: list[str]) -> None:
    with World(seed=1) as world:
        events = world.trace.keep()
        app = app_on_a_phone(world)
        states: tuple[AppState, ...] = ("closed", "background", "open", "uninstalled")
        for number, step in enumerate(steps):
            if step == "push" and app.installed:
                push(app, number)
            elif step == "open_at_page":
                try:
                    world.run(app.open_at_page())
                except NotPossible:
                    assert not app.installed or not (app.phone.tray or app.list)
            elif step == "wait":
                world.run(world.env.timeout(5))
            elif step in states:
                bring_to(world, app, states[states.index(step)])
            assert (app.popup is not None) <= (app.state == "open")

    opened = [e["mid"] for e in events if e["kind"] == "app.opened"]
    received = [e["mid"] for e in events if e["kind"] == "phone.received"]
    assert len({*opened}) == len(opened)
    assert {*opened} <= {*received}
