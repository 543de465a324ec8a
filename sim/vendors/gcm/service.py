"""The mock GCM assembled: HTTP connection server, registration, push core and MTalk."""

import asyncio
import ssl
from collections.abc import Callable
from random import Random
from typing import Any

from sim.vendors.doorkeeper import handshake_limit
from sim.vendors.errors import UnknownDevice, UnknownRegistration
from sim.vendors.gcm.core import GcmStatistics, PushCore
from sim.vendors.gcm.http import SEND_PATHS, SendEndpoint
from sim.vendors.gcm.http_messages import Request, Response, error_page
from sim.vendors.gcm.http_server import HttpConnection, HttpServer
from sim.vendors.gcm.mtalk import MtalkConnection
from sim.vendors.gcm.phone_http import CHECKIN_PATH, REGISTER_PATH, PhoneEndpoints
from sim.vendors.gcm.registry import Device, Registration, Registry
from sim.vendors.gcm.sending import Sender
from sim.vendors.gcm.settings import GcmSettings
from sim.vendors.overrides import Override
from sim.vendors.seams import Trace

HTTPS_PORT = 443
HTTP_PORT = 80
MTALK_PORT = 5228

SHUTDOWN_TIMEOUT = 1.0
"""Seconds that requests in progress get when the service stops."""


class GcmService:
    """GCM.

    `provider_tls` is the server context of the HTTPS port. `phone_tls` is that of the MTalk port;
    without it MTalk is a plain connection, and the phones' HTTP endpoints are on a plain port
    too. Time is the loop's and `time.time()`; every random draw comes from `rng`.
    """

    def __init__(
        self,
        settings: GcmSettings,
        *,
        host_name: str,
        trace: Trace,
        rng: Random,
        provider_tls: ssl.SSLContext,
        phone_tls: ssl.SSLContext | None = None,
    ) -> None:
        self._registry = Registry(rng, old_id_ttl=settings.canonical_old_id_ttl)
        self._core = PushCore(settings, host_name=host_name, trace=trace, rng=rng)
        self._sending = SendEndpoint(self._core, Sender(self._core, self._registry, rng), rng)
        self._phones = PhoneEndpoints(self._core, self._registry)
        self._phones_door = self._core.doorkeeper()
        self._provider_tls = provider_tls
        self._phone_tls = phone_tls
        self._servers: list[asyncio.Server] = []
        self._web_servers: list[HttpServer] = []

    # -- running

    async def start(
        self,
        host: str | None = None,
        *,
        https_port: int = HTTPS_PORT,
        mtalk_port: int = MTALK_PORT,
        http_port: int = HTTP_PORT,
    ) -> None:
        """Listen on the current loop's host; `http_port` only when phones use no TLS.

        Raises OSError if a port is taken.
        """
        loop = asyncio.get_running_loop()
        providers = _ProviderServer(self._core, self._answer)
        self._web_servers.append(providers)
        self._servers.append(
            await loop.create_server(
                providers,
                host,
                https_port,
                ssl=self._provider_tls,
                **handshake_limit(self._provider_tls),
            )
        )
        self._servers.append(
            await loop.create_server(
                self._new_mtalk,
                host,
                mtalk_port,
                ssl=self._phone_tls,
                **handshake_limit(self._phone_tls),
            )
        )
        if self._phone_tls is None:
            phones = HttpServer(self._answer_phone, self._core.doorkeeper())
            self._web_servers.append(phones)
            self._servers.append(await loop.create_server(phones, host, http_port))

    def close_listeners(self) -> None:
        """Take no more connections; those that there are stay."""
        for server in self._servers:
            server.close()
        self._servers.clear()

    async def stop(self) -> None:
        """Close the listeners; end the connections of senders and of phones with a session.

        Does not wait for phones: one that is off the network would keep it waiting for minutes.
        """
        self.close_listeners()
        for device in self._registry.devices():
            if device.session is not None:
                device.session.abort()
        for web_server in self._web_servers:
            await web_server.shutdown(SHUTDOWN_TIMEOUT)
        self._web_servers.clear()

    @property
    def ports(self) -> tuple[int, ...]:
        """The ports listened on: HTTPS, MTalk and, without TLS for phones, HTTP."""
        return tuple(server.sockets[0].getsockname()[1] for server in self._servers)

    def _new_mtalk(self) -> MtalkConnection:
        return MtalkConnection(self._core, self._registry, self._phones_door)

    def _answer(self, request: Request) -> Response:
        if request.method == "POST" and request.path in SEND_PATHS:
            return self._sending.answer(request)
        return self._answer_phone(request)

    def _answer_phone(self, request: Request) -> Response:
        if request.method == "POST" and request.path == CHECKIN_PATH:
            return self._phones.check_in(request)
        if request.method == "POST" and request.path == REGISTER_PATH:
            return self._phones.register(request)
        return error_page(404)

    # -- provisioning and looking, without the network

    def add_device(self) -> tuple[int, int]:
        """Make a device known, as its check-in would; returns (android id, security token)."""
        device = self._registry.add_device()
        return device.android_id, device.security_token

    def register(self, android_id: int, app: str, senders: list[str]) -> str:
        """The registration id of an app (package) on a device, given if need be."""
        return self._registry.register(self._device(android_id), app, senders).id

    def token_of(self, android_id: int, app: str) -> str | None:
        """The newest registration id of an app on a device; None if it never registered."""
        registration = self._device(android_id).registration(app)
        return registration.id if registration is not None else None

    def is_connected(self, android_id: int) -> bool:
        """Whether the service believes that the device is online."""
        session = self._device(android_id).session
        return session is not None and not session.has_fallen_silent()

    def statistics(self) -> GcmStatistics:
        """Counters since the start; the object goes on counting."""
        return self._core.statistics

    # -- making things happen

    def refresh(self, android_id: int, app: str) -> str:
        """Give the app a new registration id; the old one becomes an alias. Returns the new one."""
        registration = self._registration(android_id, app)
        device, senders = registration.device, registration.senders
        return self._registry.refresh(device, app, senders, registration.instance).id

    def uninstall(self, android_id: int, app: str) -> bool:
        """The app is gone from the device; GCM finds out when it next tries to deliver.

        False if the app has no registration there. For phones that cannot say it themselves.
        """
        registration = self._device(android_id).registration(app)
        if registration is None:
            return False
        registration.removed = True
        return True

    def unregister(self, android_id: int, app: str) -> None:
        """End the registration as the app's own call would."""
        self._core.unregistered(self._registration(android_id, app))

    def invalidate(self, registration_id: str) -> bool:
        """Make an id unknown: senders get NotRegistered for it. False if it was unknown."""
        return self._registry.forget(registration_id)

    def override(self, changes: dict[str, Any], used: Callable[[], None]) -> Override[GcmSettings]:
        """Let other settings hold for a while; see `Overrides.add`."""
        return self._core.overrides.add(changes, used)

    def _device(self, android_id: int) -> Device:
        device = self._registry.device(android_id)
        if device is None:
            raise UnknownDevice("no device with this android id; add it or let it check in first")
        return device

    def _registration(self, android_id: int, app: str) -> Registration:
        registration = self._device(android_id).registration(app)
        if registration is None:
            raise UnknownRegistration(f"{app} has no registration on this device")
        return registration


class _ProviderServer(HttpServer):
    """The HTTPS server, which tells the trace about its connections."""

    def __init__(self, core: PushCore, answer: Callable[[Request], Response]) -> None:
        super().__init__(answer, core.doorkeeper())
        self._core = core

    def connection_made(self, connection: HttpConnection) -> None:
        super().connection_made(connection)
        self._core.statistics.connections_opened += 1
        self._core.emit("vendor.connected", peer=connection.peer, topic=None)

    def connection_lost(self, connection: HttpConnection, error: Exception | None) -> None:
        super().connection_lost(connection, error)
        reason = "peer" if error is None else "lost"
        self._core.emit("vendor.closed", peer=connection.peer, reason=reason)
