"""What the gateway's tests share: a world with a gateway in it, and push services to talk to.

The listeners are written from the protocol descriptions, apart from the project's mock services,
so that the gateway's tests do not depend on how those are built. They do what a test tells them to.
"""

import asyncio
import json
import logging
import struct
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from server.airnotifier.app import create_app
from server.airnotifier.settings import GatewaySettings
from server.edge.runner import Runner
from sim.world import World
from tests.databases import database_url

APP_KEY = "a" * 32
SITE_KEY = "b" * 32
FULL_KEY = "c" * 32
HEADERS = {"X-AN-APP-NAME": "moodle", "X-AN-APP-KEY": FULL_KEY}


def apns_token(number: int) -> str:
    return f"{number:064x}"


def gcm_token(number: int) -> str:
    return f"APA91b{number:0140d}"


@dataclass(slots=True)
class Frame:
    """One notification as it arrived."""

    connection: int
    identifier: int
    expiry: int
    token: str
    payload: dict[str, Any]


@dataclass
class ApnsListener:
    """Reads command 1, answers as told, and closes as Apple's gateway does."""

    reject: dict[str, int] = field(default_factory=dict)
    """Token: status of the error packet."""
    hang_up: list[str] = field(default_factory=list)
    """Tokens at which the connection ends without a word."""
    hang_up_always: bool = False
    reading: asyncio.Event | None = None
    """If given, connections are read only while it is set."""
    shutdown_after: int | None = None
    reject_delay: float = 0.3
    close_delay: float = 0.2
    frames: list[Frame] = field(default_factory=list)
    accepted: list[str] = field(default_factory=list)
    discarded: int = 0
    connections: int = 0
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        number = self.connections
        self.writers.append(writer)
        try:
            if not self.hang_up_always:
                await self._read_frames(number, reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _read_frames(
        self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while True:
            if self.reading is not None:
                await self.reading.wait()
            command, identifier, expiry, length = struct.unpack(
                ">BIIH", await reader.readexactly(11)
            )
            assert command == 1
            token = (await reader.readexactly(length)).hex()
            (size,) = struct.unpack(">H", await reader.readexactly(2))
            payload = json.loads(await reader.readexactly(size))
            if token in self.hang_up:
                return
            if token in self.reject:
                await asyncio.sleep(self.reject_delay)
                writer.write(struct.pack(">BBI", 8, self.reject[token], identifier))
                await self._discard(reader)
                return
            self.frames.append(Frame(number, identifier, expiry, token, payload))
            self.accepted.append(token)
            if self.shutdown_after is not None and len(self.accepted) == self.shutdown_after:
                writer.write(struct.pack(">BBI", 8, 10, identifier))
                await self._discard(reader)
                return

    async def _discard(self, reader: asyncio.StreamReader) -> None:
        try:
            async with asyncio.timeout(self.close_delay):
                while data := await reader.read(65536):
                    self.discarded += len(data)
        except TimeoutError:
            pass


@dataclass
class GcmListener:
    """Answers each request with what `answer` makes of its ids, or with a prepared response."""

    answer: Callable[[str], dict[str, str]] = lambda token: {"message_id": f"0:{token[-8:]}"}
    prepared: list[web.Response | float] = field(default_factory=list)
    """For the next requests: a response, or seconds to stay silent."""
    requests: list[dict[str, Any]] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    in_flight: int = 0
    most_in_flight: int = 0
    delay: float = 0.05

    def application(self) -> web.Application:
        app = web.Application(client_max_size=2**20)
        app.router.add_post("/gcm/send", self._send)
        return app

    async def _send(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.requests.append(body)
        self.times.append(asyncio.get_running_loop().time())
        self.headers.append(dict(request.headers))
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            await asyncio.sleep(self.delay)
            if self.prepared:
                prepared = self.prepared.pop(0)
                if isinstance(prepared, web.Response):
                    return prepared
                assert isinstance(prepared, float)
                await asyncio.sleep(prepared)
            return web.json_response(gcm_document(map(self.answer, body["registration_ids"])))
        finally:
            self.in_flight -= 1


def gcm_document(results: Any) -> dict[str, Any]:
    """The envelope around the results of a GCM request."""
    results = list(results)
    failures = sum("error" in result for result in results)
    return {
        "multicast_id": 6782339717028231855,
        "success": len(results) - failures,
        "failure": failures,
        "canonical_ids": sum("registration_id" in result for result in results),
        "results": results,
    }


@dataclass
class Answer:
    """What the gateway said."""

    status: int
    text: str
    headers: dict[str, str]

    @property
    def json(self) -> Any:
        return json.loads(self.text)


class Bench:
    """A world with a gateway, an APNs and a GCM listener, and somebody who calls the gateway."""

    def __init__(self, world: World, settings: dict[str, Any]) -> None:
        self.world = world
        self.settings = settings
        self.apns = ApnsListener()
        self.gcm = GcmListener()
        self.apns_host = world.host("apns")
        self._apns_tls = world.ca.server_context(
            world.ca.issue("apns", names=["apns"]), client_certificates=True
        )
        self._gcm_tls = world.ca.server_context(world.ca.issue("gcm", names=["gcm"]))
        self.gateway_host = world.host("gateway")
        self._gcm_runner = web.AppRunner(self.gcm.application(), access_log=None)
        self._runner: web.AppRunner | None = None
        self.session: aiohttp.ClientSession
        self._apns_server: asyncio.Server | None = None

    def run(self, main: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Start the push services and the gateway, do something, stop the gateway."""

        async def everything() -> None:
            await self.apns_host.start(self.start_apns)
            await self.world.host("gcm").start(self._start_gcm)
            await self.start_gateway()
            # A connection for each request: the gateway may have been restarted in between.
            connector = aiohttp.TCPConnector(force_close=True)
            async with aiohttp.ClientSession(connector=connector) as self.session:
                await main()
            await self.stop_gateway()
            self.stop_apns()
            await self._gcm_runner.cleanup()
            await asyncio.sleep(1)  # the last connections say goodbye

        self.world.run(everything)

    async def start_apns(self) -> None:
        self._apns_server = await asyncio.start_server(
            self.apns.serve, "apns", 2195, ssl=self._apns_tls
        )

    def stop_apns(self) -> None:
        assert self._apns_server is not None
        self._apns_server.close()
        for writer in self.apns.writers:
            writer.close()

    async def _start_gcm(self) -> None:
        await self._gcm_runner.setup()
        await web.TCPSite(self._gcm_runner, "gcm", 443, ssl_context=self._gcm_tls).start()

    async def start_gateway(self) -> None:
        async def start() -> None:
            settings = GatewaySettings.model_validate(self.settings)
            self._runner = Runner(create_app(settings))
            await self._runner.setup()
            await web.TCPSite(self._runner, "gateway", 8801).start()

        await self.gateway_host.start(start)

    async def stop_gateway(self) -> None:
        assert self._runner is not None
        await self.gateway_host.start(self._runner.cleanup)

    async def request(self, method: str, path: str, **options: Any) -> Answer:
        options.setdefault("headers", HEADERS)
        options.setdefault("allow_redirects", False)
        async with self.session.request(
            method, f"http://gateway:8801{path}", **options
        ) as response:
            return Answer(response.status, await response.text(), dict(response.headers))

    async def post(self, path: str, data: Any = None, **options: Any) -> Answer:
        return await self.request("POST", path, data=data, **options)

    async def register(self, token: str, **arguments: str) -> None:
        answer = await self.post(f"/tokens/{token}", arguments)
        assert answer.status == 200, answer

    async def push(self, token: str, alert: str = "hi", **arguments: str) -> int:
        answer = await self.post("/notification/", {"token": token, "alert": alert, **arguments})
        assert answer.status == 200, answer
        return int(answer.headers["X-AN-Push-Id"])


@dataclass
class Log:
    """The gateway's events during a test."""

    records: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def __call__(self, event: str) -> list[dict[str, Any]]:
        return [fields for name, fields in self.records if name == event]


@contextmanager
def recorded_log() -> Iterator[Log]:
    """Collect what the gateway logs, without any formatting."""
    log = Log()

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            log.records.append((record.event, record.fields))  # type: ignore[attr-defined]

    logger = logging.getLogger("airnotifier")
    level, handler = logger.level, Collector()
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield log
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


@contextmanager
def gateway_bench(
    path: Path,
    *,
    seed: int = 1,
    apns: dict[str, Any] | None = None,
    gcm: dict[str, Any] | None = None,
    app: dict[str, Any] | None = None,
    **gateway: Any,
) -> Iterator[Bench]:
    """A bench with the given changes to its settings."""
    with World(seed) as world:
        identity = world.ca.issue("push", uid="com.moodle.app", environments=["production"])
        settings = {
            "database": database_url(path / "gateway.db"),
            "durability": "normal",
            "apps": [
                {
                    "name": "moodle",
                    "keys": [
                        {"key": APP_KEY, "permissions": ["create_token"]},
                        {"key": SITE_KEY, "permissions": ["send_notification", "send_broadcast"]},
                        {"key": FULL_KEY, "permissions": 15},
                    ],
                    "apns": {
                        "host": "apns",
                        "ca_file": world.ca.ca_file,
                        "cert_file": identity.cert_file,
                        "key_file": identity.key_file,
                        **(apns or {}),
                    },
                    "gcm": {
                        "url": "https://gcm/gcm/send",
                        "api_key": "AIzaSyTest",
                        "ca_file": world.ca.ca_file,
                        **(gcm or {}),
                    },
                    **(app or {}),
                },
                {"name": "other", "keys": [{"key": FULL_KEY, "permissions": 15}]},
            ],
            **gateway,
        }
        yield Bench(world, settings)


def ask(path: Path, *requests: tuple[str, str, dict[str, Any]], **settings: Any) -> list[Answer]:
    """Send requests one after the other to a fresh gateway."""
    answers: list[Answer] = []
    with gateway_bench(path, **settings) as bench:

        async def main() -> None:
            for method, url, options in requests:
                answers.append(await bench.request(method, url, **options))

        bench.run(main)
    return answers
