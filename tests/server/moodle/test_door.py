"""Every script of the site is refused under another address than `wwwroot`, as Moodle does it."""

import asyncio
import json

import pytest
from pydantic import ValidationError

from server.moodle.app import create_app
from server.moodle.settings import SiteSettings
from tests.server.moodle.test_login import GOOD

SITE = "http://site.test"
WRONG = (
    "Incorrect access detected, this server may be accessed only through"
    ' "http://site.test" address, sorry.<br />Please notify server administrator.'
)
JSON_SCRIPTS = {
    "/login/token.php": "Invalid url or port.",
    "/message/output/airnotifier/rest.php": (
        "Unsupported redirect detected, script execution terminated"
    ),
}


def scripts(settings):
    """(method, path) of everything that the site serves, but what watches over it."""
    app = create_app(SiteSettings.model_validate(settings))
    served = {
        (route.method, route.resource.canonical)
        for route in app.router.routes()
        if route.method != "HEAD"
    }
    return sorted(served - {("GET", "/health")})


async def ask(stand, method, path, **options):
    options.setdefault("allow_redirects", False)
    async with stand.client.request(method, SITE + path, **options) as answer:
        return answer.status, answer.headers, await answer.text()


@pytest.mark.parametrize(
    "host", ["www.site.test", "evil.test", "site.test.evil.test", "127.0.0.1", "site.test@evil"]
)
def test_no_script_serves_another_host(stand, host):
    every = scripts(stand.settings)
    assert len(every) > 15

    async def story():
        await stand.log_in("root")
        for method, path in [*every, ("GET", "/nowhere.php"), ("GET", "//login/token.php")]:
            status, headers, text = await ask(stand, method, path, headers={"Host": host})
            assert status == 200, (method, path)
            assert "Set-Cookie" not in headers, (method, path)
            expected = JSON_SCRIPTS.get(path.replace("//", "/"))
            if expected is None:
                assert WRONG in text, (method, path)
                assert 'http-equiv="refresh" content="3; url=http://site.test"' in text
            else:
                assert json.loads(text)["error"] == expected

    stand.run(story)


def test_a_login_at_another_host_makes_no_token_and_no_session(stand):
    async def story():
        headers = {"Host": "evil.test"}
        await ask(stand, "POST", "/login/token.php", data=GOOD, headers=headers)
        await ask(stand, "POST", "/login/index.php", data=GOOD, headers=headers)

    stand.run(story)
    assert stand.sql("SELECT * FROM external_tokens") == []
    assert stand.sql("SELECT * FROM sessions") == []


@pytest.mark.parametrize(
    ("wwwroot", "host", "served"),
    [
        ("http://site.test", "site.test:80", True),
        ("http://site.test", "SITE.test", True),
        # Without a port in wwwroot Moodle does not look at that of the request.
        ("http://site.test", "site.test:8080", True),
        ("http://site.test:80", "site.test", True),
        ("http://site.test:80", "site.test:81", False),
        ("http://site.test:8080", "site.test:8080", True),
        ("http://site.test:8080", "site.test", False),
        ("http://site.test", "site.test:port", False),
        ("http://site.test", "site.test:99999", False),
    ],
)
def test_the_port_counts_if_wwwroot_names_one(stand, wwwroot, host, served):
    stand.settings["wwwroot"] = wwwroot

    async def story():
        _, _, page = await ask(stand, "GET", "/login/index.php", headers={"Host": host})
        assert ("Incorrect access detected" not in page) is served

    stand.run(story)


def test_an_address_in_the_request_line_counts_for_more_than_the_header(stand):
    async def story():
        texts = []
        for target in ("http://evil.test/login/index.php", "http://site.test/login/index.php"):
            reader, writer = await asyncio.open_connection("site.test", 80)
            request = f"GET {target} HTTP/1.1\r\nHost: site.test\r\nConnection: close\r\n\r\n"
            writer.write(request.encode())
            texts.append((await reader.read()).decode())
            writer.close()
            await writer.wait_closed()
        return texts

    wrong, right = stand.run(story)
    assert "Incorrect access detected" in wrong
    assert "Password" in right


def test_a_client_that_names_no_host_is_let_in(stand):
    async def story():
        reader, writer = await asyncio.open_connection("site.test", 80)
        writer.write(b"GET /login/index.php HTTP/1.0\r\n\r\n")
        page = await reader.read()
        writer.close()
        await writer.wait_closed()
        return page

    assert b"Password" in stand.run(story)


def test_a_site_with_https_refuses_plain_http_everywhere(stand):
    every = scripts(stand.settings)
    stand.settings["wwwroot"] = "https://site.test"

    async def story():
        for method, path in every:
            status, _, text = await ask(stand, method, path)
            assert "only https connections are allowed" in text, (method, path)
            assert status == (200 if path in JSON_SCRIPTS else 503)
        reader, writer = await asyncio.open_connection("site.test", 80)
        target = "https://site.test/login/index.php"
        writer.write(f"GET {target} HTTP/1.1\r\nHost: site.test\r\n\r\n".encode())
        assert b"503" in await reader.readline()
        writer.close()
        await writer.wait_closed()

    stand.run(story)


def test_behind_an_appliance_that_ends_tls_it_serves_and_still_looks_at_the_host(stand):
    stand.settings |= {"wwwroot": "https://site.test", "ssl_proxy": True}

    async def story():
        _, _, page = await ask(stand, "GET", "/login/index.php")
        assert "Password" in page
        _, _, page = await ask(stand, "GET", "/login/index.php", headers={"Host": "evil.test"})
        assert "Incorrect access detected" in page

    stand.run(story)


def test_an_appliance_that_ends_tls_needs_an_https_address(stand):
    with pytest.raises(ValidationError, match="wwwroot must be an https address"):
        SiteSettings.model_validate({**stand.settings, "ssl_proxy": True})


def test_behind_a_reverse_proxy_it_is_asked_under_the_name_of_the_proxy_only(stand):
    stand.settings["reverse_proxy"] = True

    async def story():
        _, _, page = await ask(stand, "GET", "/login/index.php", headers={"Host": "inside"})
        assert "Password" in page
        status, _, page = await ask(stand, "GET", "/login/index.php")
        assert status == 503
        assert "Reverse proxy enabled, server can not be accessed directly" in page

    stand.run(story)


def test_whoever_watches_over_the_process_may_call_it_as_they_like(stand):
    async def story():
        status, _, text = await ask(stand, "GET", "/health", headers={"Host": "10.0.0.1"})
        assert (status, json.loads(text)) == (200, {"status": "ok"})

    stand.run(story)


@pytest.mark.parametrize("wwwroot", ["http://site.test", "http://site.test/moodle"])
def test_several_slashes_count_for_one_as_apache_has_it(stand, wwwroot):
    stand.settings["wwwroot"] = wwwroot
    prefix = wwwroot.removeprefix(SITE)

    async def story():
        for path in ("//login/token.php", "/login///token.php"):
            _, _, text = await ask(stand, "POST", prefix + path, data=GOOD)
            assert "token" in json.loads(text), path
            _, _, text = await ask(stand, "GET", prefix + path, params=GOOD)
            assert "token" in json.loads(text), path
        _, _, text = await ask(stand, "GET", prefix + "//webservice/rest//server.php?wstoken=no")
        assert "invalidtoken" in text
        assert (await ask(stand, "GET", prefix + "//nowhere.php"))[0] == 404
        assert (await ask(stand, "PUT", prefix + "//login/token.php"))[0] == 405

    stand.run(story)
