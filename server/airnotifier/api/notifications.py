"""`POST /notification/`: one push to one token.

Arguments: `token` and `alert`, optionally `device`, `sound`, `badge`, `collapse_key`, and `channel`
for a token that is registered by this call (which takes a key that may create tokens). Every other
argument is a custom parameter and reaches the app. Where a known token leads is known from its
registration; a `device` that says otherwise is refused.

The answer comes when the push is safe in the outbox, not when a push service has it. Its number is
in the header X-AN-Push-Id and in the gateway's log.
"""

from aiohttp import web

from server.airnotifier.api.call import Call, admit, answer, status_of
from server.airnotifier.api.content import channels_of, compose
from server.airnotifier.auth import allows
from server.airnotifier.errors import InvalidRequest, Refused
from server.airnotifier.gateway import Gateway
from server.airnotifier.permissions import Permission
from server.airnotifier.providers.known import PROVIDERS
from server.airnotifier.push import Push
from server.airnotifier.targets import RegisteredElsewhere, Target
from server.logs import token_ref


class Notifications:
    """Handler of `/notification/`."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def send(self, request: web.Request) -> web.Response:
        """Accept a push, or say why not."""
        token: str | None = None
        try:
            call = await admit(self._gateway, request, Permission.SEND_NOTIFICATION)
            if call.target is None:
                raise InvalidRequest("No token provided")
            token = call.target.token
            try:
                push = await self._accept(call, call.target)
            except RegisteredElsewhere as elsewhere:
                if call.arguments.text("device"):
                    raise InvalidRequest("Invalid device type") from None
                push = await self._accept(call, elsewhere.target)
        except Refused as refused:
            app = request.headers.get("X-AN-APP-NAME", "")
            token = token or refused.token
            self._gateway.log.event(
                "push.refused",
                app=app if app in self._gateway.apps else None,
                reason=refused.logged,
                status=status_of(self._gateway, refused),
                token_ref=None if token is None else token_ref(token),
            )
            raise
        return answer({"status": "ok"}, extra={"X-AN-Push-Id": str(push.id)})

    async def _accept(self, call: Call, target: Target) -> Push:
        content = compose(call.app, PROVIDERS[target.provider], call.arguments)
        may_create = allows(call.permissions, Permission.CREATE_TOKEN)
        channels = channels_of(call.arguments) if may_create else None
        return await self._gateway.accept_push(call.app, target, content, channels)
