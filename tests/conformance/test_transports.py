"""The simulated transport and asyncio's own on loopback sockets pass the same checks."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest

from sim.kernel.bridge import as_future
from sim.net.links import LINKS
from sim.world import World
from tests.conformance.transports import (
    CHECKS,
    Check,
    check_transport,
    reading_may_be_paused_in_connection_made,
)
from tests.conformance.witness import Pair, Witness

Arm = Callable[[Check], None]

NOT_BEFORE_3_12 = (reading_may_be_paused_in_connection_made,)


async def taken_down(client: Witness, server: Witness) -> None:
    for witness in (client, server):
        if "lost" not in witness.log:
            witness.transport.abort()
            await witness.until_lost()


@contextlib.asynccontextmanager
async def connected(
    address: str, client: Witness, server: Witness, settle: Callable[[], Coroutine[Any, Any, None]]
) -> AsyncIterator[Pair]:
    """A connection over the running loop, whichever that is, to a listener on `address`."""
    loop = asyncio.get_running_loop()
    listener = await loop.create_server(lambda: server, address, 0)
    port = listener.sockets[0].getsockname()[1]
    await loop.create_connection(lambda: client, address, port)
    await server.until(lambda: "made" in server.log)
    try:
        yield Pair(client, server, settle)
    finally:
        listener.close()
        await taken_down(client, server)
        await listener.wait_closed()


def in_simulation(check: Check) -> None:
    async def settle() -> None:
        await asyncio.sleep(1)

    with World(seed=1) as world:
        host = world.operator
        world.run(lambda: check(lambda a, b: connected(host.address, a, b, settle)))
        assert host.connections == {}


def across_the_simulated_network(check: Check) -> None:
    async def settle() -> None:
        await asyncio.sleep(1)

    with World(seed=1) as world:
        host = world.host("server")

        @contextlib.asynccontextmanager
        async def make_pair(client: Witness, server: Witness) -> AsyncIterator[Pair]:
            loop = asyncio.get_running_loop()
            listener = await host.start(lambda: loop.create_server(lambda: server, host.address, 0))
            port = listener.sockets[0].getsockname()[1]
            await loop.create_connection(lambda: client, "server", port)
            await server.until(lambda: "made" in server.log)
            try:
                yield Pair(client, server, settle)
            finally:
                listener.close()
                await taken_down(client, server)

        world.run(lambda: check(make_pair))
        assert host.connections == {}
        assert host.listeners == {}
        assert world.operator.connections == {}


def on_loopback(check: Check) -> None:
    async def settle() -> None:
        # The kernel's loopback delivers within send(): turns of the selector are enough.
        for _ in range(20):
            await asyncio.sleep(0)

    async def main() -> None:
        await check(lambda a, b: connected("127.0.0.1", a, b, settle))

    asyncio.run(main())


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("arm", [in_simulation, across_the_simulated_network, on_loopback])
def test_a_transport_conforms(arm: Arm, check: Check) -> None:
    if arm is on_loopback and check in NOT_BEFORE_3_12 and sys.version_info < (3, 12):
        pytest.skip("asyncio forgot a pause in connection_made() until Python 3.12")
    arm(check)


def test_a_connection_of_a_device_conforms() -> None:
    """`Host.connect` serves protocols without a task and without a context."""

    async def settle() -> None:
        await asyncio.sleep(1)

    with World(seed=1) as world:
        phone, server = world.host("phone", link=LINKS["cellular"]), world.host("server")

        @contextlib.asynccontextmanager
        async def make_pair(ours: Witness, theirs: Witness) -> AsyncIterator[Pair]:
            loop = asyncio.get_running_loop()
            listener = await server.start(lambda: loop.create_server(lambda: theirs, port=80))
            await as_future(loop, phone.connect("server", 80, lambda: ours))
            await theirs.until(lambda: "made" in theirs.log)
            try:
                yield Pair(ours, theirs, settle)
            finally:
                listener.close()
                await taken_down(ours, theirs)

        world.run(lambda: check_transport(make_pair))
        assert phone.connections == server.connections == {}
