"""What tests of the live world share: an echo service on a host of its own, and a talkative client.

No test here asserts how long something took. A wait ends with an event; if none comes, the step
fails after `PATIENCE`.
"""

import asyncio
from collections.abc import Callable, Generator, Iterator
from typing import Any, cast

import pytest
import simpy

from sim.kernel.bridge import as_event
from sim.live.hosts import LiveHost
from sim.live.world import LiveWorld
from sim.net.links import Link

PATIENCE = 30.0
"""Wall seconds after which a wait has failed, also on a machine that does much else."""

NEAR = Link(latency=0.0)


class Echo(asyncio.Protocol):
    """Says everything again, in capitals."""

    def __init__(self, service: "Service") -> None:
        self.service = service
        self.heard = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.service.connections.append(self)

    def data_received(self, data: bytes) -> None:
        self.heard += data
        self.service.heard(data)
        self.transport.write(data.upper())

    def connection_lost(self, exc: Exception | None) -> None:
        self.service.lost.append(exc)
        self.service.changed()


class Service:
    """An echo service, and what it saw."""

    def __init__(self, world: LiveWorld, host: LiveHost, port: int) -> None:
        self.host = host
        self.connections: list[Echo] = []
        self.lost: list[Exception | None] = []
        self.changed: Callable[[], None] = lambda: None
        """Called when a connection is lost."""
        self.heard: Callable[[bytes], None] = lambda data: None
        """Called with what is received, before the answer."""
        world.run(self._start(world, host, port))

    def _hang_up(self) -> None:
        for connection in self.connections:
            connection.transport.abort()

    def _start(
        self, world: LiveWorld, host: LiveHost, port: int
    ) -> Generator[simpy.Event, Any, None]:
        async def listen() -> None:
            server = await world.loop.create_server(lambda: Echo(self), "127.0.0.1", 0)
            host.listens(port, *server.sockets[0].getsockname())
            world.at_exit(server.close)
            world.at_exit(self._hang_up)

        yield as_event(world.env, host.start(listen))


class Client(asyncio.Protocol):
    """Keeps what it hears; a process can wait for it."""

    def __init__(self, world: LiveWorld) -> None:
        self._world = world
        self._waiting: list[tuple[Callable[[], bool], simpy.Event]] = []
        self.heard = b""
        self.pieces: list[bytes] = []
        self.ended = False
        self.lost: list[Exception | None] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.heard += data
        self.pieces.append(data)
        self.look()

    def eof_received(self) -> None:
        self.ended = True
        self.look()

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.append(exc)
        self.look()

    def look(self) -> None:
        for condition, event in self._waiting:
            if not event.triggered and condition():
                event.succeed()

    def until(self, condition: Callable[[], bool]) -> Generator[simpy.Event, Any, None]:
        """Wait until it holds; asked whenever something happens to this client."""
        event = self._world.env.event()
        self._waiting.append((condition, event))
        self.look()
        yield event | self._world.env.timeout(PATIENCE)
        assert event.triggered, f"in vain: heard {self.heard!r}, lost {self.lost}"


@pytest.fixture
def world() -> Iterator[LiveWorld]:
    with LiveWorld(1) as world:
        yield world


@pytest.fixture
def service(world: LiveWorld) -> Service:
    return Service(world, world.host("service", link=NEAR), 80)


@pytest.fixture
def phone(world: LiveWorld) -> LiveHost:
    return world.host("phone", link=NEAR)


@pytest.fixture
def talk(world: LiveWorld, phone: LiveHost, service: Service) -> Callable[..., Any]:
    """Runs a story that gets a connected client."""

    def run(story: Callable[[Client], Generator[simpy.Event, Any, Any]]) -> Any:
        def main() -> Generator[simpy.Event, Any, Any]:
            _, client = yield phone.connect("service", 80, lambda: Client(world))
            service.changed = client.look
            return (yield from story(client))

        return world.run(main())

    return run
