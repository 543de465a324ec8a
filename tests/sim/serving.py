"""Helpers of the tests in this folder: an aiohttp application on the host whose code calls."""

import ssl
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from sim.hosts import Host
from sim.world import World

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def serve(
    *routes: web.RouteDef | web.StaticDef,
    port: int = 80,
    tls: ssl.SSLContext | None = None,
    **options: Any,
) -> web.AppRunner:
    """Serve the routes on this host's port. `options` are the runner's."""
    application = web.Application(client_max_size=64 * 1024 * 1024)
    application.add_routes(routes)
    runner = web.AppRunner(application, access_log=None, **options)
    await runner.setup()
    await web.TCPSite(runner, port=port, ssl_context=tls).start()
    return runner


def site_of(world: World, *routes: web.RouteDef | web.StaticDef, **options: Any) -> Host:
    """A host named "site" that serves the routes once the world runs."""
    site = world.host("site")
    site.start(lambda: serve(*routes, **options))
    world.run_until(world.env.now + 1)
    return site


async def hello(request: web.Request) -> web.Response:
    """Answers with the client's address."""
    return web.Response(text=f"hello {request.remote}", headers={"Server": "test"})


def opened(events: list[dict[str, Any]]) -> int:
    """How many connections a kept trace saw opened."""
    return sum(event["kind"] == "connection.opened" for event in events)
