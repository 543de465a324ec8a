"""What all API calls have in common: answers, errors, and the way to the key check."""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from sqlalchemy.exc import SQLAlchemyError

from server.addresses import IpAddress
from server.airnotifier.arguments import Arguments, read_arguments
from server.airnotifier.auth import App, caller, check_permission
from server.airnotifier.errors import (
    AddressBlocked,
    InvalidRequest,
    MissingArgument,
    NotConfigured,
    NotPermitted,
    Refused,
    UnknownToken,
)
from server.airnotifier.gateway import Gateway
from server.airnotifier.permissions import Permission
from server.airnotifier.targets import Target, target

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

SERVER = "AirNotifier"

_STATUSES: dict[type[Refused], int] = {
    InvalidRequest: 400,
    UnknownToken: 400,
    NotPermitted: 403,
    AddressBlocked: 423,
    NotConfigured: 500,
}
_HEADERS = {"Content-Type": "application/json; charset=utf-8", "Server": SERVER}


@dataclass(slots=True)
class Call:
    """A call whose key has been accepted."""

    app: App
    permissions: int
    arguments: Arguments
    target: Target | None
    """What the `token` argument names, if there is one."""


def answer(
    document: Mapping[str, Any], status: int = 200, extra: Mapping[str, str] | None = None
) -> web.Response:
    """A JSON answer, with a blank behind `:` and `,` as AirNotifier always wrote it."""
    headers = _HEADERS if extra is None else {**_HEADERS, **extra}
    return web.Response(body=json.dumps(document).encode(), status=status, headers=headers)


def status_of(gateway: Gateway, refused: Refused) -> int:
    """The HTTP status of a refusal, by the setting `legacy_status`: AirNotifier of 2013 said in the
    body only that a call was refused, but for what its framework checked.
    """
    if gateway.settings.legacy_status is not None and not isinstance(refused, MissingArgument):
        return 200
    return next(status for kind, status in _STATUSES.items() if isinstance(refused, kind))


async def admit(
    gateway: Gateway, request: web.Request, permission: Permission, *, registers: bool = False
) -> Call:
    """Check a call up to its permission. Raises Refused.

    `registers`: its token is the one to register, not the addressee of a push; see `target`.
    A body that cannot be read is refused last, so that nobody without a key learns how we parse.
    """
    headers = request.headers
    name = headers.get("X-AN-APP-NAME")
    key = headers.get("X-AN-APP-KEY")
    if name and not key:
        raise InvalidRequest("Invalid access key")
    try:
        body = await request.read() if request.body_exists else b""
    except web.RequestPayloadError as error:
        raise InvalidRequest("Malformed request body") from error
    arguments = read_arguments(
        request.rel_url.raw_query_string, headers.get("Content-Type", ""), body
    )
    name = name or _app_argument(arguments)
    if not name:
        raise InvalidRequest("app name is required")
    if not key:
        raise InvalidRequest("Invalid access key")
    token = arguments.text("token")
    await gateway.directory.refresh()
    try:
        device = arguments.text("device")
        addressee = target(token, device, explain=not registers) if token else None
        app = gateway.apps.get(name)
        if app is None:
            raise InvalidRequest("Invalid application name")
        if app.settings.blocked_ips:
            app.check_address(peer_of(gateway, request))
        permissions = app.permissions_of(key)
        check_permission(permissions, permission)
        if arguments.malformed is not None:
            raise InvalidRequest(arguments.malformed)
    except Refused as refused:
        refused.token = token
        raise
    return Call(app, permissions, arguments, addressee)


def _app_argument(arguments: Arguments) -> str:
    """The application's name from the argument `appname`, which AirNotifier of 2014 took, in lower
    case and without anything but letters and digits, where the header was missing.
    """
    name = arguments.text("appname") or ""
    return "".join(
        character for character in name.lower() if character.isascii() and character.isalnum()
    )


def peer_of(gateway: Gateway, request: web.Request) -> IpAddress | None:
    """The address that calls; see `auth.caller`."""
    forwarded = request.headers.getall("X-Forwarded-For", ())
    return caller(request.remote or "", forwarded, gateway.settings.trusted_proxies)


def endpoint(gateway: Gateway, path: str, handler: Handler) -> Handler:
    """Turn refusals and failures of a handler into answers and log lines.

    `path` is what the log shows: the real one may contain a token.
    """

    async def serve(request: web.Request) -> web.StreamResponse:
        logged: str | None = None
        try:
            return await handler(request)
        except Refused as refused:
            status, reason = status_of(gateway, refused), refused.reason
            logged = refused.logged
        except web.HTTPRequestEntityTooLarge:
            status, reason = 413, "Request body too large"
        except SQLAlchemyError as error:
            status, reason = 503, "The request could not be stored, try again later"
            gateway.log.trouble("database.failed", path=path, error=type(error).__name__)
        except (web.HTTPException, ConnectionError):
            raise
        except Exception as error:
            # A traceback could show a token or a text.
            status, reason = 500, "Internal server error"
            gateway.log.trouble("request.failed", path=path, error=type(error).__name__)
        app = request.headers.get("X-AN-APP-NAME", "")
        known_app = app if app in gateway.apps else None
        gateway.log.event(
            "request.refused",
            app=known_app,
            reason=logged or reason,
            status=status,
            path=path,
            peer=str(peer_of(gateway, request) or "unreadable"),
        )
        return answer({"error": reason}, status)

    return serve
