"""The gateway as an aiohttp application."""

from collections.abc import AsyncIterator
from http import HTTPStatus

from aiohttp import web

from server.airnotifier.api.broadcasts import Broadcasts
from server.airnotifier.api.call import SERVER, Handler, answer, endpoint
from server.airnotifier.api.notifications import Notifications
from server.airnotifier.api.tokens import Tokens
from server.airnotifier.gateway import Gateway
from server.airnotifier.settings import GatewaySettings
from server.edge.edge import Edge
from server.health import OK


def create_app(settings: GatewaySettings) -> web.Application:
    """The application. It opens the database and the providers when it starts, and finishes what
    is under way when it is cleaned up. Start-up raises SettingsError for unusable certificates.
    """
    gateway = Gateway(settings)
    app = web.Application(client_max_size=settings.max_body_bytes)
    tokens = Tokens(gateway)

    def serve(path: str, shown: str, **methods: Handler) -> None:
        """Both slash forms, without a redirect: that would turn POST into GET in some clients."""
        allowed = {
            method.upper(): endpoint(gateway, shown, handler) for method, handler in methods.items()
        }

        async def by_method(request: web.Request) -> web.StreamResponse:
            handler = allowed.get(request.method)
            if handler is None:
                headers = {"Allow": ", ".join(sorted(allowed))}
                return answer({"error": "Method not allowed"}, 405, headers)
            return await handler(request)

        for form in (path, path + "/"):
            app.router.add_route("*", form, by_method)

    async def health(_: web.Request) -> web.Response:
        """For monitoring."""
        status = await gateway.health.status()
        return answer({"status": status}, 200 if status == OK else 503)

    serve("/notification", "/notification/", post=Notifications(gateway).send)
    serve("/broadcast", "/broadcast/", post=Broadcasts(gateway).send)
    serve("/tokens", "/tokens", post=tokens.create)
    serve("/tokens/{token}", "/tokens/<token>", post=tokens.create, delete=tokens.delete)
    app.router.add_get("/", _front_page)
    app.router.add_get("/health", health)
    app.router.add_route("*", "/{path:.*}", _not_found)
    _edge(settings, gateway).install(app)

    async def run_gateway(_: web.Application) -> AsyncIterator[None]:
        await gateway.open()
        yield
        await gateway.close()

    async def stop(_: web.Application) -> None:
        gateway.health.is_stopping = True

    app.cleanup_ctx.append(run_gateway)
    app.on_shutdown.append(stop)
    return app


def _edge(settings: GatewaySettings, gateway: Gateway) -> Edge:
    def refuse(status: int) -> web.Response:
        return answer({"error": HTTPStatus(status).phrase.capitalize()}, status)

    return Edge(
        server=SERVER,
        refuse=refuse,
        limits=settings.http,
        trusted_proxies=settings.trusted_proxies,
        log=gateway.log,
        descriptors=16  # the database, and tables that it sorts
        + sum(app.apns.connections for app in settings.apps if app.apns is not None)
        + sum(app.gcm.concurrency for app in settings.apps if app.gcm is not None),
    )


async def _front_page(_: web.Request) -> web.Response:
    """Sites check with a GET whether the gateway is there."""
    return answer({"name": "AirNotifier", "api": "1.0"})


async def _not_found(_: web.Request) -> web.Response:
    return answer({"error": "Not found"}, 404)
