"""The app's key, and registering a phone."""

import asyncio

import pytest

from server.logs import token_ref

ADD = "message_airnotifier_add_user_device"
KEY = "message_airnotifier_get_access_key"
DEVICE = {
    "device[appname]": "moodle",
    "device[devicenotificationtoken]": "AB" * 32,
    "device[devicename]": "Ben's phone",
}


@pytest.mark.parametrize("arguments", [{}, {"permissions[0]": "createtoken"}])
def test_everybody_gets_the_same_key_as_a_bare_string(stand, arguments):
    async def story():
        token = await stand.token("ben")
        assert await stand.raw_call(token, KEY, arguments) == '"app-key"'

    stand.run(story)


def test_another_permission_is_not_implemented(stand):
    async def story():
        token = await stand.token("ben")
        return await stand.call(
            token, KEY, **{"permissions[]": "createtoken", "permissions[1]": "broadcast"}
        )

    assert stand.run(story) == {
        "exception": "moodle_exception",
        "errorcode": "permissionnotimplemented",
        "message": "error/permissionnotimplemented",
    }


def test_a_phone_is_registered_and_its_row_id_returned(stand):
    async def story():
        token = await stand.token("ben")
        more = {"device[deviceos]": "iOS É", "device[devicetype]": "iPhone"}
        assert await stand.raw_call(token, ADD, {**DEVICE, **more}) == "1"

    stand.run(story)
    assert stand.sql("SELECT * FROM airnotifier_user_devices") == [
        (1, "moodle", "Ben's phone", "iphone", "ios É", None, None, "AB" * 32, None, 2, 1)
    ]
    assert stand.events("device.registered") == [
        {"device": 1, "user": 2, "token_ref": token_ref("AB" * 32), "new": True}
    ]


def test_the_same_phone_again_is_updated_and_stays_disabled(stand):
    async def story():
        token = await stand.token("ben")
        await stand.call(token, ADD, **DEVICE)
        stand.sql("UPDATE airnotifier_user_devices SET enable = 0")
        again = {**DEVICE, "device[devicename]": "Renamed"}
        assert await stand.call(token, ADD, **again) == 1

    stand.run(story)
    rows = stand.sql("SELECT id, devicename, enable FROM airnotifier_user_devices")
    assert rows == [(1, "Renamed", 0)]
    assert [event["new"] for event in stand.events("device.registered")] == [True, False]


@pytest.mark.parametrize("change", ["device[appname]", "device[devicenotificationtoken]"])
def test_another_app_or_token_is_another_phone(stand, change):
    async def story():
        token = await stand.token("ben")
        await stand.call(token, ADD, **DEVICE)
        assert await stand.call(token, ADD, **{**DEVICE, change: "other"}) == 2

    stand.run(story)


def test_another_user_of_the_same_phone_has_a_row_of_her_own(stand):
    async def story():
        return [await stand.register(await stand.token(name)) for name in ("ben", "ana", "ben")]

    assert stand.run(story) == [1, 2, 1]


def test_two_registrations_at_the_same_time_give_one_row(stand):
    async def story():
        token = await stand.token("ben")
        return await asyncio.gather(*(stand.register(token) for _ in range(5)))

    assert stand.run(story) == [1] * 5
    assert len(stand.sql("SELECT id FROM airnotifier_user_devices")) == 1


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"device[appname]": "<b>"}, "invalidparameter"),
        ({"device[devicetype][x]": "1"}, "invalidparameter"),
        ({"device[colour]": "red"}, "invalidparameter"),
        ({"userid": "1"}, "invalidparameter"),
        ({"device[appname]": "a" * 101}, "dmlwriteexception"),
        ({"device[devicenotificationtoken]": "a" * 256}, "dmlwriteexception"),
    ],
)
def test_a_bad_registration_stores_nothing(stand, changes, code):
    async def story():
        token = await stand.token("ben")
        return await stand.call(token, ADD, **{**DEVICE, **changes})

    assert stand.run(story)["errorcode"] == code
    assert stand.sql("SELECT * FROM airnotifier_user_devices") == []
    assert stand.events("device.registered") == []


@pytest.mark.parametrize("missing", ["device[appname]", "device[devicenotificationtoken]"])
def test_a_registration_without_app_or_token_is_refused(stand, missing):
    async def story():
        token = await stand.token("ben")
        device = {name: value for name, value in DEVICE.items() if name != missing}
        return await stand.call(token, ADD, **device)

    assert stand.run(story)["errorcode"] == "invalidparameter"


def test_the_longest_token_is_stored_whole(stand):
    async def story():
        token = await stand.token("ben")
        assert await stand.register(token, "x" * 255) == 1

    stand.run(story)
    assert stand.sql("SELECT length(devicenotificationtoken) FROM airnotifier_user_devices") == [
        (255,)
    ]
