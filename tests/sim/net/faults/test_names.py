"""Names that do not resolve, for those whom the fault means."""

import asyncio
import socket

import pytest

from sim.hosts import Host
from sim.net.faults import DnsFailure
from sim.world import World
from tests.sim.net.exchange import Exchange


def look_up(world: World, host: Host, name: str) -> object:
    """The address, or the error's number."""

    async def main() -> object:
        try:
            found = await asyncio.get_running_loop().getaddrinfo(name, 80)
        except socket.gaierror as error:
            return error.errno
        return found[0][4][0]

    return world.loop.run_until_complete(host.start(main))


@pytest.mark.parametrize(
    ("kind", "number"), [("temporary", socket.EAI_AGAIN), ("unknown", socket.EAI_NONAME)]
)
def test_a_name_fails_for_the_host_that_is_meant(kind: object, number: int) -> None:
    with World(seed=5) as world:
        exchange = Exchange(world)
        client, server = exchange.client_host, exchange.server_host
        fault = DnsFailure(names=("Server",), host="client", kind=kind)  # type: ignore[arg-type]
        with world.faults.during(fault):
            assert look_up(world, client, "server") == number
            assert look_up(world, client, "server.") == number
            assert look_up(world, client, server.address) == server.address
            assert look_up(world, client, "client") == client.address
            assert look_up(world, server, "server") == server.address
            assert fault.fired == 2
        assert look_up(world, client, "server") == server.address


def test_a_device_that_dials_is_told_as_well() -> None:
    with World(seed=5) as world:
        exchange = Exchange(world)
        world.faults.add(DnsFailure(names=("server",)))
        exchange.dial()
        assert isinstance(exchange.dialled.value, socket.gaierror)
        assert exchange.dialled.value.errno == socket.EAI_AGAIN
