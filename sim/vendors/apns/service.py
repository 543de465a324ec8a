"""The mock APNs assembled: provider gateway, push core and courier, for one environment."""

import asyncio
import ssl
from collections.abc import Callable
from random import Random
from typing import Any

from sim.vendors.apns.certificates import Environment
from sim.vendors.apns.core import ApnsStatistics, PushCore, Removal
from sim.vendors.apns.courier import CourierConnection
from sim.vendors.apns.gateway import ProviderGateway
from sim.vendors.apns.registry import AppToken, Device, Registry, topic_hash
from sim.vendors.apns.settings import ApnsSettings
from sim.vendors.doorkeeper import handshake_limit
from sim.vendors.errors import UnknownDevice
from sim.vendors.overrides import Override
from sim.vendors.seams import Trace

PROVIDER_PORT = 2195
COURIER_PORT = 5223


class ApnsService:
    """APNs of one environment ("production" or "development", which users call sandbox).

    `provider_tls` is the server context of the provider port: it has to ask for, but not require,
    client certificates (CERT_OPTIONAL). `phone_tls` is that of the courier port; None means plain
    connections. Time is the loop's and `time.time()`; every random draw comes from `rng`.
    """

    def __init__(
        self,
        settings: ApnsSettings,
        *,
        host_name: str,
        trace: Trace,
        rng: Random,
        provider_tls: ssl.SSLContext,
        phone_tls: ssl.SSLContext | None = None,
        environment: Environment = "production",
    ) -> None:
        self._registry = Registry(rng, reinstall_keeps_token=settings.reinstall_keeps_token)
        self._core = PushCore(
            settings,
            self._registry,
            host_name=host_name,
            trace=trace,
            rng=rng,
            letter="a" if environment == "production" else "d",
        )
        self._gateway = ProviderGateway(self._core, environment, rng)
        self._phones_door = self._core.doorkeeper()
        self._provider_tls = provider_tls
        # TLS 1.3 sends session tickets after the handshake; providers that select() on the
        # raw socket take them for an error packet.
        provider_tls.maximum_version = ssl.TLSVersion.TLSv1_2
        self._phone_tls = phone_tls
        self._servers: list[asyncio.Server] = []

    # -- running

    async def start(
        self,
        host: str | None = None,
        *,
        provider_port: int = PROVIDER_PORT,
        courier_port: int = COURIER_PORT,
    ) -> None:
        """Listen on both ports of the current loop's host. Raises OSError if a port is taken."""
        loop = asyncio.get_running_loop()
        for factory, port, tls in (
            (self._gateway, provider_port, self._provider_tls),
            (self._new_courier, courier_port, self._phone_tls),
        ):
            self._servers.append(
                await loop.create_server(factory, host, port, ssl=tls, **handshake_limit(tls))
            )

    def close_listeners(self) -> None:
        """Take no more connections; those that there are stay."""
        for server in self._servers:
            server.close()
        self._servers.clear()

    async def stop(self) -> None:
        """Close the listeners; reset the connections of providers and of phones with a session.

        Does not wait for peers: one that is off the network would keep it waiting for minutes.
        """
        self.close_listeners()
        for connection in list(self._gateway.connections):
            connection.abort()
        for device in self._registry.devices():
            if device.session is not None:
                device.session.abort()

    @property
    def ports(self) -> tuple[int, ...]:
        """The ports listened on: provider, courier."""
        return tuple(server.sockets[0].getsockname()[1] for server in self._servers)

    def _new_courier(self) -> CourierConnection:
        return CourierConnection(self._core, self._phones_door)

    # -- provisioning and looking, without the network

    def add_device(self) -> bytes:
        """Make a device known, as its first connection would; returns its device token."""
        return self._registry.add_device().token

    def issue(self, device: bytes, app: str) -> bytes:
        """The push token of an app (bundle id) on a device, issued if need be."""
        return self._registry.issue(self._device(device), topic_hash(app)).value

    def token_of(self, device: bytes, app: str) -> bytes | None:
        """The push token of an app on a device; None if it never asked for one."""
        found = self._app(device, app)
        return found.value if found is not None else None

    def is_connected(self, device: bytes) -> bool:
        """Whether the service believes that the device is online."""
        session = self._device(device).session
        return session is not None and not session.has_fallen_silent()

    def statistics(self) -> ApnsStatistics:
        """Counters since the start; the object goes on counting."""
        return self._core.statistics

    def removals(self) -> list[Removal]:
        """Apps found gone, in the order of finding: the feedback service will hand these out."""
        return list(self._core.removals)

    # -- making things happen

    def uninstall(self, device: bytes, app: str) -> bool:
        """The app is gone from the device; APNs finds out when it next tries to deliver.

        False if the app has no token there. For phones that cannot say it themselves.
        """
        found = self._app(device, app)
        if found is None:
            return False
        found.removed = True
        return True

    def invalidate(self, token: bytes) -> bool:
        """Make a push token unknown: providers get code 8 for it. False if it was unknown."""
        return self._registry.invalidate(token)

    def shut_down_connections(self) -> int:
        """Send code 10 on every open provider connection and close it; new ones are welcome.

        Returns how many there were.
        """
        connections = self._gateway.open_connections
        for connection in connections:
            connection.shut_down()
        return len(connections)

    def close_silently(self) -> int:
        """Close every open provider connection without a word; new ones are welcome.

        Returns how many there were.
        """
        connections = self._gateway.open_connections
        for connection in connections:
            connection.close_silently()
        return len(connections)

    def reissue(self, device: bytes, app: str) -> bytes:
        """Give the app on the device another push token and forget the one it had.

        Returns the new one. The app learns of it when it next asks.
        """
        found = self._app(device, app)
        if found is not None:
            self._registry.invalidate(found.value)
        return self.issue(device, app)

    def override(self, changes: dict[str, Any], used: Callable[[], None]) -> Override[ApnsSettings]:
        """Let other settings hold for a while; see `Overrides.add`."""
        return self._core.overrides.add(changes, used)

    def _device(self, token: bytes) -> Device:
        device = self._registry.device(token)
        if device is None:
            raise UnknownDevice("no device with this token; add it or let it connect first")
        return device

    def _app(self, device: bytes, app: str) -> AppToken | None:
        return self._device(device).app(topic_hash(app))
