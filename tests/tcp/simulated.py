"""The programs' network in a simulated world."""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator
from typing import Any

from sim.net import dial, retransmission
from sim.net.faults import FaultHandle, Partition
from sim.world import World
from tests.tcp.ends import PORT, Direction, End, Option, Report
from tests.tcp.program import RETRANSMISSIONS, SYN_RETRIES, Program


class SimulatedNet:
    """Two hosts of a world. See `ends.Net`."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._client = world.host("client")
        self._server = world.host("server")
        self._silence: FaultHandle | None = None

    def with_nat(self, idle: float) -> None:
        self._client.set_nat(idle)

    async def listen(self, factory: Callable[[], End]) -> None:
        loop = asyncio.get_running_loop()
        await self._server.start(lambda: loop.create_server(factory, port=PORT))

    async def dial(self, end: End, options: tuple[Option, ...]) -> None:
        async def connect() -> None:
            loop = asyncio.get_running_loop()
            sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            for option in options:
                sock.setsockopt(*option)
            await loop.sock_connect(sock, (self._server.address, PORT))
            await loop.create_connection(lambda: end, sock=sock)

        await self._client.start(connect)

    async def silence(self, direction: Direction = "both") -> None:
        partition = Partition(between=("client", "server"), direction=direction)
        self._silence = self._world.faults.add(partition)

    async def heal(self) -> None:
        assert self._silence is not None
        self._silence.remove()

    async def cut_power(self, _end: End) -> None:
        self._server.crash()

    async def boot(self) -> None:
        self._server.boot()

    async def move(self) -> None:
        self._client.move(self._client.link)


@contextlib.contextmanager
def limits() -> Iterator[None]:
    """The kernel's limits, as low as the programs want them."""
    before = dial.SYN_RETRIES, retransmission.RETRANSMISSIONS
    module: Any = dial
    module.SYN_RETRIES, retransmission.RETRANSMISSIONS = SYN_RETRIES, RETRANSMISSIONS
    try:
        yield
    finally:
        module.SYN_RETRIES, retransmission.RETRANSMISSIONS = before


def run(program: Program) -> Report:
    """What a program finds in a simulated world."""
    report = Report()
    with limits(), World(seed=1) as world:
        net = SimulatedNet(world)
        if program.nat is not None:
            net.with_nat(program.nat)
        world.run(lambda: program.body(net, report))
    return report
