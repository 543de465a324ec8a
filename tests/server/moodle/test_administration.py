"""What an administrator does beside a running site counts there at once."""

import asyncio
import json
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp

from server.database import Database
from server.moodle.admin import delete_user, suspend_user
from tests.databases import database_url

ROOT = Path(__file__).parents[3]
PATIENCE = 60.0
"""Seconds after which the test is given up; it waits for events."""
WWWROOT = "http://school.example"
PASSWORD = "Secret-1"
CHEAP = {"time_cost": 1, "memory_cost": 8}


class School:
    """A site in a process of its own, and its administrator's files."""

    def __init__(self, path: Path) -> None:
        self.config, self.accounts = path / "site.json", path / "accounts.json"
        self.database = database_url(path / "site.db")
        settings = {"wwwroot": WWWROOT, "port": 0, "database": self.database}
        self.config.write_text(json.dumps({**settings, "password_hash": CHEAP}))
        self.url = ""

    def run(self, story: Callable[[], Any]) -> None:
        """Run the story beside the site."""

        async def main() -> None:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "server.moodle", "--config", str(self.config),
                cwd=ROOT, stderr=asyncio.subprocess.PIPE,
            )  # fmt: skip
            assert process.stderr is not None
            try:
                async with asyncio.timeout(PATIENCE):
                    started = json.loads(await process.stderr.readline())
                    self.url = f"http://{started['host']}:{started['port']}"
                    await story()
                    process.send_signal(signal.SIGTERM)
                    await process.communicate()
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.communicate()

        asyncio.run(main())

    async def import_accounts(self, **accounts: Any) -> None:
        self.accounts.write_text(json.dumps(accounts))
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "server.moodle.admin", "--config", str(self.config),
            "import", str(self.accounts), cwd=ROOT,
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        assert await process.wait() == 0

    def change(self, do: Callable[..., None], *arguments: Any, **options: Any) -> None:
        """One of the administrator's functions, in this process."""
        database = Database(self.database, durability="normal")
        try:
            database.run_now(lambda connection: do(connection, *arguments, **options))
        finally:
            database.engine.dispose()

    async def ask(self, path: str, **fields: str) -> dict[str, Any]:
        headers = {"Host": WWWROOT.removeprefix("http://")}
        async with (
            aiohttp.ClientSession(headers=headers) as client,
            client.post(self.url + path, data=fields) as answer,
        ):
            found: dict[str, Any] = json.loads(await answer.text())
            return found

    async def log_in(self, username: str) -> dict[str, Any]:
        service = "moodle_mobile_app"
        fields = {"username": username, "password": PASSWORD, "service": service}
        return await self.ask("/login/token.php", **fields)

    async def call(self, token: str) -> dict[str, Any]:
        path = f"/webservice/rest/server.php?moodlewsrestformat=json&wstoken={token}"
        return await self.ask(path, wsfunction="moodle_webservice_get_siteinfo")


def test_accounts_that_are_imported_suspended_or_deleted_are_so_at_once(tmp_path: Path) -> None:
    school = School(tmp_path)
    ben = {"username": "ben", "firstname": "B", "lastname": "N", "password": PASSWORD}

    async def story() -> None:
        assert "error" in await school.log_in("ben")
        await school.import_accounts(users=[ben])
        token = (await school.log_in("ben"))["token"]
        assert (await school.call(token))["username"] == "ben"

        school.change(suspend_user, "ben")
        assert "exception" in await school.call(token)
        assert "error" in await school.log_in("ben")
        school.change(suspend_user, "ben", suspended=False)
        assert (await school.call(token))["username"] == "ben"

        school.change(delete_user, "ben")
        assert "exception" in await school.call(token)
        assert "error" in await school.log_in("ben")

    school.run(story)
