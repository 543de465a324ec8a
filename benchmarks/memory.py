"""Memory of an idle keep-alive aiohttp connection on the simulated network, both ends together.

Resident memory of the process is read twice, at two numbers of open connections, and the slope
taken, so that what exists once does not count. Connections are opened in small batches, each by a
client session of its own (a shared pool would hand out an idle connection instead of a new one):
the memory of one batch's requests is used again by the next and does not show up in the slope.
"""

import asyncio
import gc
import json
import sys

import aiohttp

from benchmarks.loop_http import PORT, serve
from sim.world import World

BATCH = 50
FIRST, SECOND = 1_000, 6_000


def resident_bytes() -> int:
    """Resident memory of this process, from the kernel (Linux)."""
    gc.collect()
    with open("/proc/self/status", encoding="ascii") as status:
        line = next(line for line in status if line.startswith("VmRSS:"))
    return int(line.split()[1]) * 1024


def bytes_per_connection() -> float:
    with World(seed=1) as world:
        server_host, client_host = world.host("server"), world.host("client")

        async def client() -> float:
            sessions: list[aiohttp.ClientSession] = []

            async def touch(session: aiohttp.ClientSession) -> None:
                url = f"http://server:{PORT}/notification/"
                async with session.post(url, json={"alert": "Lab at nine"}) as response:
                    await response.read()

            async def grow_to(connections: int) -> int:
                while len(sessions) * BATCH < connections:
                    session = aiohttp.ClientSession(
                        connector=aiohttp.TCPConnector(limit=BATCH, keepalive_timeout=86_400)
                    )
                    sessions.append(session)
                    await asyncio.gather(*(touch(session) for _ in range(BATCH)))
                return resident_bytes()

            before, after = await grow_to(FIRST), await grow_to(SECOND)
            slope = (after - before) / (SECOND - FIRST)
            for session in sessions:
                await session.close()
            return slope

        async def main() -> float:
            ready, done = asyncio.Event(), asyncio.Event()
            server = server_host.start(lambda: serve("server", ready, done))
            await ready.wait()
            result: float = await client_host.start(client)
            done.set()
            await server
            return result

        return world.run(main)


def main() -> None:
    json.dump({"bytes_per_connection": bytes_per_connection()}, sys.stdout)


if __name__ == "__main__":
    main()
