"""The site as an aiohttp application."""

import contextlib
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
    door = Door(
        settings,
        {login.PATH: "requirecorrectaccess", devices.PATH: "redirecterrordetected"},
    )
    service = _Service(site)
    app = web.Application(
        client_max_size=settings.max_body,
        middlewares=[
            door.middleware, service.without_database, service.up_to_date, merge_slashes,
        ],
    )  # fmt: skip
    app.cleanup_ctx.append(service.running)
    app.on_shutdown.append(service.stop)
    _add_scripts(app.router, urlsplit(settings.wwwroot).path, site)
    app.router.add_get(HEALTH, service.health)
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


def _add_scripts(router: web.UrlDispatcher, prefix: str, site: Site) -> None:
    handlers = {
        login.PATH: login.TokenLogin(site).handle,
        rest.PATH: rest.RestServer(site).handle,
    }
    for path, handler in handlers.items():
        router.add_get(prefix + path, handler)
        router.add_post(prefix + path, handler)
    add_routes(router, prefix, site)


class _Service:
    """What concerns all scripts of a site."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def running(self, _: web.Application) -> AsyncIterator[None]:
        await self._site.open()
        yield
        await self._site.close()

    async def stop(self, _: web.Application) -> None:
        self._site.health.is_stopping = True

    async def health(self, _: web.Request) -> web.Response:
        """For monitoring. At the root of the host, independent of the path of `wwwroot`."""
        status = await self._site.health.status()
        return web.json_response({"status": status}, status=200 if status == OK else 503)

    @web.middleware
    async def without_database(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """What every page is while the database is away. The REST server has its own words."""
        try:
            return await handler(request)
        except SQLAlchemyError as error:
            reason = type(error).__name__
            self._site.log.trouble("database.failed", path=request.path, error=reason)
            return web.Response(
                status=503,
                text="<p>Error: Database connection failed.</p>",
                content_type="text/html",
            )

    @web.middleware
    async def up_to_date(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Every script goes by the settings of the moment, whichever process changed them."""
        if request.path != HEALTH:
            # While the database is away, each script says so in its own words.
            with contextlib.suppress(SQLAlchemyError):
                await self._site.refresh()
        return await handler(request)


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
