"""What a power cut leaves open in this process is closed when the world is over."""

import asyncio
import gc
import sqlite3
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, web
from sqlalchemy import Connection, create_engine, text

from sim.hosts import Host
from sim.world import World
from tests.sim.serving import hello, site_of


class Server:
    """What a server has open: a session with an idle connection, a database within a
    transaction."""

    def __init__(self, database: Path) -> None:
        self._database = database

    async def start(self) -> None:
        self.session = ClientSession()
        async with self.session.get("http://site/") as answer:
            await answer.text()
        self.connector: Any = self.session.connector
        self.engine = create_engine(f"sqlite:///{self._database}")
        self.connection: Connection = self.engine.connect()
        self.connection.execute(text("CREATE TABLE work (done INTEGER)"))
        self.sqlite: Any = self.connection.connection.dbapi_connection

    def is_closed(self) -> bool:
        try:
            self.sqlite.total_changes  # noqa: B018
        except sqlite3.ProgrammingError:
            return self.session.closed and self.connector.closed
        return False


def end(how: Callable[[Host], Any], server: Server) -> None:
    """A world in which the server's host comes to such an end."""
    with World(seed=1) as world:
        site_of(world, web.get("/", hello))
        host = world.host("server")
        host.start(server.start)
        world.run_until(10)
        assert not server.is_closed()
        how(host)


@pytest.mark.parametrize("how", [Host.crash, Host.pause])
def test_sessions_connectors_and_databases_are_closed(
    how: Callable[[Host], Any], tmp_path: Path
) -> None:
    end(how, server := Server(tmp_path / "work.sqlite"))
    assert server.is_closed()


def test_they_are_closed_when_the_world_ends_with_an_error(tmp_path: Path) -> None:
    def fail(_host: Host) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        end(fail, server := Server(tmp_path / "work.sqlite"))
    assert server.is_closed()


def test_what_a_living_host_leaves_open_is_its_own_fault(tmp_path: Path) -> None:
    end(lambda host: None, server := Server(tmp_path / "work.sqlite"))
    assert not server.is_closed()
    server.connection.close()
    server.engine.dispose()
    server.connector._closed = True  # its loop is closed; nobody can close it properly
    server.session.detach()


def test_code_that_waits_on_its_way_out_says_nothing_later() -> None:
    async def stubborn() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            try:
                await asyncio.sleep(1)
            finally:
                await asyncio.sleep(1)

    with World(seed=1) as world:
        host = world.host("server")
        task = host.start(stubborn)
        world.run_until(10)
        host.crash()
    coroutine: Any = task.get_coro()
    assert coroutine.cr_frame is None
    del task, coroutine
    gc.collect()  # an "ignored GeneratorExit" would fail this test


@web.middleware
async def plain(request: web.Request, handler: Any) -> web.StreamResponse:
    return await handler(request)  # type: ignore[no-any-return]


def test_nothing_outside_holds_a_world_that_is_over() -> None:
    async def serve() -> None:
        application = web.Application(middlewares=[plain])  # aiohttp has a cache for these
        application.add_routes([web.get("/", hello)])
        runner = web.AppRunner(application)
        await runner.setup()
        await web.TCPSite(runner, port=80).start()

    async def ask() -> None:
        async with ClientSession() as session, session.get("http://site/") as answer:
            await answer.text()

    with World(seed=1) as world:
        site = world.host("site")
        site.start(serve)
        world.run_until(1)
        world.run(ask)
        site.crash()
        loop = weakref.ref(world.loop)
    del world, site
    gc.collect()
    assert loop() is None
