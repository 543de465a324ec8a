"""`POST /broadcast/`: one push to every token of a channel.

Arguments: `alert`, optionally `channel` (`default`), `device`, `sound`, `badge`, `collapse_key`;
every other argument is a custom parameter. The audience is exactly the channel (AirNotifier of 2013
sent to all tokens of the application unless the channel was `default`), and `device` narrows it
(AirNotifier widened it).
"""

from aiohttp import web

from server.airnotifier.api.call import admit, answer
from server.airnotifier.api.content import channel_of, compose
from server.airnotifier.errors import InvalidRequest
from server.airnotifier.gateway import Gateway
from server.airnotifier.permissions import Permission
from server.airnotifier.providers.known import PROVIDERS
from server.airnotifier.targets import known_device, providers_behind


class Broadcasts:
    """Handler of `/broadcast/`."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def send(self, request: web.Request) -> web.Response:
        """Accept a broadcast, or say why not."""
        call = await admit(self._gateway, request, Permission.SEND_BROADCAST)
        device = (call.arguments.text("device") or "").lower() or None
        if device is not None and not known_device(device):
            raise InvalidRequest("Invalid device type")
        wanted = [PROVIDERS[name] for name in providers_behind(device)]
        providers = [provider for provider in wanted if provider.configured(call.app.settings)]
        contents = {
            # Without any provider the first one says what is missing.
            provider.name: compose(call.app, provider, call.arguments)
            for provider in providers or wanted[:1]
        }
        number = await self._gateway.accept_broadcast(
            call.app, channel_of(call.arguments), device, contents
        )
        return answer({"status": "ok"}, extra={"X-AN-Broadcast-Id": str(number)})
