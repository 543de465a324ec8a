"""The gateway on PostgreSQL as it is deployed: a real loop, database threads, and a database that
is restarted or ends sessions while requests are under way.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from sqlalchemy import Engine, create_engine, event

from server import health
from server.airnotifier import admin, outbox
from server.airnotifier.app import create_app
from server.airnotifier.group_commit import GroupCommit
from server.airnotifier.settings import GatewaySettings
from server.edge.runner import Runner
from tests.databases import WAITING, database_url, end_sessions, need_postgresql, sessions, sql
from tests.postgres import PrivateServer
from tests.server.airnotifier.support import (
    FULL_KEY,
    HEADERS,
    Log,
    gcm_document,
    gcm_token,
)

need_postgresql()

pytestmark = pytest.mark.live

UNSTORED = {"error": "The request could not be stored, try again later"}


class PushService:
    """Google's, which answers when the test lets it."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.asked = asyncio.Event()
        self.tokens: list[str] = []

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/gcm/send", self._send)
        return app

    async def _send(self, request: web.Request) -> web.Response:
        ids = (await request.json())["registration_ids"]
        self.asked.set()
        await self.open.wait()
        self.tokens += ids
        return web.json_response(gcm_document({"message_id": "0:1"} for _ in ids))


class Live:
    """A gateway on a port of this machine, and who calls it."""

    def __init__(self, url: str) -> None:
        self.database = url
        self.google = PushService()
        self.session: aiohttp.ClientSession
        self._runners: list[web.AppRunner] = []
        self._url = ""

    async def start(self) -> None:
        google = await self._serve(web.AppRunner(self.google.app(), access_log=None))
        self._url = await self._serve(Runner(create_app(self._settings(google))))

    async def stop(self) -> None:
        while self._runners:
            await self._runners.pop().cleanup()

    async def ask(self, method: str, path: str, **fields: str) -> tuple[int, Any]:
        async with self.session.request(
            method, f"{self._url}{path}", data=fields, headers=HEADERS
        ) as answer:
            return answer.status, await answer.json()

    async def push(self, token: str) -> int:
        """The number of an accepted push."""
        fields = {"token": token, "alert": "hi"}
        async with self.session.post(
            f"{self._url}/notification/", data=fields, headers=HEADERS
        ) as answer:
            assert answer.status == 200, await answer.text()
            return int(answer.headers["X-AN-Push-Id"])

    def stored(self) -> list[int]:
        return [number for (number,) in sql(self.database, "SELECT id FROM outbox ORDER BY id")]

    async def until_waiting(self) -> None:
        """Until a transaction of the gateway waits for one of the test."""
        while not sessions(self.database, WAITING):
            await asyncio.sleep(0.01)

    async def until_sent(self) -> None:
        """Until nothing is in the outbox any more."""
        while self.stored():
            await asyncio.sleep(0.01)

    async def _serve(self, runner: web.AppRunner) -> str:
        await runner.setup()
        self._runners.append(runner)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}"

    def _settings(self, google: str) -> GatewaySettings:
        gcm = {"url": f"{google}/gcm/send", "api_key": "AIzaSyTest", "backoff_initial": 0.1}
        keys = [{"key": FULL_KEY, "permissions": 15}]
        return GatewaySettings.model_validate(
            {"database": self.database, "apps": [{"name": "moodle", "keys": keys, "gcm": gcm}]}
        )


def story(url: str, tell: Callable[[Live], Awaitable[None]]) -> None:
    async def main() -> None:
        live = Live(url)
        async with asyncio.timeout(60), aiohttp.ClientSession() as live.session:
            await live.start()
            try:
                await tell(live)
            finally:
                live.google.open.set()
                await live.stop()

    asyncio.run(main())


@pytest.fixture
def url(tmp_path: Path) -> str:
    return database_url(tmp_path / "gateway.db")


@contextmanager
def held(url: str, statement: str) -> Iterator[None]:
    """A transaction of somebody else, which is committed at the end."""
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql(statement)
        yield
    engine.dispose()


@pytest.fixture
def handed_in(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The requests that the gateway has handed to its writer so far."""
    units: list[object] = []
    run = GroupCommit.run

    def noted(self: GroupCommit, *unit: Any) -> Any:
        if len(unit) == 2:  # what the gateway reads and forgets has nothing to follow
            units.append(unit)
        return run(self, *unit)

    monkeypatch.setattr(GroupCommit, "run", noted)
    return units


async def until_longer(units: list[object], *, by: int) -> None:
    goal = len(units) + by
    while len(units) < goal:
        await asyncio.sleep(0.01)


def lock(token: str) -> str:
    return f"UPDATE tokens SET device = device WHERE token = '{token}'"


def test_requests_that_register_one_token_at_once_register_it_once(url: str) -> None:
    async def tell(live: Live) -> None:
        asked = [live.ask("POST", f"/tokens/{gcm_token(1)}", channel=f"c{n}") for n in range(50)]
        answers = await asyncio.gather(*asked)
        assert sorted(document["status"] for _, document in answers) == (
            ["ok"] + ["token exists"] * 49
        )
        assert sql(url, "SELECT count(*) FROM tokens") == [(1,)]
        assert sql(url, "SELECT count(*) FROM channels") == [(50,)]

    story(url, tell)


def test_a_token_that_an_administrator_imports_at_the_same_time_exists(url: str) -> None:
    async def tell(live: Live) -> None:
        engine = create_engine(url)
        with engine.begin() as connection:
            assert admin.import_tokens(connection, "moodle", [(gcm_token(1), "android", [])]) == 1
            asked = asyncio.create_task(live.ask("POST", f"/tokens/{gcm_token(1)}"))
            await live.until_waiting()
        assert await asked == (200, {"status": "token exists"})
        engine.dispose()

    story(url, tell)


def test_numbers_follow_the_order_of_acceptance(url: str, log: Log) -> None:
    async def tell(live: Live) -> None:
        numbers = await asyncio.gather(*(live.push(gcm_token(n)) for n in range(300)))
        assert sorted(numbers) == live.stored() == list(range(1, 301))
        assert [entry["push"] for entry in log("push.accepted")] == list(range(1, 301))
        live.google.open.set()
        await live.until_sent()
        assert sorted(live.google.tokens) == [gcm_token(n) for n in range(300)]

    story(url, tell)


def test_requests_that_come_together_share_a_commit(url: str, handed_in: list[object]) -> None:
    commits: list[object] = []
    token = gcm_token(0)

    def count(connection: object) -> None:
        commits.append(connection)

    async def tell(live: Live) -> None:
        await live.push(token)
        with held(url, lock(token)):
            first = asyncio.create_task(live.ask("POST", f"/tokens/{token}"))
            await live.until_waiting()
            pushes = [asyncio.create_task(live.push(gcm_token(n))) for n in range(80)]
            await until_longer(handed_in, by=80)
        event.listen(Engine, "commit", count)
        try:
            await asyncio.gather(first, *pushes)
        finally:
            event.remove(Engine, "commit", count)

    story(url, tell)
    assert len(commits) <= 3  # the first one's, theirs, and a look for what waits in the outbox


def test_numbers_are_not_given_again_after_a_restart(url: str) -> None:
    async def tell(live: Live) -> None:
        live.google.open.set()
        assert await live.push(gcm_token(1)) == 1
        await live.until_sent()
        await live.stop()
        await live.start()
        assert await live.push(gcm_token(1)) == 2

    story(url, tell)


def test_a_gateway_does_not_notice_that_idle_sessions_were_ended(url: str, log: Log) -> None:
    async def tell(live: Live) -> None:
        await asyncio.gather(*(live.push(gcm_token(n)) for n in range(20)))
        assert end_sessions(url) > 0
        numbers = await asyncio.gather(*(live.push(gcm_token(n)) for n in range(20)))
        assert sorted(numbers) == list(range(21, 41))
        assert live.stored() == list(range(1, 41))

    story(url, tell)
    assert log("database.failed") == []


def test_a_session_that_ends_takes_its_requests_with_it_and_nothing_else(
    url: str, log: Log, handed_in: list[object]
) -> None:
    token = gcm_token(1)

    async def tell(live: Live) -> None:
        accepted = [await live.push(gcm_token(n)) for n in range(5)]
        with held(url, lock(token)):
            first = asyncio.create_task(live.ask("POST", f"/tokens/{token}"))
            await live.until_waiting()
            # These share the next transaction, which waits for the same token.
            group = [
                asyncio.create_task(live.ask("POST", f"/tokens/{token}")),
                *(
                    asyncio.create_task(
                        live.ask("POST", "/notification/", token=gcm_token(n), alert="lost")
                    )
                    for n in range(5)
                ),
            ]
            await until_longer(handed_in, by=6)
            assert end_sessions(url, WAITING) == 1
            assert await first == (503, UNSTORED)
            await live.until_waiting()
            assert end_sessions(url, WAITING) == 1
            assert await asyncio.gather(*group) == [(503, UNSTORED)] * 6
        assert live.stored() == accepted
        assert await live.push(token) > accepted[-1]

    story(url, tell)
    assert len(log("database.failed")) == 7


def test_a_gateway_outlives_its_database(
    own_postgresql: PrivateServer, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "FRESH", 0.0)

    async def tell(live: Live) -> None:
        accepted = [await live.push(gcm_token(n)) for n in range(10)]
        assert await live.ask("GET", "/health") == (200, {"status": "ok"})
        await asyncio.to_thread(own_postgresql.crash)
        assert await live.ask("GET", "/health") == (
            503,
            {"status": "the database does not answer"},
        )
        assert await live.ask("POST", "/notification/", token=gcm_token(1), alert="x") == (
            503,
            UNSTORED,
        )
        await asyncio.to_thread(own_postgresql.start)
        accepted.append(await live.push(gcm_token(2)))
        assert live.stored() == accepted
        assert await live.ask("GET", "/health") == (200, {"status": "ok"})

    story(own_postgresql.url, tell)
    assert {entry["error"] for entry in log("database.failed")} == {"OperationalError"}


def test_what_was_sent_while_the_database_was_away_is_not_sent_again(
    own_postgresql: PrivateServer, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "WRITE_AGAIN", 0.1)
    pushes: list[int] = []

    async def tell(live: Live) -> None:
        failed = asyncio.Event()
        asyncio.get_running_loop().set_exception_handler(lambda _, what: failed.set())
        pushes.append(await live.push(gcm_token(1)))
        await live.google.asked.wait()
        await asyncio.to_thread(own_postgresql.crash)
        live.google.open.set()
        await failed.wait()
        await asyncio.to_thread(own_postgresql.start)
        await live.until_sent()
        await live.stop()
        await live.start()
        pushes.append(await live.push(gcm_token(2)))
        await live.until_sent()
        assert live.google.tokens == [gcm_token(1), gcm_token(2)]

    story(own_postgresql.url, tell)
    assert [entry["push"] for entry in log("push.completed")] == pushes


def test_a_gateway_stops_without_its_database(own_postgresql: PrivateServer, log: Log) -> None:
    async def tell(live: Live) -> None:
        await live.push(gcm_token(1))
        await live.google.asked.wait()
        await asyncio.to_thread(own_postgresql.crash)
        live.google.open.set()
        await live.stop()
        assert log("database.failed") == [{"error": "OperationalError"}]
        await asyncio.to_thread(own_postgresql.start)

    story(own_postgresql.url, tell)
