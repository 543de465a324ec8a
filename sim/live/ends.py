"""The two kinds of ends that a connection through this process can have.

`SocketEnd` is an ordinary asyncio connection to a real socket. `LocalEnd` is the transport of a
phone or browser: it lives in this process, so it needs no socket of its own.
"""

import asyncio
import contextlib
import errno
import socket
import struct
from typing import Any, Final, cast

from sim.live.lane import FIN, RST, Lane

_LINGER_ZERO: Final = struct.pack("ii", 1, 0)
"""struct linger: on, for zero seconds: close() sends RST."""


class SocketEnd(asyncio.Protocol):
    """A real connection. What comes before `attach` waits for it."""

    def __init__(self) -> None:
        self.gone = False
        self._early: list[bytes] = []
        self._out: Lane | None = None
        self._incoming: Lane | None = None
        self._finished = False
        self._eof = False
        self.transport: asyncio.Transport

    def attach(self, outgoing: Lane, incoming: Lane) -> None:
        """What is read here goes into `outgoing`; what comes out of `incoming` is written here."""
        self._out, self._incoming = outgoing, incoming
        for item in self._early:
            outgoing.push(item)

    @property
    def abandoned(self) -> bool:
        """Whether whoever holds the other end of the socket has closed it."""
        return self.gone or self._eof

    def address(self, which: str) -> str:
        """`sockname` or `peername` as `address:port`."""
        name = self.transport.get_extra_info(which)
        return f"{name[0]}:{name[1]}" if name else ""

    # -- from asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._send(data)

    def eof_received(self) -> bool:
        self._eof = True
        self._send(FIN)
        return not self._finished

    def connection_lost(self, exc: Exception | None) -> None:
        was_reset = self.gone or exc is not None
        self.gone = True
        if exc is not None:
            self._send(RST)
        if self._out is not None:
            self._out.source_gone("rst" if was_reset else "fin")

    def pause_writing(self) -> None:
        if self._incoming is not None:
            self._incoming.block()

    def resume_writing(self) -> None:
        if self._incoming is not None:
            self._incoming.unblock()

    def _send(self, item: bytes) -> None:
        if self._out is None:
            self._early.append(item)
        else:
            self._out.push(item)

    # -- from the lanes

    def deliver(self, data: bytes) -> None:
        self.transport.write(data)

    def finish(self) -> None:
        self._finished = True
        if self._eof:
            self.transport.close()
        elif not self.transport.is_closing():
            with contextlib.suppress(OSError):  # it ended at this moment; connection_lost follows
                self.transport.write_eof()

    def reset(self, error: OSError) -> None:
        if not self.gone:
            sock: socket.socket | None = self.transport.get_extra_info("socket")
            if sock is not None and sock.fileno() >= 0:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
            self.transport.abort()
        self.gone = True

    def pause(self) -> None:
        if not self.transport.is_closing():
            self.transport.pause_reading()

    def resume(self) -> None:
        if not self.transport.is_closing():
            self.transport.resume_reading()


class LocalEnd(asyncio.Transport):
    """The transport of a protocol in this process, as `Host.connect` gives it."""

    _start_tls_compatible = True

    def __init__(self, loop: asyncio.AbstractEventLoop, names: dict[str, Any]) -> None:
        super().__init__(names)
        self.gone = False
        self._loop = loop
        self._protocol: asyncio.BaseProtocol | None = None
        self._out: Lane
        self._incoming: Lane
        self._closing = False
        self._eof_heard = False
        self._fin_sent = False
        self._reading = True

    def attach(self, outgoing: Lane, incoming: Lane) -> None:
        """What is written here goes into `outgoing`."""
        self._out, self._incoming = outgoing, incoming

    def open(self, protocol: asyncio.BaseProtocol) -> None:
        """Give the connection to its protocol."""
        self._protocol = protocol
        protocol.connection_made(self)

    # -- the transport

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if data and not self._closing:
            self._out.push(bytes(data))

    def write_eof(self) -> None:
        self._fin_sent = True
        self._out.push(FIN)

    def can_write_eof(self) -> bool:
        return True

    def close(self) -> None:
        """FIN behind what was written; data that still comes is answered with RST."""
        self._end(FIN)

    def abort(self) -> None:
        self._end(RST)

    def is_closing(self) -> bool:
        return self._closing

    def pause_reading(self) -> None:
        self._reading = False
        self._incoming.block()

    def resume_reading(self) -> None:
        self._reading = True
        self._incoming.unblock()

    def is_reading(self) -> bool:
        return self._reading

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        assert self._protocol is not None
        return self._protocol

    def get_write_buffer_size(self) -> int:
        """Nothing waits here: what is written is on its way."""
        return 0

    def _end(self, item: bytes) -> None:
        if self._closing:
            return
        self._closing = self.gone = True
        self._out.push(item)
        self._loop.call_soon(self._lost, None, "fin" if item is FIN else "rst")

    def _lost(self, error: OSError | None, how: str) -> None:
        self._out.source_gone(how)
        protocol, self._protocol = self._protocol, None
        if protocol is not None:
            protocol.connection_lost(error)

    # -- from the lanes

    def deliver(self, data: bytes) -> None:
        protocol = self._protocol
        if isinstance(protocol, asyncio.BufferedProtocol):
            view = memoryview(data)
            while view:
                buffer = memoryview(protocol.get_buffer(len(view)))
                size = min(len(buffer), len(view))
                buffer[:size] = view[:size]
                protocol.buffer_updated(size)
                view = view[size:]
        elif protocol is not None:
            cast(asyncio.Protocol, protocol).data_received(data)

    def finish(self) -> None:
        self._eof_heard = True
        if self._protocol is not None:
            stays = cast(asyncio.Protocol, self._protocol).eof_received()
            if not stays:
                self.close()

    def reset(self, error: OSError) -> None:
        if not self.gone:
            half_closed = self._eof_heard and not self._fin_sent
            if half_closed and isinstance(error, ConnectionResetError):
                error = BrokenPipeError(errno.EPIPE, "Broken pipe")  # Linux, tcp_reset()
            self._closing = self.gone = True
            self._lost(error, errno.errorcode.get(error.errno or 0, "error").lower())

    def pause(self) -> None:
        if self._protocol is not None:
            self._protocol.pause_writing()

    def resume(self) -> None:
        if self._protocol is not None:
            self._protocol.resume_writing()
