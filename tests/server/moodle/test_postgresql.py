"""The site on PostgreSQL as it is deployed: a real loop, requests side by side in database threads,
and a database that goes away and comes back.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from sqlalchemy import create_engine

from server import health
from server.edge.runner import Runner
from server.moodle.app import create_app
from server.moodle.settings import SiteSettings
from tests.databases import WAITING, database_url, need_postgresql, sessions, sql
from tests.postgres import PrivateServer

need_postgresql()

pytestmark = pytest.mark.live

LOGIN = {"username": "ben", "password": "Ben-secret1", "service": "moodle_mobile_app"}
DEVICE = {
    "device[appname]": "moodle",
    "device[devicenotificationtoken]": "ab" * 32,
    "device[devicename]": "Phone",
}
SEND = "moodle_message_send_instantmessages"


class Live:
    """A site on a port of this machine, and who calls it."""

    def __init__(self, url: str) -> None:
        self.database = url
        self.session: aiohttp.ClientSession
        self._url = ""

    async def start(self) -> web.AppRunner:
        runner = Runner(create_app(self._settings()))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self._url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        return runner

    async def ask(self, path: str, **fields: str) -> tuple[int, Any]:
        """Status, and what the answer says: JSON or text."""
        # The site answers to one name only, see `wwwroot`.
        headers = {"Host": "site.test"}
        async with self.session.post(self._url + path, data=fields, headers=headers) as answer:
            json = answer.content_type == "application/json"
            return answer.status, await (answer.json() if json else answer.text())

    async def log_in(self, password: str = LOGIN["password"]) -> tuple[int, Any]:
        return await self.ask("/login/token.php", **{**LOGIN, "password": password})

    async def token(self) -> str:
        return str((await self.log_in())[1]["token"])

    async def call(self, token: str, function: str, **arguments: str) -> Any:
        path = f"/webservice/rest/server.php?wstoken={token}&moodlewsrestformat=json"
        status, document = await self.ask(path, wsfunction=function, **arguments)
        assert status == 200
        return document

    async def health(self) -> tuple[int, Any]:
        async with self.session.get(f"{self._url}/health") as answer:
            return answer.status, await answer.json()

    async def until_waiting(self, count: int) -> None:
        """Until so many transactions of the site wait for the test's."""
        while len(sessions(self.database, WAITING)) < count:
            await asyncio.sleep(0.01)

    def _settings(self) -> SiteSettings:
        ben = {"username": "ben", "password": LOGIN["password"]}
        ben |= {"firstname": "Ben", "lastname": "Reader"}
        return SiteSettings.model_validate(
            {
                "wwwroot": "http://site.test",
                "database": self.database,
                "password_hash": {"time_cost": 1, "memory_cost": 8},
                "users": [
                    {
                        "username": "ben",
                        "password": LOGIN["password"],
                        "firstname": "B",
                        "lastname": "R",
                    }
                ],
            }
        )


def story(url: str, tell: Callable[[Live], Awaitable[None]]) -> None:
    async def main() -> None:
        live = Live(url)
        async with asyncio.timeout(60), aiohttp.ClientSession() as live.session:
            runner = await live.start()
            try:
                await tell(live)
            finally:
                await runner.cleanup()

    asyncio.run(main())


@pytest.fixture
def url(tmp_path: Path) -> str:
    return database_url(tmp_path / "site.db")


@contextmanager
def held(url: str, statement: str) -> Iterator[None]:
    """A transaction of somebody else, which is committed at the end."""
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql(statement)
        yield
    engine.dispose()


HELD_USER = "SELECT id FROM users WHERE username = 'ben' FOR NO KEY UPDATE"


def test_wrong_passwords_that_are_tried_at_once_all_count(url: str) -> None:
    async def tell(live: Live) -> None:
        with held(url, HELD_USER):
            tried = [asyncio.create_task(live.log_in("wrong")) for _ in range(4)]
            await live.until_waiting(4)
        await asyncio.gather(*tried)
        count = "SELECT value FROM user_preferences WHERE name = 'login_failed_count'"
        assert sql(url, count) == [("4",)]

    story(url, tell)


def test_two_first_logins_at_once_get_the_same_token(url: str) -> None:
    async def tell(live: Live) -> None:
        with held(url, HELD_USER):
            logins = [asyncio.create_task(live.token()) for _ in range(4)]
            await live.until_waiting(4)
        assert len(set(await asyncio.gather(*logins))) == 1

    story(url, tell)


def test_a_phone_that_is_registered_twice_at_once_has_one_row(url: str) -> None:
    async def tell(live: Live) -> None:
        token = await live.token()
        with held(url, HELD_USER):
            asked = [
                asyncio.create_task(
                    live.call(token, "message_airnotifier_add_user_device", **DEVICE)
                )
                for _ in range(4)
            ]
            await live.until_waiting(4)
        assert await asyncio.gather(*asked) == [1] * 4

    story(url, tell)


def test_a_registration_does_not_wait_for_a_message_to_its_user(url: str) -> None:
    async def tell(live: Live) -> None:
        token = await live.token()
        # What a row that refers to the user takes.
        with held(url, "SELECT id FROM users FOR KEY SHARE"):
            assert await live.call(token, "message_airnotifier_add_user_device", **DEVICE) == 1

    story(url, tell)


def test_settings_that_two_store_at_once_are_those_of_one(url: str) -> None:
    async def tell(live: Live) -> None:
        # Both find no row, and both insert one.
        insert = "INSERT INTO config (name, value) VALUES ('login_failed_count', '1')"
        nobody = {**LOGIN, "username": "nobody"}
        with held(url, insert):
            tried = [asyncio.create_task(live.ask("/login/token.php", **nobody)) for _ in range(2)]
            await live.until_waiting(2)
        assert [status for status, _ in await asyncio.gather(*tried)] == [200, 200]
        count = "SELECT value FROM config WHERE name = 'login_failed_count'"
        assert sql(url, count) == [("3",)]

    story(url, tell)


def test_a_site_outlives_its_database(
    own_postgresql: PrivateServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "FRESH", 0.0)

    message = {"messages[0][touserid]": "1", "messages[0][text]": "hello"}

    async def tell(live: Live) -> None:
        token = await live.token()
        assert await live.health() == (200, {"status": "ok"})
        await asyncio.to_thread(own_postgresql.crash)
        away = 503, {"status": "the database does not answer"}
        assert await live.health() == away
        assert await live.log_in() == (503, "<p>Error: Database connection failed.</p>")
        assert (await live.call(token, SEND, **message))["errorcode"] == "dmlwriteexception"
        await asyncio.to_thread(own_postgresql.start)
        assert await live.token() == token
        (sent,) = await live.call(token, SEND, **message)
        assert sql(live.database, "SELECT id FROM message") == [(sent["msgid"],)]
        assert await live.health() == (200, {"status": "ok"})

    story(own_postgresql.url, tell)


@pytest.mark.parametrize("user", [2**31, 2**63 - 1])
def test_a_user_id_that_no_user_has_is_no_failure_of_the_database(url: str, user: int) -> None:
    async def tell(live: Live) -> None:
        message = {"messages[0][touserid]": str(user), "messages[0][text]": "hello"}
        (sent,) = await live.call(await live.token(), SEND, **message)
        assert sent["msgid"] == -1

    story(url, tell)
