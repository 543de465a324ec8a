"""The services under test, in a simulated world or on real loopback sockets, behind one face.

A check of a service is a coroutine `check(stage)`. It starts what it needs with `stage.apns()`,
`stage.gcm()` or `stage.gateway()`, speaks to it in bytes over `stage.dial()`, and never learns in
which world it is. The services' code is the same in both; the loop, the clock, the network and, for
the gateway, the threads of its database are simulated in one and real in the other.

Checks do not sleep. What a push service does without answering is seen in `stage.notes`, the
events that it records.
"""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

from aiohttp import web

from server.airnotifier.app import create_app
from server.airnotifier.settings import GatewaySettings
from sim.kernel.seeds import Seeds
from sim.net.tls import CertificateAuthority
from sim.vendors.apns.service import ApnsService
from sim.vendors.apns.settings import ApnsSettings
from sim.vendors.gcm.service import GcmService
from sim.vendors.gcm.settings import GcmSettings, Project
from sim.world import World
from tests.conformance.wire import Wire
from tests.databases import database_url, sql

BUNDLE = "org.example.app"
PACKAGE = "org.example.android"
GATEWAY = "gateway.test"
APNS = "gateway.push.apple.com"
GCM = "android.googleapis.com"

APP_KEYS = {f"{bits:032d}": bits for bits in range(16)}
"""The access keys of the application `moodle`: one for each set of permissions."""
FULL_KEY = f"{15:032d}"

SOON = 0.02
"""Seconds that push services wait before they report an error, and again before they close: short,
because one arm waits for real."""


class Notes:
    """The events that the push services record, for a check to look at and to wait for."""

    def __init__(self) -> None:
        self.all: list[dict[str, Any]] = []
        self._waiters: list[tuple[Callable[[], bool], asyncio.Future[None]]] = []

    def emit(self, kind: str, host: str, /, **fields: Any) -> None:
        self.all.append({"kind": kind, **fields})
        for condition, waiter in self._waiters:
            if not waiter.done() and condition():
                waiter.set_result(None)

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [note for note in self.all if note["kind"] == kind]

    async def until(self, kind: str, count: int = 1) -> None:
        """Wait until so many events of a kind have been recorded."""
        if len(self.of(kind)) < count:
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiters.append((lambda: len(self.of(kind)) >= count, waiter))
            await waiter


class Place(Protocol):
    """A machine that a service runs on."""

    address: str

    def start(self, main: Callable[[], Coroutine[Any, Any, Any]]) -> Awaitable[Any]:
        """Run a coroutine there."""


@dataclass
class Door:
    """Where a service listens. `name` is what its certificate says."""

    name: str
    address: str
    port: int
    service: Any


class Waiting(NamedTuple):
    """A push in the gateway's outbox."""

    token: str
    payload: str
    collapse_key: str | None


class Stage:
    """What a check gets: it starts services, dials them, and everything ends with the check."""

    def __init__(self, place: Callable[[str], Place], directory: Path) -> None:
        self.notes = Notes()
        self.seeds = Seeds(1)
        self.ca = CertificateAuthority(self.seeds)
        self._place = place
        self._directory = directory
        self._doors: dict[Wire, Door] = {}
        self._ends = contextlib.AsyncExitStack()

    async def apns(
        self, *, environment: Literal["development", "production"] = "production", **settings: Any
    ) -> Door:
        """The binary gateway; `door.service.issue()` makes tokens."""
        place = self._place(APNS)
        issued = self.ca.issue(APNS, names=[APNS, place.address])
        service = ApnsService(
            ApnsSettings(**{"latency": 0.0, "reject_delay": SOON, "close_delay": SOON, **settings}),
            host_name=APNS,
            trace=self.notes,
            rng=self.seeds.stream("apns"),
            provider_tls=self.ca.server_context(issued, client_certificates=True),
            environment=environment,
        )
        await place.start(lambda: service.start(place.address, provider_port=0, courier_port=0))
        self._ends.push_async_callback(place.start, service.stop)
        return Door(APNS, place.address, service.ports[0], service)

    async def gcm(self, **settings: Any) -> Door:
        """The HTTP connection server, with projects 100 and 200 and a key for each."""
        place = self._place(GCM)
        projects = tuple(
            Project(sender_id=number, api_keys=(f"key-of-{number}",)) for number in ("100", "200")
        )
        service = GcmService(
            GcmSettings(**{"latency": 0.0, "projects": projects, **settings}),
            host_name=GCM,
            trace=self.notes,
            rng=self.seeds.stream("gcm"),
            provider_tls=self.ca.server_context(self.ca.issue(GCM, names=[GCM, place.address])),
        )
        await place.start(
            lambda: service.start(place.address, https_port=0, mtalk_port=0, http_port=0)
        )
        self._ends.push_async_callback(place.start, service.stop)
        return Door(GCM, place.address, service.ports[0], service)

    async def gateway(self, app: dict[str, Any] | None = None, **settings: Any) -> Door:
        """The gateway with the application `moodle`, all of APP_KEYS, and nobody behind it."""
        place = self._place(GATEWAY)
        provider = self.ca.issue("provider", uid=BUNDLE, environments=["production"])
        moodle = {
            "name": "moodle",
            "keys": [{"key": key, "permissions": bits} for key, bits in APP_KEYS.items()],
            # Nothing listens on port 9: pushes stay in the outbox, which is all that an
            # accepted one promises.
            "apns": {
                "host": place.address,
                "port": 9,
                "cert_file": provider.cert_file,
                "key_file": provider.key_file,
            },
            "gcm": {"url": f"https://{place.address}:9/gcm/send", "api_key": "key-of-100"},
            **(app or {}),
        }
        document = {
            "database": database_url(self._directory / "gateway.db"),
            "durability": "normal",
            "apps": [moodle, {"name": "other", "keys": [{"key": "o" * 32, "permissions": 15}]}],
            **settings,
        }
        runner = web.AppRunner(
            create_app(GatewaySettings.model_validate(document)), access_log=None
        )

        async def serve() -> None:
            await runner.setup()
            await web.TCPSite(runner, place.address, 0).start()

        await place.start(serve)
        self._ends.push_async_callback(place.start, runner.cleanup)
        return Door(GATEWAY, place.address, runner.addresses[0][1], None)

    def outbox(self) -> list[Waiting]:
        """The pushes that the gateway has accepted, oldest first: nothing takes them."""
        url = database_url(self._directory / "gateway.db")
        rows = sql(url, "select token, payload, collapse_key from outbox order by id")
        return [Waiting(*row) for row in rows]

    async def dial(self, door: Door, tls: ssl.SSLContext | None = None) -> Wire:
        """A connection that takes and gives bytes."""
        name = door.name if tls is not None else None
        wire = Wire(
            *await asyncio.open_connection(door.address, door.port, ssl=tls, server_hostname=name)
        )
        self._doors[wire] = door
        self._ends.callback(wire.close)
        return wire

    async def dial_again(self, wire: Wire) -> Wire:
        """Another plain connection to where this one leads."""
        return await self.dial(self._doors[wire])

    def trusting(self, **certificate: Any) -> ssl.SSLContext:
        """For a client that trusts the services and presents a certificate if any is described."""
        issued = self.ca.issue("provider", **certificate) if certificate else None
        return self.ca.client_context(issued)

    async def close(self) -> None:
        await self._ends.aclose()
        self.ca.close()


Check = Callable[[Stage], Awaitable[None]]
Arm = Callable[[Check, Path], None]


def simulated(check: Check, directory: Path) -> None:
    """In a world, across its network; nothing may be left of the check's connections."""
    with World(seed=1) as world:

        async def main() -> None:
            stage = Stage(world.host, directory)
            try:
                await check(stage)
            finally:
                await stage.close()
            await asyncio.sleep(60)

        world.run(main)
        for host in world.hosts.values():
            assert host.connections == {}, host
            assert host.listeners == {}, host


def live(check: Check, directory: Path) -> None:
    """On real loopback sockets, with asyncio's own loop and the machine's clock."""

    class Loopback:
        address = "127.0.0.1"

        async def start(self, main: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
            return await main()

    async def main() -> None:
        async with asyncio.timeout(30), _on(Stage(lambda _: Loopback(), directory)) as stage:
            await check(stage)

    asyncio.run(main())


@contextlib.asynccontextmanager
async def _on(stage: Stage) -> AsyncIterator[Stage]:
    try:
        yield stage
    finally:
        await stage.close()


ARMS: list[Arm] = [simulated, live]
