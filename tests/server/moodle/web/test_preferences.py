"""The messaging preferences page."""

import pytest

URL = "http://site.test/message/edit.php"
PREFERENCE = "message_provider_moodle_instantmessage_"


async def save(stand, *ticked, **more):
    sesskey = await stand.log_in("ben")
    data = {"sesskey": sesskey, **dict.fromkeys(ticked, "1"), **more}
    async with stand.client.post(URL, data=data) as answer:
        return answer.status, await answer.text()


def stored(stand):
    return dict(stand.sql("SELECT name, value FROM user_preferences WHERE userid = 2"))


def test_ticking_airnotifier_makes_messages_reach_the_phone(stand):
    async def story():
        await stand.register(await stand.token("ben"))
        status, page = await save(
            stand,
            "moodle_instantmessage_loggedin[popup]",
            "moodle_instantmessage_loggedin[airnotifier]",
            "moodle_instantmessage_loggedoff[airnotifier]",
        )
        assert status == 200
        assert "Changes saved" in page
        await stand.send(await stand.token("ana"), 2, "hello")

    stand.run(story)
    assert stored(stand) == {
        PREFERENCE + "loggedin": "popup,airnotifier",
        PREFERENCE + "loggedoff": "airnotifier",
    }
    assert stand.events("preference.changed") == [
        {"user": 2, "name": PREFERENCE + "loggedin", "value": "popup,airnotifier"},
        {"user": 2, "name": PREFERENCE + "loggedoff", "value": "airnotifier"},
    ]
    assert len(stand.gateway.requests) == 1


def test_ticking_nothing_is_stored_as_none(stand):
    async def story():
        await save(stand)

    stand.run(story)
    assert set(stored(stand).values()) == {"none"}


def test_saving_the_same_again_changes_nothing(stand):
    async def story():
        await save(stand, "moodle_instantmessage_loggedin[popup]")
        await save(stand, "moodle_instantmessage_loggedin[popup]")

    stand.run(story)
    assert len(stand.events("preference.changed")) == 2


def test_unknown_and_locked_outputs_cannot_be_ticked(stand):
    stand.settings["default_outputs"]["permitted"] = {"airnotifier": "disallowed"}

    async def story():
        await save(
            stand,
            "moodle_instantmessage_loggedin[airnotifier]",
            "moodle_instantmessage_loggedin[pigeon]",
            "moodle_instantmessage_loggedin[email]",
        )

    stand.run(story)
    assert stored(stand)[PREFERENCE + "loggedin"] == "email"


def test_disabling_all_notifications_is_remembered_and_shown(stand):
    async def story():
        _, page = await save(stand, "disableall")
        assert 'name="disableall" value="1" checked' in page
        await save(stand)

    stand.run(story)
    events = [e["value"] for e in stand.events("preference.changed") if e["name"] == "emailstop"]
    assert events == ["1", "0"]


@pytest.mark.parametrize("sesskey", ["", "forged-key", "\udcff"])
def test_a_form_without_the_session_s_key_changes_nothing(stand, sesskey):
    async def story():
        await stand.log_in("ben")
        body = b"disableall=1&sesskey=" + sesskey.encode("utf-8", "surrogateescape")
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        async with stand.client.post(URL, data=body, headers=headers) as answer:
            assert answer.status == 403
            assert "Incorrect sesskey submitted" in await answer.text()

    stand.run(story)
    assert stored(stand) == {}


def test_names_of_phones_are_text_and_never_markup(stand):
    async def story():
        token = await stand.token("ben")
        await stand.register(token)
        stand.sql("UPDATE airnotifier_user_devices SET devicename = '<script>alert(1)</script>'")
        await stand.log_in("ben")
        async with stand.client.get(URL) as answer:
            return await answer.text()

    page = stand.run(story)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script>alert" not in page


def test_the_form_shows_what_is_chosen(stand):
    async def story():
        _, page = await save(stand, "moodle_instantmessage_loggedoff[airnotifier]")
        return page

    page = " ".join(stand.run(story).split())
    box = 'name="moodle_instantmessage_{}" value="1" aria-label="{}: {}"{}>'
    in_, off, mobile = "When I&#39;m logged in", "When I&#39;m offline", "Mobile notifications"
    assert box.format("loggedoff[airnotifier]", off, mobile, " checked") in page
    assert box.format("loggedin[airnotifier]", in_, mobile, "") in page
