"""`/tokens`: an app registers its installation, or withdraws it.

`POST /tokens/<token>` and `POST /tokens` with the token in the body (as the integration guide of
AirNotifier documents, and no released version served) do the same. Optional arguments: `device`,
and `channel`, which may be repeated or a JSON list; without one the channel is `default`.
Registering again adds channels and takes none away, because a phone registers once for each site
that it uses.

`DELETE /tokens/<token>` forgets the token in all its channels.
"""

from urllib.parse import unquote_to_bytes

from aiohttp import web

from server.airnotifier.api.call import admit, answer
from server.airnotifier.api.content import channels_of
from server.airnotifier.auth import App
from server.airnotifier.charsets import DEFAULT, decode
from server.airnotifier.errors import InvalidRequest
from server.airnotifier.gateway import Gateway
from server.airnotifier.permissions import Permission
from server.airnotifier.targets import APNS_TOKEN_DIGITS, target


class Tokens:
    """Handlers of `/tokens`."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def create(self, request: web.Request) -> web.Response:
        """Register the token of the path, or of the argument `token`."""
        call = await admit(self._gateway, request, Permission.CREATE_TOKEN, registers=True)
        text = _path_token(request) if "token" in request.match_info else None
        # Judged only now: a site tests its key with a token that is none, and must hear about the
        # key first.
        found = call.target if text is None else target(text, call.arguments.text("device"))
        if found is None:
            raise InvalidRequest("No token provided")
        new = await self._gateway.register(call.app, found, channels_of(call.arguments))
        return answer({"status": "ok" if new else "token exists"})

    async def delete(self, request: web.Request) -> web.Response:
        """Forget the token of the path."""
        call = await admit(self._gateway, request, Permission.DELETE_TOKEN)
        text = _path_token(request)
        # Nothing else can have been registered, and PostgreSQL does not take a NUL for text.
        if not text.isprintable() or not await self._forget(call.app, text):
            status = 404 if self._gateway.settings.legacy_status is None else 200
            return answer({"status": "Token does't exist"}, status)  # AirNotifier's spelling
        return answer({"status": "deleted"})

    async def _forget(self, app: App, text: str) -> bool:
        stored = text.lower() if len(text) == APNS_TOKEN_DIGITS else text
        found = await self._gateway.unregister(app, stored)
        if not found and stored != text:
            found = await self._gateway.unregister(app, text)
        return found


def _path_token(request: web.Request) -> str:
    """The token of the path, read as one in an argument is."""
    segment = request.rel_url.raw_path.rstrip("/").rpartition("/")[2]
    return decode(unquote_to_bytes(segment), DEFAULT).strip()
