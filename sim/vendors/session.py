"""A phone's connection to its push service, server's side, as far as both protocols are alike.

One object per connection; idle it holds no buffer and no timer. It reads one message after the
other and keeps the beginning of an incomplete one, whose length the protocols limit. Malformed
input closes the connection without an answer. What arrives after the service decided to close is
not read: it may be about a session that another connection has taken over.

A device has one session, that of its newest login. What a login is, and what else is said on the
connection, is each protocol's own business.
"""

import asyncio
from abc import ABC, abstractmethod
from typing import Any, Generic, Protocol, TypeVar

from sim.vendors.delivery import DeliveryCore
from sim.vendors.errors import MalformedInput
from sim.vendors.store import Holder


class SessionHolder(Holder, Protocol):
    """A device as its connections see it."""

    session: Any | None


Core = TypeVar("Core", bound=DeliveryCore[Any, Any])
Device = TypeVar("Device", bound=SessionHolder)


class PhoneSession(asyncio.Protocol, ABC, Generic[Core, Device]):
    """One phone's connection; see the module."""

    __slots__ = ("_buffer", "_core", "_device", "_transport")

    _transport: asyncio.Transport

    def __init__(self, core: Core) -> None:
        self._core = core
        self._device: Device | None = None
        self._buffer: bytearray | None = None

    @abstractmethod
    def _read(self, data: bytes | bytearray, start: int) -> int | None:
        """Act on the message at `start`. The position after it; None if it is not complete.

        Raises MalformedInput.
        """

    @abstractmethod
    def replace(self) -> None:
        """A newer session of the device takes over: end this one."""

    # -- called by the transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        source: bytes | bytearray = data
        if self._buffer is not None:
            self._buffer += data
            source, self._buffer = self._buffer, None
        position = 0
        try:
            while not self._transport.is_closing():
                after = self._read(source, position)
                if after is None:
                    if position < len(source):
                        self._buffer = bytearray(source[position:])
                    return
                position = after
        except MalformedInput:
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        device, self._device = self._device, None
        if device is not None and device.session is self:
            device.session = None
            self._core.session_ended(device)

    # -- called by the service

    def close(self) -> None:
        """End the connection in order."""
        self._transport.close()

    def abort(self) -> None:
        """End the connection at once: the service stops."""
        self._transport.abort()

    # -- for the protocols

    def _log_in(self, device: Device) -> bool:
        """This is the device's session from now on. Whether it took the place of an older one."""
        older, device.session = device.session, self
        self._device = device
        if older is not None:
            older.replace()
        return older is not None

    def _write(self, data: bytes) -> None:
        self._transport.write(data)
