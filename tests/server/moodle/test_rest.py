"""The REST server: what comes before and after a function."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote_from_bytes, urlencode

import pytest
import yarl
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from server.moodle import rest_format

URL = "http://site.test/webservice/rest/server.php"
SITEINFO = "moodle_webservice_get_siteinfo"


def error(exception, code, message):
    return {"exception": exception, "errorcode": code, "message": message}


INVALID_TOKEN = error("moodle_exception", "invalidtoken", "Invalid token - token not found")
NO_ACCESS = error("webservice_access_exception", "accessexception", "Access control exception")
INVALID = error(
    "invalid_parameter_exception", "invalidparameter", "Invalid parameter value detected"
)


def test_an_answer_has_moodle_s_headers(stand):
    async def story():
        token = await stand.token("ben")
        query = {"wstoken": token, "wsfunction": SITEINFO, "moodlewsrestformat": "json"}
        async with stand.client.get(URL, params=query) as answer:
            assert answer.headers["Content-Type"] == "application/json"
            assert answer.headers["Cache-Control"] == (
                "private, must-revalidate, pre-check=0, post-check=0, max-age=0"
            )
            assert answer.headers["Expires"] == "Thu, 01 Jan 1970 00:00:00 GMT"
            assert answer.headers["Pragma"] == "no-cache"
            assert answer.headers["Accept-Ranges"] == "none"
            assert "Access-Control-Allow-Origin" not in answer.headers

    stand.run(story)


def test_the_body_wins_over_the_query(stand):
    async def story():
        token = await stand.token("ben")
        query = {"wstoken": "nonsense", "wsfunction": "nonsense", "moodlewsrestformat": "json"}
        body = {"wstoken": token, "wsfunction": SITEINFO}
        async with stand.client.post(URL, params=query, data=body) as answer:
            assert json.loads(await answer.text())["username"] == "ben"

    stand.run(story)


def test_a_multipart_form_is_a_form(stand):
    import aiohttp

    async def story():
        token = await stand.token("ben")
        body = aiohttp.FormData(default_to_multipart=True)
        for name, value in (("wsfunction", SITEINFO), ("serviceshortnames[0]", "x")):
            body.add_field(name, value)
        query = {"wstoken": token, "moodlewsrestformat": "json"}
        async with stand.client.post(URL, params=query, data=body) as answer:
            assert json.loads(await answer.text())["username"] == "ben"

    stand.run(story)


@pytest.mark.parametrize(
    ("function", "arguments", "expected"),
    [
        ("", {}, INVALID),
        (
            "no_such_function",
            {},
            error(
                "dml_missing_record_exception",
                "invalidrecord",
                "Can not find data record in database table external_functions.",
            ),
        ),
        ("core_webservice_get_site_info", {}, NO_ACCESS),
        ("core_message_send_instant_messages", {}, NO_ACCESS),
        (SITEINFO, {"unknown": "1"}, INVALID),
        (SITEINFO, {"serviceshortnames": "x"}, INVALID),
    ],
)
def test_errors_are_those_of_moodle(stand, function, arguments, expected):
    async def story():
        token = await stand.token("ben")
        assert await stand.call(token, function, **arguments) == expected

    stand.run(story)


@pytest.mark.parametrize("token", ["", "0" * 32, "'; DROP TABLE users --"])
def test_an_unknown_token_is_invalid_whatever_else_is_wrong(stand, token):
    async def story():
        assert await stand.call(token, "no_such_function") == INVALID_TOKEN

    stand.run(story)


def test_without_a_format_the_answer_is_xml(stand):
    async def story():
        token = await stand.token("ben")
        return (
            await stand.raw_call("bad", SITEINFO, {}, form="xml"),
            await stand.raw_call(token, "message_airnotifier_get_access_key", {}, form=""),
            await stand.raw_call(token, SITEINFO, {}, form="yaml"),
        )

    problem, key, info = stand.run(story)
    assert problem == (
        '<?xml version="1.0" encoding="UTF-8" ?>\n'
        '<EXCEPTION class="moodle_exception">\n'
        "<ERRORCODE>invalidtoken</ERRORCODE>\n"
        "<MESSAGE>Invalid token - token not found</MESSAGE>\n"
        "</EXCEPTION>\n"
    )
    assert key == (
        '<?xml version="1.0" encoding="UTF-8" ?>\n<RESPONSE>\n<VALUE>app-key</VALUE>\n</RESPONSE>\n'
    )
    assert '<KEY name="username"><VALUE>ben</VALUE>\n</KEY>' in info


def test_switched_off_web_services_answer_nothing(stand):
    stand.settings["mobile_services"] = False

    async def story():
        assert await stand.raw_call("any", SITEINFO, {}) == ""

    stand.run(story)


@pytest.mark.parametrize("change", ["suspended = 1", "deleted = 1", "auth = 'nologin'"])
def test_a_token_of_an_account_that_was_closed_is_refused(stand, change):
    async def story():
        token = await stand.token("ben")
        stand.sql(f"UPDATE users SET {change} WHERE username = 'ben'")
        assert await stand.call(token, SITEINFO) == NO_ACCESS

    stand.run(story)


def test_an_expired_token_is_refused_once_and_then_unknown(stand):
    async def story():
        token = await stand.token("ben")
        stand.sql("UPDATE external_tokens SET validuntil = timecreated - 1")
        assert await stand.call(token, SITEINFO) == NO_ACCESS
        assert await stand.call(token, SITEINFO) == INVALID_TOKEN

    stand.run(story)


def test_a_token_of_another_service_is_of_no_use(stand):
    async def story():
        token = await stand.token("ben")
        stand.sql("UPDATE external_tokens SET service = 'other'")
        assert await stand.call(token, SITEINFO) == NO_ACCESS

    stand.run(story)


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b'{"wstoken": '),
        ("application/x-www-form-urlencoded", b"%%%&[[[&=&]=\xff\xfe"),
        ("multipart/form-data; boundary=x", b"--x\r\nnonsense"),
        ("multipart/form-data", b"--x--"),
        ("text/plain", b"\0" * 100),
    ],
)
def test_a_body_that_makes_no_sense_is_a_call_without_a_token(stand, content_type, body):
    async def story():
        for _ in range(2):
            async with stand.client.post(
                URL + "?moodlewsrestformat=json", data=body, headers={"Content-Type": content_type}
            ) as answer:
                assert answer.status == 200
                assert json.loads(await answer.text()) == INVALID_TOKEN
        assert (await stand.call(await stand.token("ben"), SITEINFO))["username"] == "ben"

    stand.run(story)


def test_a_body_over_the_limit_is_refused(stand):
    stand.settings["max_body"] = 2000

    async def story():
        body = b"a=" + b"x" * 3000
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        async with stand.client.post(URL, data=body, headers=headers) as answer:
            assert answer.status == 413
            assert "Traceback" not in await answer.text()

    stand.run(story)


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"POST / HTTP/1.1\r\nHost: site.test\r\nContent-Length: x\r\n\r\n",
        b"POST /webservice/rest/server.php HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: site.test\r\nBroken header\r\n\r\n",
    ],
)
def test_what_is_not_http_is_refused_and_the_site_keeps_serving(stand, request_bytes):
    import asyncio

    async def story():
        reader, writer = await asyncio.open_connection("site.test", 80)
        writer.write(request_bytes)
        answer = await reader.read()
        writer.close()
        assert answer.startswith((b"HTTP/1.0 400", b"HTTP/1.1 400"))
        assert b"Traceback" not in answer
        assert (await stand.call(await stand.token("ben"), SITEINFO))["username"] == "ben"

    stand.run(story)


def test_a_database_that_fails_is_an_error_and_leaves_nothing_half_done(stand):
    async def story():
        token = await stand.token("ana")
        stand.sql("ALTER TABLE message_working RENAME TO away")
        assert await stand.send(token, 2, "a secret text") == error(
            "dml_write_exception", "dmlwriteexception", "Error writing to database"
        )
        stand.sql("ALTER TABLE away RENAME TO message_working")
        assert stand.sql("SELECT * FROM message") == []
        # PostgreSQL does not give the number of a message that was not stored a second time.
        (sent,) = await stand.send(token, 2, "hello")
        assert stand.sql("SELECT id FROM message") == [(sent["msgid"],)]

    stand.run(story)
    (event,) = stand.events("database.failed")
    assert event == {"function": "moodle_message_send_instantmessages", "error": "DatabaseError"}
    assert len(stand.events("message.created")) == 1


def test_a_site_below_a_path_answers_there(stand):
    stand.settings["wwwroot"] = "http://site.test/moodle"

    async def story():
        url = "http://site.test/moodle/webservice/rest/server.php?moodlewsrestformat=json"
        async with stand.client.get(url) as answer:
            assert json.loads(await answer.text()) == INVALID_TOKEN

    stand.run(story)


RESERVED = ("wstoken", "wsfunction", "moodlewsrestformat", "moodlewssettingraw")


@settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    values=st.lists(
        st.tuples(st.sampled_from(RESERVED), st.binary(max_size=6), st.booleans()),
        min_size=30,
        max_size=30,
    )
)
@example(
    values=[("wstoken", b"\xff", False), ("wstoken", b"\0", True), ("wstoken", b"\xc3\xa9", True)]
)
def test_no_bytes_in_a_reserved_parameter_are_too_much(make_stand, values):
    async def story(stand):
        token = await stand.token("ben")
        for name, value, in_body in values:
            plain = {"wstoken": token, "wsfunction": SITEINFO, "moodlewsrestformat": "json"}
            plain.pop(name, None)
            coded = f"{name}={quote_from_bytes(value)}&{urlencode(plain)}"
            url = URL if in_body else f"{URL}?{coded}"
            form = {"Content-Type": "application/x-www-form-urlencoded"}
            data = coded if in_body else ""
            async with stand.client.post(
                yarl.URL(url, encoded=True), data=data, headers=form
            ) as answer:
                text = await answer.text()
            assert answer.status == 200
            if name == "wstoken" and value.decode("latin-1") != token:
                assert json.loads(text) == INVALID_TOKEN

    with TemporaryDirectory() as directory, make_stand(Path(directory)) as stand:
        stand.run(lambda: story(stand))


def test_in_xml_truth_is_a_number_and_nothing_has_an_attribute():
    answer = rest_format.answer({"on": True, "off": False, "none": None, "id": 7}, json=False)
    assert answer.body.decode().partition("<RESPONSE>\n")[2] == (
        '<SINGLE>\n<KEY name="on"><VALUE>1</VALUE>\n</KEY>\n'
        '<KEY name="off"><VALUE>0</VALUE>\n</KEY>\n'
        '<KEY name="none"><VALUE null="null"/>\n</KEY>\n'
        '<KEY name="id"><VALUE>7</VALUE>\n</KEY>\n</SINGLE>\n</RESPONSE>\n'
    )
