"""Whether somebody watches the segments makes no difference to them."""

import asyncio
from random import Random

import pytest

from sim.net.faults import Loss, Partition
from sim.net.links import LINKS
from sim.world import World


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(1000):
            writer.write(data)
    except ConnectionError:
        pass
    writer.close()


async def talk(rng: Random) -> None:
    reader, writer = await asyncio.open_connection("server", 80)

    async def listen() -> None:
        while data := await reader.read(1000):
            if rng.random() < 0.2:
                writer.write(b"!" * (len(data) % 7))

    listening = asyncio.create_task(listen())
    for _ in range(60):
        writer.write(b"x" * rng.randrange(1, 500))
        await asyncio.sleep(rng.choice([0.0, 0.001, 0.03, 0.2]))
    await asyncio.sleep(60)
    writer.close()
    await asyncio.gather(listening, return_exceptions=True)


def digest(seed: int, *, watched: bool) -> str:
    """Of a conversation through a partition, a lossy while and a spell off the network."""
    rng = Random(seed)
    with World(seed=seed) as world:
        if watched:
            world.network.taps.add(lambda segment: None)
        server, client = world.host("server"), world.host("client", link=LINKS["cellular"])
        server.start(lambda: asyncio.start_server(echo, "0.0.0.0", 80))
        world.run_until(1)
        client.start(lambda: talk(Random(seed + 1)))
        between = ("client", "server")
        direction = rng.choice(["both", "upstream", "downstream"])
        world.faults.add(
            Partition(between=between, direction=direction), at=1 + rng.random(), until=4
        )
        world.faults.add(Loss(between=between, share=0.3), at=4 + rng.random(), until=6)
        away = 1 + 5 * rng.random()
        world.env.call_at(away, client.disconnect)
        world.env.call_at(away + rng.random(), client.reconnect)
        world.run_until(200)
        return world.digest()


@pytest.mark.parametrize("seed", range(20))
def test_a_tap_leaves_the_digest_as_it_is(seed: int) -> None:
    assert digest(seed, watched=True) == digest(seed, watched=False)
