"""The administrator's pages."""

import hashlib

import pytest

SETTINGS = "http://site.test/admin/settings.php"
OUTPUTS = "http://site.test/admin/message.php"
BROADCAST = "http://site.test/message/output/airnotifier/broadcast.php"
SECTION = "messagesettingairnotifier"


async def post(stand, url, **fields):
    async with stand.client.post(url, data=fields) as answer:
        return answer.status, await answer.text()


async def save(stand, **settings):
    sesskey = await stand.log_in("root")
    fields = {f"s__{name}": value for name, value in settings.items()}
    return await post(stand, SETTINGS, section=SECTION, sesskey=sesskey, **fields)


def test_new_keys_are_used_by_the_next_call(stand):
    async def story():
        status, page = await save(
            stand, airnotifierdeviceaccesskey="new-app-key", airnotifieraccesskey="new-site-key"
        )
        assert status == 200
        assert "Changes saved" in page
        token = await stand.token("ben")
        return await stand.call(token, "message_airnotifier_get_access_key")

    assert stand.run(story) == "new-app-key"
    assert [event["name"] for event in stand.events("setting.changed")] == [
        "airnotifieraccesskey",
        "airnotifierdeviceaccesskey",
    ]
    assert "new-site-key" not in repr(stand.log)


def test_what_the_administrator_saved_outlives_the_process(stand):
    async def change():
        await save(stand, airnotifierappname="other")

    stand.run(change)
    rows = stand.sql("SELECT value FROM config WHERE name = 'airnotifierappname'")
    assert rows == [("other",)]


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("airnotifierurl", "gateway.test", "An address starts with http"),
        ("airnotifierurl", "http://gateway.test\r\nX: y", "This value is not valid"),
        ("airnotifierport", "0", "A port is a number"),
        ("airnotifierport", "99999", "A port is a number"),
        ("airnotifierport", "000000080999", "A port is a number"),
        ("airnotifierport", "0080", "A port is a number"),
        ("airnotifierport", "٨٠", "A port is a number"),
        ("airnotifierurl", "http://[::1", "This is not the address of a host"),
        ("airnotifierurl", "http://a..b", "This is not the address of a host"),
        ("airnotifieraccesskey", "with blank", "A key consists of"),
    ],
)
def test_a_bad_value_is_explained_and_nothing_is_saved(stand, name, value, complaint):
    async def story():
        before = stand.sql("SELECT name, value FROM config")
        _, page = await save(stand, **{"airnotifierappname": "fine", name: value})
        assert complaint in page
        assert stand.sql("SELECT name, value FROM config") == before

    stand.run(story)


@pytest.mark.parametrize("url", [SETTINGS + f"?section={SECTION}", OUTPUTS, BROADCAST])
def test_pages_for_administrators_are_for_nobody_else(stand, url):
    async def story():
        sesskey = await stand.log_in("ana")
        async with stand.client.get(url) as answer:
            assert answer.status == 403
            assert "you do not currently have permissions" in await answer.text()
        status, _ = await post(stand, url, sesskey=sesskey, alert="x", disable="3")
        assert status == 403

    stand.run(story)
    assert stand.gateway.requests == []


def test_an_output_is_switched_off_and_on(stand):
    async def story():
        sesskey = await stand.log_in("root")
        ids = dict(stand.sql("SELECT name, id FROM message_processors"))
        for field, expected in (("disable", 0), ("enable", 1)):
            status, page = await post(
                stand, OUTPUTS, sesskey=sesskey, **{field: str(ids["airnotifier"])}
            )
            assert status == 200
            assert ("disabled" in page) is (expected == 0)
            rows = stand.sql("SELECT enabled FROM message_processors WHERE name = 'airnotifier'")
            assert rows == [(expected,)]
            await stand.send(await stand.token("ana"), 2, "hello")
        return await post(stand, OUTPUTS, sesskey=sesskey, enable="99")

    status, _ = stand.run(story)
    assert status == 403
    assert [event["reason"] for event in stand.events("push.suppressed")] == [
        "processor_disabled",
        "preference",
    ]


def test_a_broadcast_asks_the_gateway_once_with_the_channel_of_the_site(stand):
    async def story():
        sesskey = await stand.log_in("root")
        status, page = await post(stand, BROADCAST, sesskey=sesskey, alert="Closed on Friday é")
        assert status == 200
        assert "The gateway accepted the message" in page

    stand.run(story)
    ((path, headers, _),) = stand.gateway.requests
    channel = hashlib.md5(b"http://site.test").hexdigest()
    assert path == "/broadcast/"
    assert headers["X-AN-APP-KEY"] == "site-key"
    assert stand.gateway.forms() == [
        {"channel": channel.encode(), "alert": "Closed on Friday é".encode()}
    ]
    assert stand.events("broadcast.requested") == [
        {
            "channel": channel,
            "status": 200,
            "refused": False,
            "answer": None,
            "gateway_broadcast": "b-1",
            "error": None,
        }
    ]


@pytest.mark.parametrize(
    ("status", "text", "shown"),
    [
        (403, "{}", "refused the message with status 403: {}"),
        (302, "", "refused the message with status 302: an empty body"),
        (403, '{"error": "No <b>right</b>"}', "status 403: No &lt;b&gt;right&lt;/b&gt;"),
        (200, '{"error": "Invalid access key"}', "status 200: Invalid access key"),
        (
            200,
            '{"error": ["x"]}',
            "refused the message with status 200: {&#34;error&#34;: [&#34;x&#34;]}",
        ),
        (
            200,
            "<html><title>Welcome</title></html>",
            "refused the message with status 200: Welcome",
        ),
        (200, "[" * 50_000, "The gateway accepted the message."),
        (200, "", "The gateway accepted the message."),
    ],
)
def test_a_refused_broadcast_is_reported(stand, status, text, shown):
    stand.gateway.status, stand.gateway.text = status, text

    async def story():
        sesskey = await stand.log_in("root")
        return await post(stand, BROADCAST, sesskey=sesskey, alert="x")

    _, page = stand.run(story)
    assert shown in page
    (event,) = stand.events("broadcast.requested")
    assert event["refused"] == ("accepted" not in shown)


@pytest.mark.parametrize("fields", [{"alert": "x"}, {"alert": "", "sesskey": None}])
def test_a_broadcast_without_key_or_text_is_not_made(stand, fields):
    async def story():
        sesskey = await stand.log_in("root")
        given = {name: sesskey if value is None else value for name, value in fields.items()}
        status, _ = await post(stand, BROADCAST, **given)
        assert status in (400, 403)

    stand.run(story)
    assert stand.gateway.requests == []
