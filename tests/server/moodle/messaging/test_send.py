"""What happens to a message at the site."""

import pytest

BOTH = ("loggedin", "loggedoff")


def prefer(stand, *outputs, user=2):
    for state in BOTH:
        stand.sql(
            "INSERT INTO user_preferences (userid, name, value) VALUES"
            f" ({user}, 'message_provider_moodle_instantmessage_{state}', '{','.join(outputs)}')"
        )


def counts(stand):
    tables = ("message", "message_working", "message_read", "email_outbox")
    return [stand.sql(f"SELECT count(*) FROM {table}")[0][0] for table in tables]


@pytest.mark.parametrize(
    ("outputs", "expected"),
    [
        (["popup"], [1, 1, 0, 0]),
        (["popup", "airnotifier"], [1, 1, 0, 0]),
        (["airnotifier"], [0, 0, 1, 0]),
        (["email"], [0, 0, 1, 1]),
        (["none"], [1, 0, 0, 0]),
    ],
)
def test_only_popup_and_no_output_at_all_leave_a_message_unread(stand, outputs, expected):
    async def story():
        prefer(stand, *outputs)
        await stand.register(await stand.token("ben"))
        await stand.send(await stand.token("ana"), 2, "hello")

    stand.run(story)
    assert counts(stand) == expected


def test_a_message_keeps_its_contents_when_it_is_read(stand):
    async def story():
        prefer(stand, "airnotifier")
        await stand.send(await stand.token("ana"), 2, "<b>hello</b>")

    stand.run(story)
    rows = stand.sql(
        "SELECT useridfrom, useridto, smallmessage, fullmessage, fullmessagehtml FROM message_read"
    )
    (sender, recipient, small, full, html), *rest = rows
    assert rest == []
    assert (sender, recipient, small) == (1, 2, "<b>hello</b>")
    assert full.startswith("hello\n\n---")
    assert html.startswith("<b>hello</b><br />")
    # The recipient first, then the sender to reply to.
    link = "http://site.test/message/index.php?user=2&id=1"
    tagline = f'This is a copy of a message sent to you at "Airbed". Go to {link} to reply.'
    assert full.endswith(f"---\n{tagline}")
    assert html.endswith(f"---<br />{tagline}")


def test_ids_are_never_used_twice_although_read_messages_leave_the_table(stand):
    async def story():
        prefer(stand, "airnotifier")
        token = await stand.token("ana")
        return [(await stand.send(token, 2, "hello"))[0]["msgid"] for _ in range(3)]

    assert stand.run(story) == [1, 2, 3]


def test_an_e_mail_goes_to_the_outbox_only(stand):
    async def story():
        prefer(stand, "email")
        await stand.send(await stand.token("ana"), 2, "hello")

    stand.run(story)
    ((userid, subject, body),) = stand.sql("SELECT userid, subject, body FROM email_outbox")
    assert (userid, subject) == (2, "New message from Ann Sender")
    assert body.startswith("hello\n")
    assert stand.gateway.requests == []


@pytest.mark.parametrize(
    ("prepare", "reason"),
    [
        ([], "no_device"),
        (["UPDATE user_preferences SET value = 'popup'"], "preference"),
        (["UPDATE user_preferences SET value = 'none'"], "preference"),
        (["UPDATE users SET emailstop = 1"], "emailstop"),
        (["UPDATE users SET suspended = 1 WHERE id = 2"], "recipient_excluded"),
        (["UPDATE users SET auth = 'nologin' WHERE id = 2"], "recipient_excluded"),
    ],
)
def test_a_push_that_is_not_made_has_a_reason(stand, prepare, reason):
    async def story():
        prefer(stand, "airnotifier")
        token = await stand.token("ana")
        for statement in prepare:
            stand.sql(statement)
        await stand.send(token, 2, "hello")

    stand.run(story)
    assert stand.events("push.suppressed") == [
        {"message": 1, "user_to": 2, "reason": reason, "device": None}
    ]
    assert stand.gateway.requests == []


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"airnotifier": {"enabled": False}}, "processor_disabled"),
        ({"airnotifier": {"access_key": ""}}, "not_configured"),
        ({"noemailever": True}, "recipient_excluded"),
        ({"default_outputs": {"permitted": {"airnotifier": "disallowed"}}}, "preference"),
    ],
)
def test_the_site_may_be_the_reason(stand, changes, reason):
    for name, value in changes.items():
        old = stand.settings.get(name)
        stand.settings[name] = {**old, **value} if isinstance(old, dict) else value

    async def story():
        prefer(stand, "airnotifier")
        await stand.register(await stand.token("ben"))
        await stand.send(await stand.token("ana"), 2, "hello")

    stand.run(story)
    assert [event["reason"] for event in stand.events("push.suppressed")] == [reason]
    assert stand.gateway.requests == []
