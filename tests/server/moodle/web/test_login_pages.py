"""Logging in and out with a browser."""

LOGIN = "http://site.test/login/index.php"


def test_a_login_sets_a_cookie_that_scripts_cannot_read_and_leads_to_the_front_page(stand):
    async def story():
        fields = {"username": "Ben", "password": "Ben-secret1"}
        async with stand.client.post(LOGIN, data=fields, allow_redirects=False) as answer:
            assert answer.status == 303
            assert answer.headers["Location"] == "http://site.test/"
            cookie = answer.headers["Set-Cookie"]
        assert cookie.startswith("MoodleSession=")
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie
        assert "Secure" not in cookie
        async with stand.client.get("http://site.test/") as answer:
            page = await answer.text()
        assert "You are logged in as Ben Reader" in page
        assert "Broadcast" not in page
        return cookie.partition("=")[2].partition(";")[0]

    sid = stand.run(story)
    assert stand.events("login.succeeded") == [{"user": 2}]
    assert sid not in repr(stand.sql("SELECT * FROM sessions"))


def test_a_site_with_https_sends_its_cookie_over_nothing_else(stand):
    stand.settings |= {"wwwroot": "https://site.test", "ssl_proxy": True}

    async def story():
        fields = {"username": "ben", "password": "Ben-secret1"}
        async with stand.client.post(LOGIN, data=fields, allow_redirects=False) as answer:
            return answer.headers["Set-Cookie"]

    assert "Secure" in stand.run(story)


def test_a_wrong_password_shows_the_form_again(stand):
    async def story():
        fields = {"username": "ben", "password": "wrong"}
        async with stand.client.post(LOGIN, data=fields) as answer:
            assert "Set-Cookie" not in answer.headers
            return await answer.text()

    assert "Invalid login, please try again" in stand.run(story)
    assert stand.events("login.failed") == [{"reason": "wrong_password"}]


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
