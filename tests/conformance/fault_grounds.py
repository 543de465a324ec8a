"""Where a body of `faults.py` runs: two hosts with a path between them, in either world.

`Told` remembers what an end was told and when. Moments are asserted by `Ground.takes`: exactly in
the simulated world; at least so long in a live one, which may be slow at any time, but never early.
"""

import asyncio
from collections.abc import Callable, Generator
from typing import Any, cast

import pytest
import simpy

from sim.kernel.bridge import as_event
from sim.live.world import LiveWorld
from sim.net.faults import Fault, FaultHandle
from sim.net.links import Link
from sim.world import World

LATENCY = 0.02
"""Seconds of the path, one way."""

PATIENCE = 60.0
"""Seconds after which a wait was in vain, also on a machine that does much else."""

PORT = 80

Story = Generator[simpy.Event, Any, None]
Body = Callable[["Ground"], Story]


class Told(asyncio.Protocol):
    """One end of a connection, which stays half open after the peer's FIN."""

    def __init__(self, ground: "Ground", greeting: bytes = b"") -> None:
        self._ground = ground
        self._greeting = greeting
        self.arrivals: list[tuple[float, bytes]] = []
        self.ended_at: float | None = None
        self.lost_at: float | None = None
        self.error: BaseException | None = None
        self.transport: Any = None

    @property
    def received(self) -> bytes:
        return b"".join(data for _, data in self.arrivals)

    def had(self, count: int) -> float:
        """When so many bytes had arrived."""
        total = 0
        for moment, data in self.arrivals:
            total += len(data)
            if total >= count:
                return moment
        raise AssertionError(f"{total} bytes arrived, not {count}")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.transport.write(self._greeting)
        self._ground.changed()

    def data_received(self, data: bytes) -> None:
        self.arrivals.append((self._ground.now, data))
        self._ground.changed()

    def eof_received(self) -> bool:
        self.ended_at = self._ground.now
        self._ground.changed()
        return True

    def connection_lost(self, exc: BaseException | None) -> None:
        self.lost_at, self.error = self._ground.now, exc
        self._ground.changed()


class Ground:
    """See the module. `client` and `server` are the hosts; `dial` connects them."""

    def __init__(self, world: World | LiveWorld) -> None:
        self._world: Any = world
        self._waiting: list[tuple[Callable[[], bool], simpy.Event]] = []
        self.live = isinstance(world, LiveWorld)
        link = Link(latency=LATENCY / 2)
        self.client = self._world.host("client", link=link)
        self.server = self._world.host("server", link=link)
        self.accepted: list[Told] = []

    @property
    def now(self) -> float:
        now: float = self._world.env.now
        return now

    def wait(self, seconds: float) -> simpy.Event:
        timeout: simpy.Event = self._world.env.timeout(seconds)
        return timeout

    def begin(self, story: Generator[simpy.Event, Any, Any]) -> simpy.Event:
        """Let it go on by itself; the event happens, with its value, when it ends."""
        process: simpy.Event = self._world.env.process(story)
        return process

    def until(self, condition: Callable[[], object]) -> Story:
        """Wait until it holds; asked whenever an end is told something."""
        event = self._world.env.event()
        self._waiting.append((lambda: bool(condition()), event))
        self.changed()
        yield event | self._world.env.timeout(PATIENCE)
        assert event.triggered, "waited in vain"

    def changed(self) -> None:
        for condition, event in self._waiting:
            if not event.triggered and condition():
                event.succeed()

    def fires(self, fault: Fault, times: int = 1) -> Story:
        """Wait until the fault has changed something: what was written has come to the path."""
        while fault.fired < times:
            yield self.wait(0.001)

    def takes(
        self, start: float, end: float | None, seconds: float, *, at_least: float | None = None
    ) -> None:
        """From `start` to `end` it takes so many seconds; in a live world, these or more, or
        `at_least` so many where it depends on which of two moments comes first.
        """
        assert end is not None
        if self.live:
            assert end - start >= (seconds if at_least is None else at_least) - 0.001
        else:
            assert end - start == pytest.approx(seconds)

    def add(self, fault: Fault) -> FaultHandle:
        handle: FaultHandle = self._world.faults.add(fault)
        return handle

    def listen(self) -> Story:
        async def serve() -> None:
            loop = asyncio.get_running_loop()
            address = self.server.address
            listener = await loop.create_server(self._accept, address, 0 if self.live else PORT)
            if self.live:
                self.server.listens(PORT, *listener.sockets[0].getsockname())
                self._world.at_exit(self._hang_up)
                self._world.at_exit(listener.close)

        yield as_event(self._world.env, self.server.start(serve))

    def _accept(self) -> Told:
        self.accepted.append(Told(self))
        return self.accepted[-1]

    def _hang_up(self) -> None:
        for end in self.accepted:
            if end.lost_at is None:
                end.transport.abort()

    def dial(self, greeting: bytes = b"") -> Generator[simpy.Event, Any, tuple[Told, Told]]:
        """Both ends of a new connection, the client's and the server's. The client greets as soon
        as it is connected.
        """
        before = len(self.accepted)
        _, client = yield self.client.connect("server", PORT, lambda: Told(self, greeting))
        yield from self.until(lambda: len(self.accepted) > before and self.accepted[-1].transport)
        return client, self.accepted[-1]

    def is_refused(self) -> Story:
        """Nobody can connect."""
        with pytest.raises(ConnectionRefusedError):
            yield self.client.connect("server", PORT, lambda: pytest.fail("connected"))


class ProxiedGround(Ground):
    """As a server process dials: from a real socket, through the proxy of its route."""

    def is_refused(self) -> Story:
        """The proxy has answered before it knows; the reset follows."""
        address = self._world.network.route(self.client, "server", PORT)
        loop = self._world.loop
        opening = loop.create_task(loop.create_connection(lambda: Told(self), *address))
        _, client = yield as_event(self._world.env, opening)
        yield from self.until(lambda: client.lost_at is not None)
        assert isinstance(client.error, ConnectionResetError)

    def dial(self, greeting: bytes = b"") -> Generator[simpy.Event, Any, tuple[Told, Told]]:
        before = len(self.accepted)
        address = self._world.network.route(self.client, "server", PORT)
        loop = self._world.loop
        opening = loop.create_task(loop.create_connection(lambda: Told(self, greeting), *address))
        _, client = yield as_event(self._world.env, opening)
        cast(LiveWorld, self._world).at_exit(client.transport.abort)
        yield from self.until(lambda: len(self.accepted) > before and self.accepted[-1].transport)
        return client, self.accepted[-1]


def simulated(body: Body) -> None:
    with World(seed=1) as world:
        _run(Ground(world), world, body)


def live(body: Body) -> None:
    with LiveWorld(seed=1) as world:
        _run(Ground(world), world, body)


def live_from_a_process(body: Body) -> None:
    with LiveWorld(seed=1) as world:
        _run(ProxiedGround(world), world, body)


def _run(ground: Ground, world: Any, body: Body) -> None:
    def main() -> Story:
        yield from ground.listen()
        yield from body(ground)

    world.run(main())


ARMS = (simulated, live, live_from_a_process)
