"""Switching phones on and off."""

import json

import pytest

URL = "http://site.test/message/output/airnotifier/rest.php"


async def post(stand, **fields):
    async with stand.client.post(URL, data=fields) as answer:
        return answer.status, await answer.text()


def phones(stand):
    return stand.sql("SELECT id, enable FROM airnotifier_user_devices ORDER BY id")


def test_a_phone_is_switched_off_and_on(stand):
    async def story():
        await stand.register(await stand.token("ben"))
        sesskey = await stand.log_in("ben")
        for enable in ("0", "1"):
            answer = await post(stand, id="1", field="enable", enable=enable, sesskey=sesskey)
            assert answer == (200, "")
            assert phones(stand) == [(1, int(enable))]

    stand.run(story)
    assert stand.events("device.enabled") == [
        {"device": 1, "user": 2, "enabled": False},
        {"device": 1, "user": 2, "enabled": True},
    ]


@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_a_phone_is_removed(stand, method):
    async def story():
        await stand.register(await stand.token("ben"))
        sesskey = await stand.log_in("ben")
        if method == "POST":
            assert await post(stand, action="DELETE", id="1", sesskey=sesskey) == (200, "")
        else:
            query = {"id": "1", "sesskey": sesskey}
            async with stand.client.delete(URL, params=query) as answer:
                assert (answer.status, await answer.text()) == (200, "")

    stand.run(story)
    assert phones(stand) == []
    assert stand.events("device.removed") == [{"device": 1, "user": 2}]


def test_the_phone_of_somebody_else_does_not_exist(stand):
    async def story():
        await stand.register(await stand.token("ana"))
        sesskey = await stand.log_in("ben")
        answers = [
            await post(stand, id="1", enable="0", sesskey=sesskey),
            await post(stand, id="1", action="DELETE", sesskey=sesskey),
            await post(stand, id="7", enable="0", sesskey=sesskey),
        ]
        for status, body in answers:
            assert status == 404
            assert json.loads(body) == {"error": "Unknown device", "errorcode": "unknowndevice"}

    stand.run(story)
    assert phones(stand) == [(1, 1)]


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"id": "1", "enable": "0", "sesskey": "forged"}, 403),
        ({"id": "1", "enable": "0"}, 403),
        ({"id": "x", "enable": "0", "sesskey": None}, 400),
        ({"id": "9" * 30, "enable": "0", "sesskey": None}, 400),
        ({"id": "1", "enable": "yes", "sesskey": None}, 400),
        ({"enable": "0", "sesskey": None}, 400),
    ],
)
def test_a_bad_request_changes_nothing(stand, fields, status):
    async def story():
        await stand.register(await stand.token("ben"))
        sesskey = await stand.log_in("ben")
        given = {name: sesskey if value is None else value for name, value in fields.items()}
        assert (await post(stand, **given))[0] == status

    stand.run(story)
    assert phones(stand) == [(1, 1)]


def test_without_a_session_nothing_is_done(stand):
    async def story():
        await stand.register(await stand.token("ben"))
        status, body = await post(stand, id="1", enable="0")
        assert status == 403
        assert json.loads(body)["errorcode"] == "requireloginerror"

    stand.run(story)
    assert phones(stand) == [(1, 1)]
