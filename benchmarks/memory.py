"""Memory of an idle keep-alive connection to an aiohttp server, both ends together.

The client is aiohttp as well, or the light client of the phones; for comparison, aiohttp at both
ends of real loopback sockets (what the operating system holds for these is not counted).

Resident memory of the process is read twice, at two numbers of open connections, and the slope
taken, so that what exists once does not count. Connections are opened in small batches, each by a
client session of its own (a shared pool would hand out an idle connection instead of a new one):
the memory of one batch's requests is used again by the next and does not show up in the slope.
"""

import argparse
import asyncio
import gc
import json
import sys
from collections.abc import Awaitable, Callable

import aiohttp

from benchmarks.loop_http import BODY, PORT, serve
from devices.http import HttpClient
from sim.hosts import Host
from sim.kernel.bridge import as_future
from sim.world import World

BATCH = 50
FIRST, SECOND = 1_000, 4_000

Grow = Callable[[], Awaitable[None]]
"""Opens one more batch of connections and leaves them idle."""


def resident_bytes() -> int:
    """Resident memory of this process, from the kernel (Linux)."""
    gc.collect()
    with open("/proc/self/status", encoding="ascii") as status:
        line = next(line for line in status if line.startswith("VmRSS:"))
    return int(line.split()[1]) * 1024


async def slope(grow: Grow) -> float:
    """Bytes per connection."""
    sizes = []
    opened = 0
    for target in (FIRST, SECOND):
        while opened < target:
            await grow()
            opened += BATCH
        sizes.append(resident_bytes())
    return (sizes[1] - sizes[0]) / (SECOND - FIRST)


async def aiohttp_client(host: str) -> float:
    sessions: list[aiohttp.ClientSession] = []

    async def touch(session: aiohttp.ClientSession) -> None:
        url = f"http://{host}:{PORT}/notification/"
        async with session.post(url, json=BODY) as response:
            await response.read()

    async def grow() -> None:
        connector = aiohttp.TCPConnector(limit=BATCH, keepalive_timeout=86_400)
        sessions.append(aiohttp.ClientSession(connector=connector))
        await asyncio.gather(*(touch(sessions[-1]) for _ in range(BATCH)))

    result = await slope(grow)
    for session in sessions:
        await session.close()
    return result


async def light_client(host: Host) -> float:
    clients: list[HttpClient] = []
    loop = asyncio.get_running_loop()
    body = json.dumps(BODY).encode()

    async def grow() -> None:
        batch = [HttpClient(host, user_agent="benchmark") for _ in range(BATCH)]
        url = f"http://server:{PORT}/notification/"
        await asyncio.gather(
            *(as_future(loop, client.request("POST", url, body=body)) for client in batch)
        )
        clients.extend(batch)

    result = await slope(grow)
    for client in clients:
        client.close()
    return result


def on_airbed(light: bool) -> float:
    with World(seed=1, wants_connections=False) as world:
        server, client = world.host("server"), world.host("client")

        async def main() -> float:
            ready, done = asyncio.Event(), asyncio.Event()
            serving = server.start(lambda: serve("server", ready, done))
            await ready.wait()
            measure = (
                (lambda: light_client(client)) if light else (lambda: aiohttp_client("server"))
            )
            result: float = await client.start(measure)
            done.set()
            await serving
            return result

        result: float = world.run(main)
        return result


def on_asyncio() -> float:
    async def main() -> float:
        ready, done = asyncio.Event(), asyncio.Event()
        serving = asyncio.create_task(serve("127.0.0.1", ready, done))
        await ready.wait()
        result = await aiohttp_client("127.0.0.1")
        done.set()
        await serving
        return result

    return asyncio.run(main())


MEASUREMENTS: dict[str, Callable[[], float]] = {
    "light": lambda: on_airbed(light=True),
    "aiohttp": lambda: on_airbed(light=False),
    "asyncio": on_asyncio,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("client", choices=MEASUREMENTS)
    result = MEASUREMENTS[parser.parse_args().client]()
    json.dump({"bytes_per_connection": result}, sys.stdout)


if __name__ == "__main__":
    main()
