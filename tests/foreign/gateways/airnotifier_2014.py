"""A gateway as AirNotifier was in November 2014: `python airnotifier_2014.py --help`.

Written from what is known of that one's conduct, not from its source. Its errors have the statuses
that they should have; a push without `device` is one to iOS, whatever its token was registered as;
Android's answer is waited for and passed on; a broadcast ends in a TypeError and status 500. Like
its elder it loses what it wrote to APNs behind a token that Apple rejects. Tokens are in memory.
"""

from typing import Any

import apns
import gcm
import tornado_style as tornado
from aiohttp import web
from command_line import Options, apns_tls, parse, serve

PERMISSIONS = {"create token": 1, "delete token": 2, "send notification": 4, "send broadcast": 8}
NOT_CUSTOM = ("alert", "sound", "badge", "token", "device", "channel", "collapse_key")
NO_PHONE = ("Not Registered", "Invalid Registration")


class Refused(Exception):
    """Answered with a status and a document, mostly one with the error's text."""

    def __init__(self, status: int, error: str, **more: Any) -> None:
        super().__init__(error)
        self.status = status
        self.document = {**more, "error": error}


class Gateway:
    """One application with its keys and tokens."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._tokens: dict[tuple[str, str], str] = {}
        """Channels by device and token: a token of two devices is there twice."""
        self._gcm = gcm.Gcm(options.gcm_url, options.gcm_key, options.ca)
        self.apns = apns.Pool(options.app, options.connections, options.apns, apns_tls(options))

    async def register(self, request: web.Request) -> web.Response:
        found = await tornado.arguments(request)
        self._allow(request, found, "create token")
        device, token = found.get("device", "ios").lower(), request.match_info["token"]
        known = (device, token) in self._tokens
        if device != "ios" or len(token) == 64:
            # Also if it is not hexadecimal, which is said after it was added.
            self._tokens[device, token] = found.get("channel", "default")
        if device == "ios":
            _check_ios(token)
        return tornado.answer({"status": "token exists" if known else "ok"})

    async def delete(self, request: web.Request) -> web.Response:
        self._allow(request, await tornado.arguments(request), "delete token")
        found = [key for key in self._tokens if key[1] == request.match_info["token"]]
        for key in found:
            del self._tokens[key]
        if not found:
            return tornado.answer({"status": "Token does't exist"}, 404)
        return tornado.answer({"status": "deleted"})

    async def notify(self, request: web.Request) -> web.Response:
        found = await tornado.arguments(request)
        permissions = self._allow(request, found, "send notification")
        token, device = found.get("token"), found.get("device", "ios").lower()
        if not token:
            raise Refused(400, "No token provided")
        alert = tornado.required(found, "alert").replace("\r", "").replace("\n", "")
        if (device, token) not in self._tokens:
            if not permissions & PERMISSIONS["create token"]:
                raise Refused(400, "Unknow token and you have no permission to create")
            self._tokens[device, token] = found.get("channel", "default")
        custom = {name: value for name, value in found.items() if name not in NOT_CUSTOM}
        if device == "ios":
            self.apns.any().send(apns.notification(token, _payload(found, alert, custom)))
        elif device == "android":
            await self._google(token, {"message": alert, **custom}, found.get("collapse_key"))
        else:
            raise Refused(400, "Invalid device type")
        return web.Response(content_type="application/json")

    async def broadcast(self, request: web.Request) -> web.Response:
        found = await tornado.arguments(request)
        self._allow(request, found, "send broadcast")
        tornado.required(found, "alert")
        raise TypeError("send_broadcast() takes exactly 3 arguments (5 given)")

    def _allow(self, request: web.Request, found: dict[str, str], permission: str) -> int:
        """The key's permissions, if this one is among them."""
        app, key = request.headers.get("X-AN-APP-NAME"), request.headers.get("X-AN-APP-KEY")
        if app is None:
            app = "".join(filter(str.isalnum, tornado.required(found, "appname"))).lower()
        if "token" in found and found.get("device", "ios").lower() == "ios":
            _check_ios(found["token"])
        if app != self._options.app:
            raise Refused(400, "Invalid application name")
        permissions = self._options.keys.get(key or "")
        if permissions is None:
            raise Refused(400, "Invalid access key")
        if not permissions & PERMISSIONS[permission]:
            raise Refused(403, f"No permission to {permission}")
        return permissions

    async def _google(self, token: str, data: dict[str, str], collapse_key: str | None) -> None:
        try:
            await self._gcm.send([token], data, collapse_key)
        except gcm.Refused as refused:
            if refused.text in NO_PHONE:
                raise Refused(400, refused.text, regids=list(refused.tokens)) from refused
            raise Refused(500, refused.text) from refused


def _check_ios(token: str) -> None:
    if len(token) != 64:
        raise Refused(400, "Invalid token")
    try:
        bytes.fromhex(token)
    except ValueError as error:
        raise Refused(400, f"Invalid token: {error}") from error


def _payload(found: dict[str, str], alert: str, custom: dict[str, str]) -> bytes:
    badge = found.get("badge")
    try:
        return apns.payload(
            alert, found.get("sound"), None if badge == "0" else badge, custom, "..."
        )
    except ValueError as error:
        raise Refused(500, str(error)) from error


@web.middleware
async def errors(request: web.Request, handler: Any) -> web.StreamResponse:
    """Errors of the API."""
    try:
        return await handler(request)
    except Refused as refused:
        return tornado.answer(refused.document, refused.status)


async def application(options: Options) -> web.Application:
    """The API, version 1."""
    gateway = Gateway(options)
    app = web.Application(middlewares=[tornado.access, errors])
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
    chosen = parse("A gateway like AirNotifier of 2014")
    tornado.log("I", "airnotifier:167", "Starting AirNotifier server")
    serve(lambda: application(chosen), chosen.port)
