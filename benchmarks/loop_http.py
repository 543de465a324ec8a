"""aiohttp's client and server exchanging JSON, on three event loops.

The same two coroutines run on real asyncio over loopback sockets, on Airbed's simulated loop and,
where it is installed, on simloop. Client and server share one process, so its CPU time is the cost
of both ends. On the simulated networks a packet takes 20 to 30 ms of virtual time; loopback takes
what it takes. simloop keeps every event of a run in memory and gets slower with the length of a
run: a short run flatters it.
"""

import argparse
import asyncio
import importlib
import json
import sys
import time
from collections.abc import Callable

import aiohttp
from aiohttp import web

PORT = 8080
BODY = {
    "token": "ab" * 32,
    "alert": "Lab at nine",
    "badge": 1,
    "extra": {"id": 17, "type": "message"},
}


async def answer(request: web.Request) -> web.Response:
    message = await request.json()
    return web.json_response({"status": "ok", "alert": message["alert"]})


async def serve(host: str, ready: asyncio.Event, done: asyncio.Event) -> None:
    """The server: one POST handler, no access log."""
    app = web.Application()
    app.router.add_post("/notification/", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, host, PORT).start()
    ready.set()
    await done.wait()
    await runner.cleanup()


async def post(host: str, requests: int, connections: int) -> float:
    """The client: requests per CPU second over keep-alive connections, after a warm-up."""

    async def worker(session: aiohttp.ClientSession, count: int) -> None:
        for _ in range(count):
            async with session.post(url, json=BODY) as response:
                assert response.status == 200
                assert (await response.json())["alert"] == BODY["alert"]

    async def burst(session: aiohttp.ClientSession, each: int) -> None:
        await asyncio.gather(*(worker(session, each) for _ in range(connections)))

    url = f"http://{host}:{PORT}/notification/"
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=connections)) as session:
        await burst(session, 5)
        started = time.process_time()
        await burst(session, requests // connections)
        return requests / (time.process_time() - started)


def on_asyncio(requests: int, connections: int) -> float:
    async def main() -> float:
        ready, done = asyncio.Event(), asyncio.Event()
        server = asyncio.create_task(serve("127.0.0.1", ready, done))
        await ready.wait()
        rate = await post("127.0.0.1", requests, connections)
        done.set()
        await server
        return rate

    return asyncio.run(main())


def on_airbed(requests: int, connections: int) -> float:
    from sim.net.links import Link
    from sim.world import World

    with World(seed=1, wants_connections=False) as world:
        link = Link(latency=0.010, jitter=0.005)  # a path is two of them: 20 to 30 ms
        server_host = world.host("server", link=link)
        client_host = world.host("client", link=link)

        async def main() -> float:
            ready, done = asyncio.Event(), asyncio.Event()
            server = server_host.start(lambda: serve("server", ready, done))
            await ready.wait()
            measured: float = await client_host.start(lambda: post("server", requests, connections))
            done.set()
            await server
            return measured

        rate: float = world.run(main)
        return rate


def on_simloop(requests: int, connections: int) -> float:
    simloop = importlib.import_module("simloop")  # not there on Python 3.11
    loop = simloop.SimLoop(seed=1)
    loop.net.set_defaults(latency=(0.020, 0.030))

    async def main() -> float:
        ready, done = asyncio.Event(), asyncio.Event()
        server = loop.net.host("server").create_task(serve("server", ready, done))
        await ready.wait()
        client = loop.net.host("client").create_task(post("server", requests, connections))
        measured: float = await client
        done.set()
        await server
        return measured

    rate: float = loop.run_until_complete(main())
    return rate


LOOPS: dict[str, Callable[[int, int], float]] = {
    "asyncio": on_asyncio,
    "airbed": on_airbed,
    "simloop": on_simloop,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("loop", choices=LOOPS)
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--connections", type=int, default=50)
    options = parser.parse_args()
    rate = LOOPS[options.loop](options.requests, options.connections)
    json.dump({"requests_per_cpu_second": rate}, sys.stdout)


if __name__ == "__main__":
    main()
