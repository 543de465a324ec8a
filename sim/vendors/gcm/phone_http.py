"""The HTTP endpoints that phones use: check-in and registration of apps.

    POST /checkin         protobuf: 2 id, 13 security_token (fixed64), 14 version; the answer holds
                          1 stats_ok, 3 time_msec, 7 android_id and 8 security_token (fixed64)
    POST /c2dm/register3  form: app, sender (comma-separated), [delete=true]; with
                          `Authorization: AidLogin <android id>:<security token>`; the answer is
                          token=<registration id>, deleted=<app> or Error=<name>

Source: what the clients of firebase-messaging and Chromium send. Simplification: a check-in tells
nothing about the device but its identity.
"""

import time
from urllib.parse import parse_qsl

from sim.vendors.errors import MalformedInput
from sim.vendors.gcm.core import PushCore
from sim.vendors.gcm.http_messages import Request, Response
from sim.vendors.gcm.protobuf import fixed64_field, number_field
from sim.vendors.gcm.protobuf_schema import Field, Schema, fixed64, int32, int64, read_message
from sim.vendors.gcm.registry import Device, Registry

CHECKIN_PATH = "/checkin"
REGISTER_PATH = "/c2dm/register3"
PLAIN = "text/plain; charset=UTF-8"
MAX_SENDERS = 100
"""Senders that one app can register with (GCM, "Advanced topics")."""

_CHECKIN: Schema = {2: Field(int64), 13: Field(fixed64), 14: Field(int32)}
_MAX_PARAMETERS = 1000
_PARAMETERS = ("app", "sender", "delete")
"""That are read, and may come once."""


class PhoneEndpoints:
    """Answers phones that check in and apps that register."""

    def __init__(self, core: PushCore, registry: Registry) -> None:
        self._core = core
        self._registry = registry
        self._senders = {project.sender_id for project in core.settings.projects}

    def check_in(self, request: Request) -> Response:
        """POST /checkin: an identity for a phone, new or confirmed."""
        try:
            fields = read_message(_CHECKIN, request.body)
        except MalformedInput:
            return Response(400, PLAIN, b"malformed check-in")
        device = self._registry.authenticated(str(fields.get(2)), str(fields.get(13)))
        if device is None:
            device = self._registry.add_device()
        body = b"".join(
            (
                number_field(1, 1),
                number_field(3, int(time.time() * 1000)),
                fixed64_field(7, device.android_id),
                fixed64_field(8, device.security_token),
            )
        )
        return Response(200, "application/x-protobuffer", body)

    def register(self, request: Request) -> Response:
        """POST /c2dm/register3: a registration id for an app, or its end."""
        try:
            text = request.body.decode("utf-8")
            pairs = parse_qsl(text, errors="strict", max_num_fields=_MAX_PARAMETERS)
        except ValueError:
            return _lines("Error=INVALID_PARAMETERS")
        read = [name for name, _ in pairs if name in _PARAMETERS]
        if len(set(read)) < len(read):
            return _lines("Error=INVALID_PARAMETERS")
        form = dict(pairs)
        device = self._authenticated(request.header("authorization"))
        if device is None:
            return _lines("Error=AUTHENTICATION_FAILED")
        app = form.get("app", "")
        senders = tuple(sender for sender in form.get("sender", "").split(",") if sender)
        if form.get("delete") == "true" and app:
            return self._unregister(device, app)
        if not app or not senders or len(senders) > MAX_SENDERS:
            return _lines("Error=INVALID_PARAMETERS")
        if not all(sender in self._senders for sender in senders):
            return _lines("Error=INVALID_SENDER")
        instance = form.get("X-appid")
        return _lines(f"token={self._registry.register(device, app, senders, instance).id}")

    def _unregister(self, device: Device, app: str) -> Response:
        registration = device.registration(app)
        if registration is not None:
            self._core.unregistered(registration)
        return _lines(f"deleted={app}")

    def _authenticated(self, header: str) -> Device | None:
        scheme, _, credentials = header.partition(" ")
        android_id, _, security_token = credentials.partition(":")
        if scheme != "AidLogin":
            return None
        return self._registry.authenticated(android_id, security_token)


def _lines(text: str) -> Response:
    return Response(200, PLAIN, text.encode())
