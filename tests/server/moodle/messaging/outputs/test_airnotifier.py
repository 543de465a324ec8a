"""The requests that reach the gateway."""

import asyncio
import re

import pytest

from server.http_client import MOST_HEADERS
from server.logs import token_ref
from server.moodle.messaging.outputs.airnotifier import push_fields

TOKEN = "ab" * 32


def enable(stand, user=2):
    for state in ("loggedin", "loggedoff"):
        stand.sql(
            "INSERT INTO user_preferences (userid, name, value) VALUES"
            f" ({user}, 'message_provider_moodle_instantmessage_{state}', 'airnotifier')"
        )


def test_a_push_has_the_parts_of_2013_in_their_order(stand):
    async def story():
        enable(stand)
        await stand.register(await stand.token("ben"))
        await stand.send(await stand.token("ana"), 2, "Lab at nine")

    stand.run(story)
    ((path, headers, body),) = stand.gateway.requests
    assert path == "/notification/"
    assert headers["X-AN-APP-NAME"] == "moodle"
    assert headers["X-AN-APP-KEY"] == "site-key"
    assert headers["Accept"] == "application/json"
    assert headers["User-Agent"] == "MoodleBot/1.0"
    assert headers["Content-Length"] == str(len(body))
    ((created,),) = stand.sql("SELECT timecreated FROM message_read")
    boundary = headers["Content-Type"].removeprefix("multipart/form-data; boundary=")
    parts = [
        ("alert", "Lab at nine"),
        ("date", str(created)),
        ("urlparams", '{"user":"2","id":"1"}'),
        ("type", "moodle_instantmessage"),
        ("userfrom", "Ann Sender"),
        ("id", "1"),
        ("token", TOKEN),
    ]
    expected = "".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in parts
    )
    assert body.decode() == expected + f"--{boundary}--\r\n"


class Wire:
    """A gateway that keeps what it gets byte by byte, one entry for each connection."""

    def __init__(self, stand, headers=b""):
        self.connections: list[bytes] = []
        self.headers = headers
        stand.world.host("wire.test")

        async def start() -> None:
            await asyncio.start_server(self._serve, "0.0.0.0", 8801)

        stand._on("wire.test", start)
        stand.settings["airnotifier"]["url"] = "http://wire.test"

    async def _serve(self, reader, writer) -> None:
        self.connections.append(b"")
        place = len(self.connections) - 1
        while data := await reader.read(65536):
            self.connections[place] += data
            if data.endswith(b"--\r\n"):
                writer.write(b"HTTP/1.1 200 OK\r\n" + self.headers + b"Content-Length: 2\r\n\r\n{}")
        writer.close()


def test_a_request_is_the_one_of_2013_byte_for_byte_on_a_connection_of_its_own(stand):
    wire = Wire(stand)

    async def story():
        enable(stand)
        token = await stand.token("ben")
        await stand.register(token)
        await stand.register(token, "second")
        await stand.send(await stand.token("ana"), 2, "Lab at nine")

    stand.run(story)
    first, second = wire.connections
    ((created,),) = stand.sql("SELECT timecreated FROM message_read")
    boundary = first.partition(b"boundary=")[2][:40].decode()
    assert re.fullmatch("-{24}[0-9a-f]{16}", boundary)
    golden = GOLDEN.replace("\n", "\r\n").replace("<boundary>", boundary)
    assert first.decode() == golden.replace("<created>", str(created))
    assert second.endswith(b"\r\n\r\nsecond\r\n--" + second[-44:])
    assert first.count(b"POST ") == second.count(b"POST ") == 1


GOLDEN = """\
POST /notification/ HTTP/1.1
Host: wire.test:8801
User-Agent: MoodleBot/1.0
Accept-Encoding: deflate, gzip
Accept: application/json
X-AN-APP-NAME: moodle
X-AN-APP-KEY: site-key
Content-Length: 844
Content-Type: multipart/form-data; boundary=<boundary>

--<boundary>
Content-Disposition: form-data; name="alert"

Lab at nine
--<boundary>
Content-Disposition: form-data; name="date"

<created>
--<boundary>
Content-Disposition: form-data; name="urlparams"

{"user":"2","id":"1"}
--<boundary>
Content-Disposition: form-data; name="type"

moodle_instantmessage
--<boundary>
Content-Disposition: form-data; name="userfrom"

Ann Sender
--<boundary>
Content-Disposition: form-data; name="id"

1
--<boundary>
Content-Disposition: form-data; name="token"

abababababababababababababababababababababababababababababababab
--<boundary>--
"""


def test_what_the_gateway_called_the_push_is_logged(stand):
    async def story():
        enable(stand)
        await stand.register(await stand.token("ben"))
        await stand.send(await stand.token("ana"), 2, "a secret text")

    stand.run(story)
    assert stand.events("push.requested") == [
        {
            "message": 1,
            "device": 1,
            "token_ref": token_ref(TOKEN),
            "status": 200,
            "refused": False,
            "answer": None,
            "gateway_push": "push-1",
            "error": None,
        }
    ]
    assert "secret" not in repr(stand.log)
    assert TOKEN not in repr(stand.log)


def test_every_enabled_phone_gets_a_request_in_the_order_of_registration(stand):
    async def story():
        enable(stand)
        token = await stand.token("ben")
        for number in range(4):
            await stand.register(token, f"token-{number}")
        stand.sql("UPDATE airnotifier_user_devices SET enable = 0 WHERE id = 2")
        stand.sql("UPDATE airnotifier_user_devices SET appname = 'other' WHERE id = 3")
        await stand.send(await stand.token("ana"), 2, "hello")

    stand.run(story)
    assert [form["token"] for form in stand.gateway.forms()] == [b"token-0", b"token-3"]
    [created] = stand.events("message.created")
    assert created["pushes"] == f"{token_ref('token-0')},{token_ref('token-3')}"
    assert stand.events("push.suppressed") == [
        {"message": 1, "user_to": 2, "reason": "device_disabled", "device": 2}
    ]


def test_a_long_text_is_cut_inside_a_character_and_sent_as_bytes(stand):
    async def story():
        enable(stand)
        await stand.register(await stand.token("ben"))
        await stand.send(await stand.token("ana"), 2, "x" + "é" * 200)

    stand.run(story)
    (form,) = stand.gateway.forms()
    # Ids have one digit here, which leaves 108 bytes: 104 of the text and the dots.
    assert form["alert"] == b"x" + "é".encode() * 51 + b"\xc3" + b"..."


def test_ids_from_the_database_are_texts_and_cost_four_bytes_of_the_message():
    fields = push_fields(
        text="x" * 300,
        date=1367395200,
        urlparams={"user": "9", "id": "4"},
        kind="moodle_instantmessage",
        userfrom="Ann Sender",
        message_id=77,
    )
    # What the plugin of 2013 sends from a database; with numbers for ids it were 110 bytes.
    assert dict(fields)[b"alert"] == b"x" * 103 + b"..."
    assert dict(fields)[b"urlparams"] == b'{"user":"9","id":"4"}'


def test_a_text_in_a_bulk_call_reaches_each_recipient_with_its_own_fields(stand):
    async def story():
        enable(stand)
        enable(stand, user=3)
        await stand.register(await stand.token("ben"), "bens")
        await stand.register(await stand.token("root"), "roots")
        arguments = {
            "messages[0][touserid]": "3",
            "messages[0][text]": "one",
            "messages[1][touserid]": "2",
            "messages[1][text]": "two",
        }
        function = "moodle_message_send_instantmessages"
        await stand.call(await stand.token("ana"), function, **arguments)

    stand.run(story)
    seen = [
        (form["token"], form["alert"], form["id"], form["urlparams"])
        for form in stand.gateway.forms()
    ]
    assert seen == [
        (b"roots", b"one", b"1", b'{"user":"3","id":"1"}'),
        (b"bens", b"two", b"2", b'{"user":"2","id":"1"}'),
    ]


def test_an_answer_with_too_many_headers_is_none(stand):
    Wire(stand, b"X: x\r\n" * MOST_HEADERS)

    async def story():
        enable(stand)
        await stand.register(await stand.token("ben"))
        assert await stand.send(await stand.token("ana"), 2, "hello") == [{"msgid": 1}]

    stand.run(story)
    (event,) = stand.events("push.requested")
    assert (event["status"], event["error"]) == (0, "ClientResponseError")


def test_a_refusal_by_the_gateway_changes_nothing_for_the_sender(stand):
    stand.gateway.status = 400

    async def story():
        enable(stand)
        token = await stand.token("ben")
        for number in range(2):
            await stand.register(token, f"token-{number}")
        assert await stand.send(await stand.token("ana"), 2, "hello") == [{"msgid": 1}]

    stand.run(story)
    events = stand.events("push.requested")
    assert [(event["status"], event["refused"]) for event in events] == [(400, True)] * 2
    assert stand.sql("SELECT count(*) FROM message_read") == [(1,)]


def refused(stand, text="hello"):
    """What the site logs of a push to Ben's phone with this text."""

    async def story():
        enable(stand)
        await stand.register(await stand.token("ben"))
        await stand.send(await stand.token("ana"), 2, text)

    stand.run(story)
    (event,) = stand.events("push.requested")
    return event


@pytest.mark.parametrize("chunked", [False, True])
def test_a_refusal_with_status_200_is_one(stand, chunked):
    stand.gateway.text, stand.gateway.chunked = '{"error": "Invalid access key"}', chunked
    event = refused(stand)
    assert (event["status"], event["refused"]) == (200, True)
    assert event["answer"] == "Invalid access key"


def test_what_a_refusal_repeats_of_the_push_is_not_logged(stand):
    stand.gateway.status = 400
    stand.gateway.text = (
        f'{{"error": "Invalid token {TOKEN}: Lab%20at&#32;nine, Ana Gil, site-key"}}'
    )
    event = refused(stand, "Lab at nine: bring your PIN")
    assert event["answer"] == "Invalid token ***: Lab at ***, Ana Gil, ***"
    for text in (TOKEN, "nine", "site-key"):
        assert text not in repr(stand.log)


@pytest.mark.parametrize(
    ("sent", "logged"),
    [("7", "7"), ("x" * 64, "x" * 64), ("x" * 65, None), ("7 8", None), ("ü", None), ("", None)],
)
def test_what_the_gateway_calls_a_push_is_logged_if_it_can_be_a_name(stand, sent, logged):
    stand.gateway.push_id = sent

    async def story():
        enable(stand)
        await stand.register(await stand.token("ben"))
        await stand.send(await stand.token("ana"), 2, "hello")

    stand.run(story)
    (event,) = stand.events("push.requested")
    assert (event["status"], event["gateway_push"]) == (200, logged)


def test_an_unreachable_gateway_changes_nothing_either(stand):
    stand.settings["airnotifier"]["port"] = 1

    async def story():
        enable(stand)
        await stand.register(await stand.token("ben"))
        assert await stand.send(await stand.token("ana"), 2, "hello") == [{"msgid": 1}]

    stand.run(story)
    (event,) = stand.events("push.requested")
    assert (event["status"], event["gateway_push"]) == (0, None)
    assert event["error"] == "ClientConnectorError"


def test_a_slash_or_port_at_the_end_of_the_address_breaks_it(stand):
    async def story():
        enable(stand)
        await stand.register(await stand.token("ben"))
        await stand.send(await stand.token("ana"), 2, "hello")

    stand.settings["airnotifier"]["url"] = "http://gateway.test:8801"
    stand.run(story)
    (event,) = stand.events("push.requested")
    assert event["status"] == 0
    assert stand.gateway.requests == []


def test_a_gateway_off_the_network_costs_the_sender_thirty_seconds_per_phone(stand):
    async def story():
        enable(stand)
        token = await stand.token("ben")
        for number in range(2):
            await stand.register(token, f"token-{number}")
        sender = await stand.token("ana")
        stand.world.hosts["gateway.test"].disconnect()
        start = stand.world.env.now
        await stand.send(sender, 2, "hello")
        took = stand.world.env.now - start
        stand.world.hosts["gateway.test"].reconnect()
        return took

    assert 60 <= stand.run(story) < 64
    assert len(stand.events("push.requested")) == 2


def test_a_gateway_that_never_answers_holds_the_sender_but_not_the_site(stand):
    stand.gateway.hangs = True

    async def story():
        enable(stand)
        await stand.register(await stand.token("ben"))
        sender = await stand.token("ana")
        sending = asyncio.create_task(stand.send(sender, 2, "hello"))
        await asyncio.sleep(3600)
        assert not sending.done()
        info = await stand.call(sender, "moodle_webservice_get_siteinfo")
        assert info["username"] == "ana"
        # Stored, and not read yet: the push is still being made.
        assert stand.sql("SELECT count(*) FROM message") == [(1,)]
        sending.cancel()

    stand.run(story)


def test_no_connection_to_the_gateway_outlives_its_request(stand):
    async def story():
        enable(stand)
        await stand.register(await stand.token("ben"))
        sender = await stand.token("ana")
        for _ in range(5):
            await stand.send(sender, 2, "hello")
        await asyncio.sleep(1)
        return len(stand.world.hosts["gateway.test"].connections)

    assert stand.run(story) == 0
    assert len(stand.gateway.requests) == 5
