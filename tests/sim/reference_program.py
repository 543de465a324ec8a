"""A small program that uses much of aiohttp on several hosts; prints its wire digest per seed.

    python tests/sim/reference_program.py SEED...

It runs on every Python that is supported, so it must not name versions on the wire: aiohttp's own
Server and User-Agent headers do.
"""

import asyncio
import hashlib
import secrets
import ssl
import sys
import uuid
from typing import Any

import aiohttp
from aiohttp import web

from sim.hosts import Host
from sim.net.links import LINKS
from sim.world import World


async def name_the_server(request: web.Request, response: web.StreamResponse) -> None:
    response.headers["Server"] = "reference"


async def answer(request: web.Request) -> web.Response:
    if request.content_type == "application/json":
        return web.json_response({"echo": await request.json(), "id": str(uuid.uuid4())})
    form = await request.post()
    sizes: dict[str, Any] = {
        name: len(value.file.read()) if isinstance(value, web.FileField) else value
        for name, value in form.items()
    }
    return web.json_response({"form": sizes, "token": secrets.token_hex(8)})


async def stream(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    for number in range(20):
        await response.write(hashlib.sha256(bytes([number])).digest() * 500)
        await asyncio.sleep(0.01)
    return response


async def converse(request: web.Request) -> web.WebSocketResponse:
    conversation = web.WebSocketResponse(heartbeat=20)
    await conversation.prepare(request)
    async for message in conversation:
        await conversation.send_str(message.data.upper())
    return conversation


async def slow(request: web.Request) -> web.Response:
    await asyncio.sleep(60)
    return web.Response()


async def serve(tls: ssl.SSLContext) -> None:
    application = web.Application()
    application.on_response_prepare.append(name_the_server)
    application.add_routes(
        [
            web.post("/answer", answer),
            web.get("/stream", stream),
            web.get("/converse", converse),
            web.get("/slow", slow),
        ]
    )
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, port=80).start()
    await web.TCPSite(runner, port=443, ssl_context=tls).start()


async def phone(number: int, trust: ssl.SSLContext) -> None:
    base = "https://site" if number % 2 else "http://site"
    connector = aiohttp.TCPConnector(ssl=trust, limit=3)
    await asyncio.sleep(number * 0.1)
    async with aiohttp.ClientSession(
        base, connector=connector, headers={"User-Agent": "reference"}
    ) as session:

        async def post(data: Any = None, **options: Any) -> None:
            async with session.post("/answer", data=data, **options) as response:
                await response.json()

        async def read() -> None:
            async with session.get("/stream") as response:
                await response.read()

        async def give_up() -> None:
            timeout = aiohttp.ClientTimeout(total=3 + number)
            async with session.get("/slow", timeout=timeout) as response:
                await response.read()

        async def talk() -> None:
            async with session.ws_connect("/converse") as conversation:
                for word in ("hello", "how are you", "goodbye"):
                    await conversation.send_str(word)
                    await conversation.receive_str()
                    await asyncio.sleep(15)

        form = aiohttp.FormData()
        form.add_field("file", b"x" * 70_000, filename="x.bin")
        form.add_field("name", "value")
        await asyncio.gather(
            post(json={"number": number}),
            post(form),
            read(),
            talk(),
            give_up(),
            return_exceptions=True,
        )
        done, pending = await asyncio.wait(
            [asyncio.create_task(post(json={"n": n})) for n in range(5)], timeout=30
        )
        for task in done:
            await post(json={"after": task.get_name().startswith("Task")})
        assert not pending


def interrupt(host: Host) -> None:
    """Off the network for a while, with connections open."""
    host.env.call_later(2.0, host.disconnect)
    host.env.call_later(4.5, host.reconnect)


def digest(seed: int, *, wants_connections: bool = True) -> str:
    """Run it once; 64 hex digits."""
    with World(seed=seed, wants_connections=wants_connections) as world:
        tls = world.ca.server_context(world.ca.issue("site", names=["site"]))
        trust = world.ca.client_context()
        world.host("site").start(lambda: serve(tls))
        world.run_until(2)
        for number, link in enumerate(("wifi", "cellular", "ethernet", "wifi", "cellular")):
            host = world.host(f"phone{number}", link=LINKS[link])
            host.start(lambda number=number: phone(number, trust))  # type: ignore[misc]
        interrupt(world.hosts["phone1"])
        world.run_until(200)
        return world.digest()


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        print(digest(int(argument)))
