"""Logging in and out with a browser."""

import pytest

from server.moodle.app import create_app
from server.moodle.settings import SiteSettings
from tests.server.moodle.conftest import field_of

LOGIN = "http://site.test/login/index.php"
COOKIE = "MoodleSession"


async def login_form(browser):
    """The key of the login form, and the cookie that came with it."""
    async with browser.get(LOGIN) as answer:
        return field_of(await answer.text(), "logintoken"), answer.headers.get("Set-Cookie")


def cookie_of(browser):
    return {cookie.key: cookie.value for cookie in browser.cookie_jar}.get(COOKIE)


async def is_in(stand, cookie, name="Ben"):
    """Whether somebody with this cookie is logged in."""
    async with stand.browser() as somebody:
        headers = {"Cookie": f"{COOKIE}={cookie}"}
        async with somebody.get("http://site.test/", headers=headers) as answer:
            return f"logged in as {name}" in await answer.text()


def test_a_login_sets_a_cookie_that_scripts_cannot_read_and_leads_to_the_front_page(stand):
    async def story():
        token, _ = await login_form(stand.client)
        fields = {"username": "Ben", "password": "Ben-secret1", "logintoken": token}
        async with stand.client.post(LOGIN, data=fields, allow_redirects=False) as answer:
            assert answer.status == 303
            assert answer.headers["Location"] == "http://site.test/"
            cookie = answer.headers["Set-Cookie"]
        assert cookie.startswith("MoodleSession=")
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie
        assert "Path=/;" in cookie + ";"
        assert "Secure" not in cookie
        async with stand.client.get("http://site.test/") as answer:
            page = await answer.text()
        assert "You are logged in as Ben Reader" in page
        assert "Broadcast" not in page
        return cookie.partition("=")[2].partition(";")[0]

    sid = stand.run(story)
    assert stand.events("login.succeeded") == [{"user": 2}]
    assert sid not in repr(stand.sql("SELECT * FROM sessions"))


def test_a_site_with_https_sends_its_cookies_over_nothing_else_and_to_nobody_else(stand):
    stand.settings |= {"wwwroot": "https://site.test/moodle", "ssl_proxy": True}

    async def story():
        form = "http://site.test/moodle/login/index.php"
        async with stand.client.get(form) as answer:
            token, first = field_of(await answer.text(), "logintoken"), answer.headers["Set-Cookie"]
        fields = {"username": "ben", "password": "Ben-secret1", "logintoken": token}
        headers = {"Cookie": first.partition(";")[0]}
        async with stand.client.post(
            form, data=fields, headers=headers, allow_redirects=False
        ) as answer:
            return first, answer.headers["Set-Cookie"]

    for cookie in stand.run(story):
        for flag in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/moodle/"):
            assert flag in cookie


def test_a_wrong_password_shows_the_form_again(stand):
    async def story():
        before = await stand.submit_login("ben", "wrong")
        cookie = cookie_of(stand.client)
        assert "Invalid login, please try again" in before
        assert not await is_in(stand, cookie)
        token = field_of(before, "logintoken")
        fields = {"username": "ben", "password": "Ben-secret1", "logintoken": token}
        async with stand.client.post(LOGIN, data=fields) as answer:
            assert "You are logged in as Ben" in await answer.text()

    stand.run(story)
    assert stand.events("login.failed") == [{"reason": "wrong_password"}]


@pytest.mark.parametrize("given", ["", "of nobody", "of another browser"])
def test_nobody_is_logged_in_from_elsewhere(stand, given):
    async def story():
        token = given
        if given == "of another browser":
            async with stand.browser() as attacker:
                token, _ = await login_form(attacker)
        await login_form(stand.client)
        before = cookie_of(stand.client)
        fields = {"username": "ben", "password": "Ben-secret1", "logintoken": token}
        async with stand.client.post(LOGIN, data=fields, allow_redirects=False) as answer:
            assert answer.status == 403
            assert "This form is out of date" in await answer.text()
        assert not await is_in(stand, before)

    stand.run(story)
    assert stand.events("login.failed") == [{"reason": "login_token"}]
    assert stand.sql("SELECT * FROM sessions") == []


def test_a_form_without_its_cookie_logs_nobody_in(stand):
    async def story():
        async with stand.browser() as other:
            token, _ = await login_form(other)
        fields = {"username": "ben", "password": "Ben-secret1", "logintoken": token}
        async with stand.client.post(LOGIN, data=fields, allow_redirects=False) as answer:
            return answer.status

    assert stand.run(story) == 403


def test_a_login_never_takes_the_cookie_it_came_with(stand):
    async def story():
        planted = "0123456789abcdef" * 2
        headers = {"Cookie": f"{COOKIE}={planted}"}
        async with stand.client.get(LOGIN, headers=headers) as answer:
            token = field_of(await answer.text(), "logintoken")
        fields = {"username": "ben", "password": "Ben-secret1", "logintoken": token}
        async with stand.client.post(LOGIN, data=fields, headers=headers) as answer:
            await answer.read()
        assert await is_in(stand, cookie_of(stand.client))
        assert not await is_in(stand, planted)

    stand.run(story)


def test_a_new_login_ends_the_session_before_it(stand):
    async def story():
        await stand.log_in("ben")
        first = cookie_of(stand.client)
        assert await is_in(stand, first)
        await stand.log_in("ana")
        assert not await is_in(stand, first)
        assert await is_in(stand, cookie_of(stand.client), "Ann")

    stand.run(story)
    assert stand.sql("SELECT count(*) FROM sessions") == [(1,)]


def test_a_login_in_another_browser_leaves_the_first_alone(stand):
    async def story():
        await stand.log_in("ben")
        async with stand.browser() as other:
            await stand.log_in("ben", browser=other)
        assert await is_in(stand, cookie_of(stand.client))

    stand.run(story)


@pytest.mark.parametrize(
    "change", ["password = 'other'", "role = 'admin'", "auth = 'ldap'", "suspended = 1"]
)
def test_another_password_or_other_rights_end_all_sessions_of_the_account(stand, change):
    async def story():
        await stand.log_in("ben")
        first = cookie_of(stand.client)
        async with stand.browser() as other:
            await stand.log_in("ben", browser=other)
            second = cookie_of(other)
        stand.sql(f"UPDATE users SET {change} WHERE username = 'ben'")
        assert not await is_in(stand, first)
        assert not await is_in(stand, second)

    stand.run(story)


def test_no_page_changes_anything_without_the_key_of_the_session(stand):
    """Every page that takes anything but GET, but the login and what apps use."""
    app = create_app(SiteSettings.model_validate(stand.settings))
    changing = {
        (route.method, route.resource.canonical)
        for route in app.router.routes()
        if route.method not in ("GET", "HEAD")
    }
    free = ("/login/index.php", "/login/token.php", "/webservice/rest/server.php")
    keyed = sorted((method, path) for method, path in changing if path not in free)
    assert len(keyed) == 7

    async def story():
        await stand.log_in("root")
        for method, path in keyed:
            for form in ({}, {"sesskey": ""}, {"sesskey": "0123456789"}):
                query = {"section": "messagesettingairnotifier", "id": "1", **form}
                url = "http://site.test" + path
                async with stand.client.request(method, url, params=query, data=form) as answer:
                    assert answer.status == 403, (method, path)
                    assert "Incorrect sesskey submitted" in await answer.text()
        async with stand.client.get("http://site.test/") as answer:
            assert "logged in as Ada" in await answer.text()

    stand.run(story)


def test_who_is_not_logged_in_is_sent_to_the_login(stand):
    async def story():
        for path in ("/message/edit.php", "/admin/settings.php", "/admin/message.php"):
            url = "http://site.test" + path
            async with stand.client.get(url, allow_redirects=False) as answer:
                assert (answer.status, answer.headers["Location"]) == (303, LOGIN)

    stand.run(story)


def test_logging_out_ends_the_session_for_good(stand):
    async def story():
        sesskey = await stand.log_in("ben")
        cookies = {c.key: c.value for c in stand.client.cookie_jar}
        logout = "http://site.test/login/logout.php"
        async with stand.client.post(logout, data={"sesskey": sesskey}) as answer:
            assert "You are not logged in" in await answer.text()
        async with stand.browser() as thief:
            thief.cookie_jar.update_cookies(cookies)
            async with thief.get("http://site.test/") as answer:
                assert "You are not logged in" in await answer.text()

    stand.run(story)


def test_a_session_ends_after_a_while_without_a_page(stand):
    stand.settings["session_timeout"] = 600

    async def story():
        import asyncio

        await stand.log_in("ben")
        for pause, expected in ((500, True), (500, True), (700, False)):
            await asyncio.sleep(pause)
            async with stand.client.get("http://site.test/") as answer:
                assert ("logged in as Ben" in await answer.text()) is expected

    stand.run(story)


def test_a_suspended_user_is_out_at_once(stand):
    async def story():
        await stand.log_in("ben")
        stand.sql("UPDATE users SET suspended = 1")
        async with stand.client.get("http://site.test/") as answer:
            assert "You are not logged in" in await answer.text()

    stand.run(story)


def test_pages_forbid_foreign_scripts_and_frames(stand):
    async def story():
        async with stand.client.get("http://site.test/") as answer:
            policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy

    stand.run(story)


def test_looking_at_pages_counts_as_being_logged_in_and_calling_functions_does_not(stand):
    async def story():
        await stand.call(await stand.token("ben"), "moodle_webservice_get_siteinfo")
        assert stand.sql("SELECT lastaccess FROM users WHERE username = 'ben'") == [(0,)]
        await stand.log_in("ben")
        ((lastaccess,),) = stand.sql("SELECT lastaccess FROM users WHERE username = 'ben'")
        assert lastaccess == int(stand.world.epoch + stand.world.env.now)

    stand.run(story)
