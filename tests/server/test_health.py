"""`/health` says whether a server can accept work, and says it with a write."""

import asyncio
import json
import os
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import MetaData, event

from server import clock, health
from server import database as database_module
from server.database import Database
from server.health import FRESH, OK, Health, health_table
from server.logs import EventLog
from tests.server.edge.processes import KEY, SERVERS, Process, serving

NO_WRITES = "the database takes no writes"


def told(
    path: Path, story: Callable[[Health, Database], Awaitable[Any]], *, read_only: bool = False
) -> Any:
    """What a story about the health of a server on this SQLite file returns."""
    metadata = MetaData()
    table = health_table(metadata)

    async def main() -> Any:
        database = Database(f"sqlite:///{path}")
        try:
            database.create(metadata)
            if read_only:

                @event.listens_for(database.engine, "connect")
                def on_connect(connection: Any, _: Any) -> None:
                    connection.execute("PRAGMA query_only=ON")

                database.engine.dispose()
            found = Health(database.run, table, database.path, EventLog("health"))
            found.open()
            return await story(found, database)
        finally:
            await database.close()

    return asyncio.run(main())


def test_a_database_that_takes_writes_is_healthy(tmp_path: Path) -> None:
    assert told(tmp_path / "x.db", lambda found, _: found.status()) == OK


def test_a_database_that_can_only_be_read_is_not(tmp_path: Path) -> None:
    status = told(tmp_path / "x.db", lambda found, _: found.status(), read_only=True)
    assert status == NO_WRITES


def test_a_locked_database_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_module, "BUSY_TIMEOUT", 0.1)
    monkeypatch.setattr(health, "FRESH", 0.0)

    async def story(found: Health, _: Database) -> list[str]:
        other = sqlite3.connect(tmp_path / "x.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        locked = await found.status()
        other.execute("ROLLBACK")
        other.close()
        return [locked, await found.status()]

    assert told(tmp_path / "x.db", story) == [NO_WRITES, OK]


def test_a_database_that_takes_too_long_is_not_and_is_not_asked_twice_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "PATIENCE", 0.05)
    asked = 0

    async def story(_: Health, database: Database) -> list[str]:
        release = asyncio.Event()

        async def write(_: Any) -> None:
            nonlocal asked
            asked += 1
            await release.wait()

        found = Health(write, health_table(MetaData()), None, EventLog("health"))
        said = [await found.status() for _ in range(3)]
        release.set()
        while await found.status() != OK:
            pass
        return said

    assert told(tmp_path / "x.db", story) == ["the database does not answer"] * 3
    assert asked == 1


def test_a_file_that_is_removed_or_replaced_is_not_the_database_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "FRESH", 0.0)
    path = tmp_path / "x.db"

    async def story(found: Health, _: Database) -> list[str]:
        path.rename(tmp_path / "aside")
        removed = await found.status()
        path.touch()
        replaced = await found.status()
        (tmp_path / "aside").rename(path)
        return [removed, replaced, await found.status()]

    gone = "the database's file is gone"
    assert told(path, story) == [gone, gone, OK]


def test_an_attempt_that_fails_in_a_way_nobody_foresaw_does_not_count_as_health(
    tmp_path: Path,
) -> None:
    async def story(_: Health, database: Database) -> str:
        async def write(_: Any) -> None:
            raise RuntimeError

        return await Health(write, health_table(MetaData()), None, EventLog("health")).status()

    with pytest.raises(RuntimeError):
        told(tmp_path / "x.db", story)


def test_a_server_that_stops_accepts_nothing(tmp_path: Path) -> None:
    async def story(found: Health, _: Database) -> str:
        found.is_stopping = True
        return await found.status()

    assert told(tmp_path / "x.db", story) == "the server is stopping"


def test_however_often_it_is_asked_it_writes_seldom(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    time = 100.0
    monkeypatch.setattr(clock, "monotonic", lambda: time)
    writes: list[str] = []

    async def story(found: Health, database: Database) -> list[int]:
        nonlocal time

        @event.listens_for(database.engine, "before_cursor_execute")
        def ask(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
            writes.append(statement)

        await asyncio.gather(*(found.status() for _ in range(50)))
        first = len(writes)
        for _ in range(50):
            await found.status()
        again = len(writes)
        time += FRESH
        await found.status()
        return [first, again, len(writes)]

    assert told(tmp_path / "x.db", story) == [2, 2, 3]  # the first is an UPDATE and an INSERT


# -- a disk that is full


def in_a_small_disk(folder: Path) -> list[str]:
    """The command that gives the next one a file system of 2 MiB at this folder, for itself."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("needs root and unshare, to mount a small disk for one process")
    mount = f'mount -t tmpfs -o size=2m tmpfs {folder} && exec "$@"'
    within = ["unshare", "--mount", "sh", "-c", mount, "sh"]
    tried = subprocess.run([*within, "true"], capture_output=True, check=False)
    if tried.returncode:
        pytest.skip(f"no file system can be mounted here: {tried.stderr.decode().strip()}")
    return within


def ask(server: Process, method: str, path: str, body: str = "") -> tuple[int, str]:
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: school.example\r\nConnection: close\r\n"
        f"X-AN-APP-NAME: moodle\r\nX-AN-APP-KEY: {KEY}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    answer = server.ask((head + body).encode()).decode()
    status = re.match(r"HTTP/1\.1 (\d+)", answer)
    assert status is not None
    return int(status[1]), answer.partition("\r\n\r\n")[2]


def push(server: Process) -> int:
    document = {"token": "a" * 100, "alert": "hi", "more": "x" * 1000}
    return ask(server, "POST", "/notification/", json.dumps(document))[0]


def until_health_is(server: Process, expected: int) -> str:
    """Ask until an answer is that; the one before may be as old as `FRESH`."""
    while True:
        status, text = ask(server, "GET", "/health")
        if status == expected:
            return text


@pytest.mark.parametrize("name", SERVERS)
def test_a_full_disk_is_told_and_forgotten_when_there_is_room(tmp_path: Path, name: str) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    within = in_a_small_disk(disk)
    database = f"sqlite:///{disk / 'x.db'}"
    with serving(name, tmp_path, within=within, database=database, http={}) as server:
        assert ask(server, "GET", "/health") == (200, '{"status": "ok"}')
        if name == "airnotifier":
            assert push(server) == 200
        seen = Path(f"/proc/{server.running.pid}/root{disk}/fill")
        fill(seen)
        if name == "airnotifier":
            while push(server) == 200:  # as long as what was there has room
                pass
        assert json.loads(until_health_is(server, 503)) == {"status": NO_WRITES}
        seen.unlink()
        until_health_is(server, 200)
        if name == "airnotifier":
            assert push(server) == 200
        assert server.stop() == 0
    assert b"Traceback" not in server.said
    assert server.events("unexpected.failure") == []


def fill(path: Path) -> None:
    """Take all the room that is left."""
    with path.open("wb", buffering=0) as file:
        for size in (65_536, 4096):
            while True:
                try:
                    file.write(bytes(size))
                except OSError:
                    break
