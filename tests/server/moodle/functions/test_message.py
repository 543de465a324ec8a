"""Sending messages through the web service."""

import pytest

SEND = "moodle_message_send_instantmessages"


def messages(*items):
    return {
        f"messages[{number}][{name}]": str(value)
        for number, item in enumerate(items)
        for name, value in item.items()
    }


def test_one_message_gets_its_id(stand):
    async def story():
        return await stand.send(await stand.token("ana"), 2, "Lab at nine")

    assert stand.run(story) == [{"msgid": 1}]
    assert stand.events("message.created") == [
        {"message": 1, "user_from": 1, "user_to": 2, "pushes": ""}
    ]
    rows = stand.sql(
        "SELECT useridfrom, useridto, subject, smallmessage, fullmessageformat, timecreated"
        " FROM message"
    )
    assert rows == [(1, 2, "New message from Ann Sender", "Lab at nine", 1, rows[0][-1])]


def test_many_messages_get_their_results_in_order(stand):
    async def story():
        token = await stand.token("ana")
        arguments = messages(
            {"touserid": 2, "text": "one", "clientmsgid": "c-1"},
            {"touserid": 99, "text": "two", "clientmsgid": "c-2"},
            {"touserid": 3, "text": "three", "textformat": 2},
            {"touserid": 2, "text": "four"},
        )
        return await stand.call(token, SEND, **arguments)

    assert stand.run(story) == [
        {"clientmsgid": "c-1", "msgid": 1},
        {
            "clientmsgid": "c-2",
            "msgid": -1,
            "errormessage": "You can not send a message to a user id (99) that doesn't exist",
        },
        {"msgid": 2},
        {"msgid": 3},
    ]
    assert stand.sql("SELECT smallmessage, fullmessagehtml <> '' FROM message ORDER BY id") == [
        ("one", 1),
        ("three", 0),
        ("four", 1),
    ]


def test_results_have_their_members_in_the_order_of_moodle(stand):
    async def story():
        arguments = messages(
            {"touserid": 2, "text": "one", "clientmsgid": "c-1"},
            {"touserid": 99, "text": "two", "clientmsgid": "c-2"},
        )
        return await stand.raw_call(await stand.token("ana"), SEND, arguments)

    assert stand.run(story) == (
        '[{"msgid":1,"clientmsgid":"c-1"},{"msgid":-1,"clientmsgid":"c-2","errormessage":'
        '"You can not send a message to a user id (99) that doesn\'t exist"}]'
    )


def test_a_deleted_user_does_not_exist(stand):
    async def story():
        stand.sql("UPDATE users SET deleted = 1 WHERE id = 2")
        return await stand.send(await stand.token("ana"), 2, "hello")

    assert stand.run(story)[0]["msgid"] == -1
    assert stand.sql("SELECT * FROM message") == []


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({}, "invalidparameter"),
        (messages({"touserid": 2}), "invalidparameter"),
        (messages({"touserid": "ben", "text": "x"}), "invalidparameter"),
        (messages({"touserid": 2, "text": "x", "clientmsgid": "a b"}), "invalidparameter"),
        (
            messages({"touserid": 2, "text": "x"}, {"touserid": 2, "text": "y", "textformat": 3}),
            "invalidparameter",
        ),
        (messages({"touserid": 2, "text": "x", "colour": "red"}), "invalidparameter"),
    ],
)
def test_a_bad_call_stores_nothing(stand, arguments, code):
    async def story():
        return await stand.call(await stand.token("ana"), SEND, **arguments)

    assert stand.run(story)["errorcode"] == code
    assert stand.sql("SELECT * FROM message") == []
    assert stand.events("message.created", "push.suppressed") == []


def test_switched_off_messaging_is_an_error(stand):
    stand.settings["messaging"] = False

    async def story():
        return await stand.send(await stand.token("ana"), 2, "hello")

    assert stand.run(story) == {
        "exception": "moodle_exception",
        "errorcode": "disabled",
        "message": "Messaging is disabled on this site",
    }


def test_more_variables_than_php_takes_end_in_an_incomplete_message(stand):
    async def story():
        token = await stand.token("ana")
        # The reserved wsfunction takes the first of the thousand variables.
        arguments = messages(*({"touserid": 2, "text": "x"} for _ in range(500)))
        return await stand.call(token, SEND, **arguments)

    assert stand.run(story)["errorcode"] == "invalidparameter"
    assert stand.sql("SELECT * FROM message") == []
