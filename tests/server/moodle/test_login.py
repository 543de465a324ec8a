"""`/login/token.php` answers as Moodle 2.5 does."""

import json

import pytest
from sqlalchemy import text

URL = "http://site.test/login/token.php"
GOOD = {"username": "ben", "password": "Ben-secret1", "service": "moodle_mobile_app"}


def _error(message):
    return {
        "error": message,
        "stacktrace": None,
        "debuginfo": None,
        "reproductionlink": None,
    }


def test_the_app_of_2013_logs_in_with_get_and_a_meaningless_type(stand):
    async def story():
        async with stand.client.get(URL, params={"type": "POST", **GOOD}) as answer:
            assert answer.status == 200
            assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
            body = json.loads(await answer.text())
        assert list(body) == ["token"]
        assert len(body["token"]) == 32
        int(body["token"], 16)

    stand.run(story)
    assert stand.events("login.succeeded") == [{"user": 2}]


def test_a_second_login_gets_the_same_token(stand):
    async def story():
        return [await stand.token("ben"), await stand.token("ben"), await stand.token("ana")]

    first, second, other = stand.run(story)
    assert first == second != other


def test_the_username_is_trimmed_and_lowered_and_the_body_wins_over_the_query(stand):
    async def story():
        fields = {**GOOD, "username": " BEN "}
        async with stand.client.post(URL + "?username=ana", data=fields) as answer:
            assert "token" in json.loads(await answer.text())

    stand.run(story)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"username": ""}, "A required parameter (username) was missing"),
        ({"username": "", "password": ""}, "A required parameter (username) was missing"),
        ({"password": ""}, "A required parameter (password) was missing"),
        ({"service": ""}, "A required parameter (service) was missing"),
        ({"password": "wrong"}, "The username was not found in the database"),
        ({"username": "nobody"}, "The username was not found in the database"),
        (
            {"service": "other"},
            "Web service is not available (it doesn't exist or might be disabled)",
        ),
    ],
)
def test_errors_have_the_texts_of_2_5_and_no_errorcode(stand, changes, message):
    async def story():
        async with stand.client.post(URL, data={**GOOD, **changes}) as answer:
            assert answer.status == 200
            assert json.loads(await answer.text()) == _error(message)

    stand.run(story)
    assert stand.sql("SELECT * FROM external_tokens") == []


def test_parameters_are_missed_before_web_services_are_found_to_be_off(stand):
    stand.settings["mobile_services"] = False

    async def story():
        async with stand.client.post(URL, data={}) as answer:
            missing = json.loads(await answer.text())["error"]
        async with stand.client.post(URL, data=GOOD) as answer:
            off = json.loads(await answer.text())["error"]
        return missing, off

    assert stand.run(story) == (
        "A required parameter (username) was missing",
        "Web services must be enabled in Advanced features.",
    )


def test_another_host_name_than_that_of_wwwroot_is_refused(stand):
    async def story():
        async with stand.client.get(URL, params=GOOD, headers={"Host": "www.site.test"}) as answer:
            assert json.loads(await answer.text()) == _error("Invalid url or port.")

    stand.run(story)


@pytest.mark.parametrize("change", ["suspended = 1", "deleted = 1", "auth = 'nologin'"])
def test_an_account_that_may_not_log_in_looks_like_a_wrong_password(stand, change):
    async def story():
        stand.sql(text(f"UPDATE users SET {change} WHERE username = 'ben'"))
        async with stand.client.post(URL, data=GOOD) as answer:
            return json.loads(await answer.text())["error"]

    assert stand.run(story) == "The username was not found in the database"
    assert stand.events("login.failed") == [{"reason": "inactive"}]


def test_too_many_wrong_passwords_lock_the_account_for_a_while(stand):
    stand.settings["lockout"] = {"threshold": 3, "window": 600, "duration": 900}

    async def attempt(password):
        async with stand.client.post(URL, data={**GOOD, "password": password}) as answer:
            return "token" in json.loads(await answer.text())

    async def story():
        for _ in range(3):
            assert not await attempt("wrong")
        assert not await attempt("Ben-secret1")
        stand.sql(
            "UPDATE user_preferences SET value = CAST(CAST(value AS INTEGER) - 901 AS VARCHAR) "
            "WHERE name = 'login_lockout'"
        )
        assert await attempt("Ben-secret1")
        assert not await attempt("wrong")
        assert await attempt("Ben-secret1")

    stand.run(story)
    reasons = [event["reason"] for event in stand.events("login.failed")]
    assert reasons == ["wrong_password"] * 3 + ["locked", "wrong_password"]


def test_no_password_and_no_name_reaches_the_log(stand):
    async def story():
        async with stand.client.post(URL, data={**GOOD, "password": "oops-secret"}) as answer:
            await answer.read()
        await stand.token("ben")

    stand.run(story)
    assert "secret" not in repr(stand.log)
    assert "ben" not in repr(stand.log)
