"""A site in a simulated world, a gateway that writes down what it gets, apps and browsers."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from sqlalchemy import ClauseElement

from server.edge.runner import Runner
from server.moodle.app import create_app
from server.moodle.settings import SiteSettings
from sim.world import World
from tests.databases import database_url, sql

WWWROOT = "http://site.test"
PASSWORDS = {"ana": "Ana-secret1", "ben": "Ben-secret1", "root": "Root-secret1"}


class FakeGateway:
    """Answers every POST, and keeps path, headers and body of each."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, Mapping[str, str], bytes]] = []
        self.status = 200
        self.text = "{}"
        self.hangs = False
        self.chunked = False
        self.push_id: str | None = None
        """What it calls each push; None: by number."""

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/{path:.*}", self._handle)
        return app

    async def _handle(self, request: web.Request) -> web.Response:
        self.requests.append((request.path, request.headers, await request.read()))
        if self.hangs:
            await asyncio.Event().wait()
        push_id = f"push-{len(self.requests)}" if self.push_id is None else self.push_id
        headers = {"X-AN-Push-Id": push_id, "X-AN-Broadcast-Id": "b-1"}
        response = web.Response(text=self.text, status=self.status, headers=headers)
        if self.chunked:
            response.enable_chunked_encoding()
        return response

    def forms(self) -> list[dict[str, bytes]]:
        """The multipart bodies, read the plain way."""
        forms = []
        for _, headers, body in self.requests:
            delimiter = b"--" + headers["Content-Type"].partition("boundary=")[2].encode()
            form = {}
            for part in body.split(delimiter)[1:-1]:
                head, _, value = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
                form[head.split(b'"')[1].decode()] = value.removesuffix(b"\r\n")
            forms.append(form)
        return forms


class Stand:
    """A site with ana (teacher), ben (student) and root (admin), and who talks to it."""

    def __init__(self, world: World, tmp_path: Path, log: list[tuple[str, dict[str, Any]]]) -> None:
        self.world = world
        self.log = log
        self.gateway = FakeGateway()
        self.settings: dict[str, Any] = {
            "wwwroot": WWWROOT,
            "database": database_url(tmp_path / "site.sqlite"),
            "durability": "normal",
            "password_hash": {"time_cost": 1, "memory_cost": 8},
            "users": [
                _user("ana", "Ann", "Sender", "teacher"),
                _user("ben", "Ben", "Reader", "student"),
                _user("root", "Ada", "Admin", "admin"),
            ],
            "airnotifier": {
                "url": "http://gateway.test",
                "app_name": "moodle",
                "access_key": "site-key",
                "device_access_key": "app-key",
            },
            "default_outputs": {"loggedin": ["popup"], "loggedoff": ["popup"]},
        }
        self.client: aiohttp.ClientSession

    def run(self, story: Callable[[], Awaitable[Any]]) -> Any:
        """Start the servers, run the story, stop everything."""
        settings = SiteSettings.model_validate(self.settings)

        async def main() -> Any:
            self.client = self.browser()
            try:
                return await story()
            finally:
                await self.client.close()

        site = self._serve("site.test", Runner(create_app(settings)), 80)
        fake = web.AppRunner(self.gateway.app(), access_log=None, shutdown_timeout=1)
        gateway = self._serve("gateway.test", fake, 8801)
        try:
            return self.world.run(main)
        finally:
            for host, runner in (site, gateway):
                self._on(host, runner.cleanup)

    def _serve(self, name: str, runner: web.AppRunner, port: int) -> tuple[str, web.AppRunner]:
        self.world.host(name)

        async def start() -> None:
            await runner.setup()
            await web.TCPSite(runner, "0.0.0.0", port).start()

        self._on(name, start)
        return name, runner

    def _on(self, name: str, main: Callable[[], Awaitable[Any]]) -> None:
        async def wait() -> None:
            await self.world.hosts[name].start(main)  # type: ignore[arg-type]

        self.world.run(wait)

    def browser(self) -> aiohttp.ClientSession:
        """A client with cookies of its own, as patient as they come."""
        return aiohttp.ClientSession(timeout=aiohttp.ClientTimeout())

    async def token(self, username: str) -> str:
        """Log in as an app does."""
        query = {
            "username": username,
            "password": PASSWORDS[username],
            "service": "moodle_mobile_app",
        }
        async with self.client.get(f"{WWWROOT}/login/token.php", params=query) as answer:
            return str(json.loads(await answer.text())["token"])

    async def call(self, token: str, function: str, **arguments: str) -> Any:
        """Call a web service function; names with brackets come as keywords through `**`."""
        return json.loads(await self.raw_call(token, function, arguments))

    async def raw_call(
        self, token: str, function: str, arguments: Mapping[str, str], form: str = "json"
    ) -> str:
        """The same, as text and in a format to choose."""
        url = f"{WWWROOT}/webservice/rest/server.php?wstoken={token}&moodlewsrestformat={form}"
        async with self.client.post(url, data={"wsfunction": function, **arguments}) as answer:
            assert answer.status == 200
            return await answer.text()

    async def register(self, token: str, push_token: str = "ab" * 32) -> int:
        """Register a phone as the app of 2013 does."""
        device = {
            "device[appname]": "moodle",
            "device[devicenotificationtoken]": push_token,
            "device[devicename]": "Phone",
        }
        return int(await self.call(token, "message_airnotifier_add_user_device", **device))

    async def send(self, token: str, to: int, message: str) -> Any:
        """Send one private message and return the function's result."""
        arguments = {"messages[0][touserid]": str(to), "messages[0][text]": message}
        return await self.call(token, "moodle_message_send_instantmessages", **arguments)

    async def log_in(self, username: str, *, browser: aiohttp.ClientSession | None = None) -> str:
        """Log in with a browser and return the session key that its forms carry."""
        browser = browser or self.client
        page = await self.submit_login(username, PASSWORDS[username], browser=browser)
        return field_of(page, "sesskey")

    async def submit_login(
        self, username: str, password: str, *, browser: aiohttp.ClientSession | None = None
    ) -> str:
        """Open the login form, fill it in and return the page that follows."""
        browser, url = browser or self.client, f"{WWWROOT}/login/index.php"
        async with browser.get(url) as answer:
            token = field_of(await answer.text(), "logintoken")
        fields = {"username": username, "password": password, "logintoken": token}
        async with browser.post(url, data=fields) as answer:
            return await answer.text()

    def sql(self, statement: str | ClauseElement) -> list[tuple[Any, ...]]:
        """Look into the site's database, or change it behind the site's back."""
        return sql(self.settings["database"], statement)

    def events(self, *names: str) -> list[dict[str, Any]]:
        """The fields of logged events of these names, in order."""
        return [fields for name, fields in self.log if name in names]


def field_of(page: str, name: str) -> str:
    """The value of a hidden field of a page."""
    return page.partition(f'name="{name}" value="')[2].partition('"')[0]


def _user(username: str, firstname: str, lastname: str, role: str) -> dict[str, str]:
    return {
        "username": username,
        "password": PASSWORDS[username],
        "firstname": firstname,
        "lastname": lastname,
        "role": role,
    }


class _Keep(logging.Handler):
    def __init__(self, kept: list[tuple[str, dict[str, Any]]]) -> None:
        super().__init__()
        self._kept = kept

    def emit(self, record: logging.LogRecord) -> None:
        self._kept.append((record.event, record.fields))  # type: ignore[attr-defined]


@contextmanager
def open_stand(directory: Path) -> Iterator[Stand]:
    """A stand in a world of its own."""
    log: list[tuple[str, dict[str, Any]]] = []
    logger, handler = logging.getLogger("moodle"), _Keep(log)
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        with World(seed=1) as world:
            yield Stand(world, directory, log)
    finally:
        logger.removeHandler(handler)


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    """A site that is about to start; `settings` may be changed before `run`."""
    with open_stand(tmp_path) as opened:
        yield opened


@pytest.fixture
def make_stand() -> Callable[[Path], AbstractContextManager[Stand]]:
    """For tests that need more than one, one after the other."""
    return open_stand
