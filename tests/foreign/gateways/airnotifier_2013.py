"""A gateway as AirNotifier was in May 2013, with Android: `python airnotifier_2013.py --help`.

Written from what is known of that one's conduct, not from its source. It answers 200 to nearly
everything, errors included; adds any token that it is asked to push to; has one connection to APNs
and loses what it wrote there behind a token that Apple rejects; sends a broadcast on any channel
but `default` to all tokens. It knows a phone's platform from its registration, so a push need not
name it. Tokens are in memory.
"""

import string
from dataclasses import dataclass
from typing import Any

import apns
import gcm
import tornado_style as tornado
from aiohttp import web
from command_line import Options, apns_tls, parse, serve

CREATE_TOKEN, DELETE_TOKEN, SEND, BROADCAST = 1, 2, 4, 8
NAMES = {
    CREATE_TOKEN: "create token",
    DELETE_TOKEN: "delete token",
    SEND: "send notification",
    BROADCAST: "send broadcast",
}
OK = {"status": "ok"}
NOT_CUSTOM = ("alert", "sound", "badge", "token", "device", "channel")


class Refused(Exception):
    """Answered with status 200 and this text as the error."""


@dataclass
class Token:
    """What is known of one."""

    device: str
    channel: str


class Gateway:
    """One application with its keys and tokens."""

    def __init__(self, options: Options) -> None:
        self._name = options.app
        self._keys = options.keys
        self._tokens: dict[str, Token] = {}
        self._gcm = gcm.Gcm(options.gcm_url, options.gcm_key, options.ca)
        self.apns = apns.Pool(options.app, options.connections, options.apns, apns_tls(options))

    async def register(self, request: web.Request) -> web.Response:
        found = await tornado.arguments(request)
        self._allow(request, found, CREATE_TOKEN)
        token, known = request.match_info["token"], request.match_info["token"] in self._tokens
        device = found.get("device", "ios").lower()
        if device == "ios" and len(token) != 64:
            raise Refused("Invalid token")
        # 64 characters that are not hexadecimal are added all the same, and end each later
        # broadcast there.
        self._tokens[token] = Token(device, found.get("channel", "default"))
        if device == "ios" and not _is_ios(token):
            raise Refused("Invalid token")
        return tornado.answer({"status": "token exists"} if known else OK)

    async def delete(self, request: web.Request) -> web.Response:
        self._allow(request, await tornado.arguments(request), DELETE_TOKEN)
        known = self._tokens.pop(request.match_info["token"], None)
        return tornado.answer({"status": "deleted" if known else "Token does't exist"})

    async def notify(self, request: web.Request) -> web.Response:
        found = await tornado.arguments(request)
        self._allow(request, found, SEND)
        if "token" not in found:
            raise Refused("No token provided")
        alert = tornado.required(found, "alert")
        token = found["token"]
        known = self._tokens.setdefault(token, Token("ios", "default"))
        custom = {name: value for name, value in found.items() if name not in NOT_CUSTOM}
        if known.device != "ios":
            await self._google([token], {"message": alert, **custom})
        else:
            self.apns.any().send(apns.notification(token, self._payload(found, alert, custom)))
        return tornado.answer(OK)

    async def broadcast(self, request: web.Request) -> web.Response:
        found = await tornado.arguments(request)
        self._allow(request, found, BROADCAST)
        alert = tornado.required(found, "alert")
        custom = {name: [value] for name, value in found.items() if name not in NOT_CUSTOM}
        payload, connection = self._payload(found, alert, custom), self.apns.any()
        android = []
        for token, known in self._tokens.items():
            if found.get("channel", "default") == "default" and known.channel != "default":
                continue
            if known.device != "ios":
                android.append(token)
                continue
            try:
                connection.send(apns.notification(token, payload))
            except ValueError:
                break
        if android:
            await self._google(android, {"alert": alert, **custom})
        return tornado.answer(OK)

    def _allow(self, request: web.Request, found: dict[str, str], permission: int) -> None:
        """Headers, argument `token`, application, key, permission: in this order."""
        app, key = request.headers["X-AN-APP-NAME"], request.headers["X-AN-APP-KEY"]
        token = found.get("token")
        known = self._tokens.get(token or "")
        if token is not None and not _is_ios(token) and (known is None or known.device == "ios"):
            raise Refused("Invalid token")
        permissions = {self._name: self._keys}[app].get(key)
        if permissions is None:
            raise Refused("Invalid access key")
        if not permissions & permission:
            raise Refused(f"No permission to {NAMES[permission]}")

    def _payload(self, found: dict[str, str], alert: str, custom: dict[str, Any]) -> bytes:
        try:
            return apns.payload(alert, found.get("sound"), found.get("badge"), custom, "")
        except ValueError as error:
            raise Refused(str(error)) from error

    async def _google(self, tokens: list[str], data: dict[str, Any]) -> None:
        try:
            await self._gcm.send(tokens, data, None)
        except gcm.Refused as refused:
            raise Refused(refused.text) from refused


def _is_ios(token: str) -> bool:
    return len(token) == 64 and set(token) <= set(string.hexdigits)


@web.middleware
async def status_200(request: web.Request, handler: Any) -> web.StreamResponse:
    """Errors of the API."""
    try:
        return await handler(request)
    except Refused as refused:
        return tornado.answer({"error": str(refused)})


async def application(options: Options) -> web.Application:
    """The API, version 1."""
    gateway = Gateway(options)
    app = web.Application(middlewares=[tornado.access, status_200])
    app.on_startup.append(gateway.apns.start)
    app.on_cleanup.append(gateway.apns.stop)
    app.add_routes(
        [
            web.post("/tokens/{token}", gateway.register),
            web.delete("/tokens/{token}", gateway.delete),
            web.post("/notification/", gateway.notify),
            web.post("/broadcast/", gateway.broadcast),
        ]
    )
    return app


if __name__ == "__main__":
    chosen = parse("A gateway like AirNotifier of 2013")
    tornado.log("I", "airnotifier:167", "Starting AirNotifier server")
    serve(lambda: application(chosen), chosen.port)
