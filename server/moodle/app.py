"""The site as an aiohttp application."""

from collections.abc import AsyncIterator
from http import HTTPStatus
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler
from sqlalchemy.exc import SQLAlchemyError

from server.edge.edge import Edge
from server.health import OK
from server.moodle import login, rest
from server.moodle.door import HEALTH, Door, merge_slashes
from server.moodle.settings import SiteSettings
from server.moodle.site import Site
from server.moodle.web import devices
from server.moodle.web.routes import add_routes


def create_app(settings: SiteSettings) -> web.Application:
    """The application of a site. It opens the database when it starts and closes it when it ends.

    Serve it without an access log: tokens and passwords of apps are in query strings.
    """
    site = Site(settings)

    @web.middleware
    async def without_database(request: web.Request, handler: Handler) -> web.StreamResponse:
        """What every page is while the database is away. The REST server has its own words."""
        try:
            return await handler(request)
        except SQLAlchemyError as error:
            site.log.trouble("database.failed", path=request.path, error=type(error).__name__)
            return web.Response(
                status=503,
                text="<p>Error: Database connection failed.</p>",
                content_type="text/html",
            )

    door = Door(
        settings,
        {login.PATH: "requirecorrectaccess", devices.PATH: "redirecterrordetected"},
    )
    app = web.Application(
        client_max_size=settings.max_body,
        middlewares=[door.middleware, without_database, merge_slashes],
    )

    async def running(_app: web.Application) -> AsyncIterator[None]:
        await site.open()
        yield
        await site.close()

    async def health(_: web.Request) -> web.Response:
        """For monitoring. At the root of the host, independent of the path of `wwwroot`."""
        status = await site.health.status()
        return web.json_response({"status": status}, status=200 if status == OK else 503)

    async def stop(_: web.Application) -> None:
        site.health.is_stopping = True

    app.cleanup_ctx.append(running)
    app.on_shutdown.append(stop)
    prefix = urlsplit(settings.wwwroot).path
    handlers = {
        login.PATH: login.TokenLogin(site).handle,
        rest.PATH: rest.RestServer(site).handle,
    }
    for path, handler in handlers.items():
        app.router.add_get(prefix + path, handler)
        app.router.add_post(prefix + path, handler)
    add_routes(app.router, prefix, site)
    app.router.add_get(HEALTH, health)
    Edge(
        server="Apache",
        refuse=_refuse,
        limits=settings.http,
        trusted_proxies=settings.trusted_proxies,
        log=site.log,
        descriptors=16,  # the database, and tables that it sorts
        descriptors_per_request=1,  # each may ask the gateway for a push
    ).install(app)
    return app


def _refuse(status: int) -> web.Response:
    """As Apache's own pages: the status and its name."""
    name = HTTPStatus(status).phrase
    return web.Response(
        status=status,
        text=f"<!DOCTYPE html>\n<html><head><title>{status} {name}</title></head>\n"
        f"<body><h1>{name}</h1></body></html>\n",
        content_type="text/html",
        charset="utf-8",
    )
