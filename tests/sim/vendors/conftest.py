"""A world with both push services, and peers that speak to them in plain bytes."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from sim.vendors.apns.service import ApnsService
from sim.vendors.apns.settings import ApnsSettings
from sim.vendors.gcm.service import GcmService
from sim.vendors.gcm.settings import GcmSettings, Project
from sim.world import World

APNS = "gateway.push.apple.com"
GCM = "android.googleapis.com"


class Peer(asyncio.Protocol):
    """The other end of a connection: keeps what arrives and when the connection ended."""

    def __init__(self) -> None:
        self.received = b""
        self.writes: list[tuple[float, bytes]] = []
        self.closed_at: float | None = None
        self.error: Exception | None = None
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.received += data
        self.writes.append((asyncio.get_running_loop().time(), data))

    def connection_lost(self, exc: Exception | None) -> None:
        self.error = exc
        self.closed_at = asyncio.get_running_loop().time()

    def take(self) -> bytes:
        """What arrived since the last call."""
        data, self.received = self.received, b""
        return data


class Stand:
    """A test stand. Times in seconds of virtual time."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.events = world.trace.keep()
        self.services: list[ApnsService | GcmService] = []
        self.peers: list[Peer] = []

    def run(self, main: Callable[[], Awaitable[Any]]) -> Any:
        """Run the test's coroutine, then end all connections."""
        result = self.world.run(main)
        self.world.run(self._finish)
        return result

    async def _finish(self) -> None:
        for service in self.services:
            await service.stop()
        for peer in self.peers:
            peer.transport.abort()
        await asyncio.sleep(1)

    def apns(self, **settings: Any) -> ApnsService:
        """Start APNs, without latency unless the settings say otherwise."""
        ca = self.world.ca
        host = self.world.host(APNS)
        service = ApnsService(
            ApnsSettings(**{"latency": 0.0, **settings}),
            host_name=APNS,
            trace=self.world.trace,
            rng=self.world.seeds.stream("apns"),
            provider_tls=ca.server_context(ca.issue(APNS, names=[APNS]), client_certificates=True),
        )
        host.start(service.start)
        self.services.append(service)
        return service

    def gcm(self, **settings: Any) -> GcmService:
        """Start GCM with two projects, without latency unless the settings say otherwise."""
        ca = self.world.ca
        host = self.world.host(GCM)
        projects = (
            Project(sender_id="100", api_keys=("key-of-100",)),
            Project(sender_id="200", api_keys=("key-of-200",)),
        )
        service = GcmService(
            GcmSettings(**{"latency": 0.0, "projects": projects, **settings}),
            host_name=GCM,
            trace=self.world.trace,
            rng=self.world.seeds.stream("gcm"),
            provider_tls=ca.server_context(ca.issue(GCM, names=[GCM])),
        )
        host.start(service.start)
        self.services.append(service)
        return service

    async def connect(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> Peer:
        """A connection from the operator's host."""
        loop = asyncio.get_running_loop()
        _, peer = await loop.create_connection(Peer, host, port, ssl=tls)
        self.peers.append(peer)
        return peer

    async def provider(
        self, topic: str | None = "org.example", environments: tuple[str, ...] = ("production",)
    ) -> Peer:
        """A provider connection with a certificate for `topic`."""
        ca = self.world.ca
        issued = ca.issue("provider", uid=topic, environments=environments)  # type: ignore[arg-type]
        return await self.connect(APNS, 2195, ca.client_context(issued))

    def kinds(self, *wanted: str) -> list[str]:
        """The kinds of vendor events so far, in order; only `wanted` ones if any are named."""
        return [e["kind"] for e in self.named(*wanted)]

    def named(self, *wanted: str) -> list[dict[str, Any]]:
        """The events of these kinds (all vendor events if none is named), in order."""
        return [
            event
            for event in self.events
            if event["kind"].startswith("vendor.") and (not wanted or event["kind"] in wanted)
        ]


@pytest.fixture
def stand() -> Iterator[Stand]:
    with World(seed=1) as world:
        yield Stand(world)
