"""Site processes that share a database go by the same settings."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from server.edge.runner import Runner
from server.moodle import configuration
from server.moodle.app import create_app
from server.moodle.settings import SiteSettings
from tests.server.moodle.conftest import PASSWORDS, Stand

SERVER = "/webservice/rest/server.php"
LOGIN = "/login/token.php"
SECTION = "messagesettingairnotifier"


class Other:
    """A second process of the site, on a host of its own."""

    def __init__(self, client: aiohttp.ClientSession) -> None:
        self._client = client

    async def ask(self, path: str, **fields: str) -> Any:
        url, headers = f"http://second.test{path}", {"Host": "site.test"}
        async with self._client.post(url, data=fields, headers=headers) as answer:
            return await answer.json(content_type=None)

    async def log_in(self) -> Any:
        fields = {"username": "ben", "password": PASSWORDS["ben"]}
        return await self.ask(LOGIN, service="moodle_mobile_app", **fields)

    async def key(self, token: str) -> Any:
        query = f"?moodlewsrestformat=json&wstoken={token}"
        return await self.ask(SERVER + query, wsfunction="message_airnotifier_get_access_key")


@asynccontextmanager
async def another_process(stand: Stand) -> AsyncIterator[Other]:
    host = stand.world.host("second.test")
    runner = Runner(create_app(SiteSettings.model_validate(stand.settings)))

    async def start() -> None:
        await runner.setup()
        await web.TCPSite(runner, "0.0.0.0", 80).start()

    await host.start(start)
    try:
        yield Other(stand.client)
    finally:
        await host.start(runner.cleanup)


async def save(stand: Stand, sesskey: str, **settings: str) -> None:
    fields = {f"s__{name}": value for name, value in settings.items()}
    form = {"section": SECTION, "sesskey": sesskey, **fields}
    async with stand.client.post("http://site.test/admin/settings.php", data=form) as answer:
        assert answer.status == 200


def test_a_setting_saved_in_one_counts_in_the_other_within_a_second(stand: Stand) -> None:
    async def story() -> None:
        async with another_process(stand) as other:
            token = (await other.log_in())["token"]
            sesskey = await stand.log_in("root")
            for number in range(3):
                key = f"key-{number}"
                await save(stand, sesskey, airnotifierdeviceaccesskey=key)
                await asyncio.sleep(1)
                assert await other.key(token) == key

    stand.run(story)
    assert len(stand.events("configuration.changed")) == 3


def test_an_output_switched_off_in_one_is_off_in_the_other(stand: Stand) -> None:
    async def story() -> str:
        async with another_process(stand):
            sesskey = await stand.log_in("root")
            [(number,)] = stand.sql("SELECT id FROM message_processors WHERE name = 'airnotifier'")
            form = {"disable": str(number), "sesskey": sesskey}
            async with stand.client.post("http://site.test/admin/message.php", data=form) as page:
                assert page.status == 200
            await asyncio.sleep(1)
            async with stand.client.get(
                "http://second.test/admin/message.php",
                headers={"Host": "site.test"},
                cookies={each.key: each.value for each in stand.client.cookie_jar},
            ) as page:
                return await page.text()

    page = stand.run(story)
    assert page.count('name="enable"') == 1
    assert page.count('name="disable"') == 2


def test_requests_of_one_second_share_a_look_and_a_site_at_rest_takes_none(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = []
    version = configuration.version

    def counting(connection: Any) -> int | None:
        looks.append(connection)
        return version(connection)

    async def story() -> None:
        token = await stand.token("ben")
        for _ in range(10):
            await asyncio.sleep(1)
        monkeypatch.setattr(configuration, "version", counting)
        for _ in range(20):
            await stand.call(token, "moodle_webservice_get_siteinfo")
        assert len(looks) == 1
        for _ in range(10):
            await asyncio.sleep(1)
        assert len(looks) == 1

    stand.run(story)


def test_a_database_of_an_older_version_gets_a_version_of_its_settings(stand: Stand) -> None:
    async def nothing() -> None: ...

    stand.run(nothing)
    stand.sql("DROP TABLE administration")
    host = stand.world.host("third.test")
    runner = Runner(create_app(SiteSettings.model_validate(stand.settings)))

    async def again() -> None:
        await host.start(runner.setup)
        await host.start(runner.cleanup)

    stand.world.run(again)
    assert stand.sql("SELECT version FROM administration") == [(1,)]
