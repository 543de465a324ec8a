"""A push on its way to a phone of either kind, and what a tap on it opens."""

import pytest

from devices.app import AppState, Opened
from sim.world import World
from tests.devices.parts import BEN, Android, Ios, bring_to


@pytest.mark.parametrize("side", [Ios, Android])
@pytest.mark.parametrize("state", ["closed", "background", "open"])
def test_a_push_reaches_the_phone_and_opens_the_page_it_is_about(
    side: type[Ios | Android], state: AppState
) -> None:
    with World(seed=1) as world:
        events = world.trace.keep()
        line = side(world)
        app = line.app
        app.site = BEN
        bring_to(world, app, state)
        line.push(77)
        got = world.run(app.phone.wait_for_notification(timeout=10))
        opened = world.run(app.open_at_page())

    assert (got.alert, got.custom["id"], got.msgid) == ("Lab at nine", "77", 77)
    assert got.parameters() == {"user": 3, "id": 2}
    assert opened == Opened("message", 77, got.mid, state)
    assert (app.state, app.page) == ("open", "message")
    on_phone = {e["kind"]: e for e in events if e["host"] == "phone"}
    assert on_phone["phone.received"]["mid"] == got.mid
    assert ("app.popup" in on_phone) == (state == "open")
    assert ("phone.displayed" in on_phone) == (state != "open")
    assert on_phone["app.opened"]["msgid"] == 77
    assert line.token not in str(events)
    sent = next(e for e in events if e["kind"] == "vendor.sent")
    assert (sent["mid"], sent["device"]) == (got.mid, on_phone["phone.session"]["device"])
    assert any(e["kind"] == "vendor.acked" for e in events)
