"""One TLS connection to the APNs gateway: bytes and flow control, no decisions."""

import asyncio
from typing import Protocol

from server.airnotifier.providers.apns.frames import ErrorPacket, decode_error
from server.airnotifier.providers.apns.tcp_progress import (
    TcpProgress,
    notice_dead_paths,
    tcp_progress,
)

WRITE_BUFFER = 65_536
"""Bytes that may wait in this process before writing pauses. The rest stays in the backlog, where
it can still be reordered, expire, or go to another connection."""


class Owner(Protocol):
    """Who is told about a connection."""

    def connection_made(self, connection: "Connection") -> None: ...

    def packet_received(self, connection: "Connection", packet: ErrorPacket) -> None: ...

    def connection_closed(self, connection: "Connection", reason: str) -> None: ...

    def wake(self) -> None: ...


class Connection(asyncio.Protocol):
    """Speaks for one socket. Everything it learns goes to its owner at once."""

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._transport: asyncio.Transport | None = None
        self._received = b""
        self._paused = False
        self._heard = False
        self._garbage = False
        self.name = ""
        """Local address and port."""
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def writable(self) -> bool:
        """Whether more bytes are welcome."""
        return not self._paused

    @property
    def unsent(self) -> bool:
        """Whether bytes still wait in this process."""
        return self._transport is not None and self._transport.get_write_buffer_size() > 0

    def progress(self) -> TcpProgress | None:
        """What the kernel says about the bytes that have left this process; see `tcp_progress`."""
        assert self._transport is not None
        return tcp_progress(self._transport.get_extra_info("socket"))

    def write(self, frames: list[bytes]) -> None:
        """Send frames with one call."""
        assert self._transport is not None
        self._transport.write(b"".join(frames))

    def close(self) -> None:
        """Send what is written, then end the connection."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """End the connection; what is still unsent would be discarded by the server anyway."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        # A low mark of zero makes "resume" mean that everything has left.
        transport.set_write_buffer_limits(high=WRITE_BUFFER, low=0)
        notice_dead_paths(transport.get_extra_info("socket"))
        address = transport.get_extra_info("sockname")
        self.name = f"{address[0]}:{address[1]}"
        self._owner.connection_made(self)

    def data_received(self, data: bytes) -> None:
        if self._heard:
            return
        self._received += data
        try:
            packet = decode_error(self._received)
        except ValueError:
            self._heard = self._garbage = True
            self.abort()
            return
        if packet is not None:
            self._heard = True  # a connection carries at most one packet
            self._owner.packet_received(self, packet)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_result(None)
        reason = "garbage" if self._garbage else type(exc).__name__ if exc else "closed"
        self._owner.connection_closed(self, reason)

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._owner.wake()
