"""One end of a connection, as an asyncio transport: buffers, flow control, protocols and how it
ends.

The receiver's window limits what is under way; a sender with more to say keeps it in its send
buffer and asks its protocol to pause (flow control as in asyncio). Closing is what the kernel
does when a socket is closed. A protocol learns of an end when asyncio would look at the socket.

Simplification: a sender knows at once what its peer's protocol has read; only a *full* window is
reopened by a message that takes its time. What travels, and what happens if it does not arrive:
`sim.net.stream`.
"""

import asyncio
import errno
import socket
import struct
from asyncio import constants, protocols, sslproto
from asyncio.log import logger
from collections import deque
from collections.abc import Callable, Iterable
from contextvars import Context
from typing import TYPE_CHECKING, Any

from sim.net.rules import Kind
from sim.net.stream import FIN, Segment, StreamEnd, name_of
from sim.net.tls_protocol import SimTlsProtocol

if TYPE_CHECKING:
    from sim.hosts import Host

RECEIVE_WINDOW = 262_144
"""Bytes that may be under way or unread in one direction: of the order of Linux's windows."""

HIGH_WATER = 65_536
LOW_WATER = 16_384
"""Bytes in the send buffer at which a protocol is asked to pause and to resume: asyncio's defaults.
"""

_LINGER_ZERO = (socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
"""The option that makes closing a socket reset its connection."""


class SimTransport(StreamEnd):
    """See the module. Created in pairs by `sim.net.dial`; starts paused until a protocol is
    attached.
    """

    __slots__ = (
        "_attaching",
        "_backlog",
        "_closing",
        "_context",
        "_eof_heard",
        "_eof_sent",
        "_inbox",
        "_paused",
        "_protocol",
        "_protocol_paused",
        "_unnoticed",
        "_vain_writes",
        "_water",
        "on_gone",
    )

    _start_tls_compatible = True  # asyncio's start_tls() asks for this

    def __init__(self, host: "Host", local_port: int, number: int, direction: int) -> None:
        super().__init__(host, local_port, number, direction)
        self.on_gone: Any = None
        self._peer: SimTransport
        self._protocol: Any = None
        self._context: Context | None = None
        self._backlog: deque[bytes] | None = None
        self._inbox: deque[Segment] | None = None
        self._water: tuple[int, int] | None = None
        self._paused = True
        self._attaching = False
        self._protocol_paused = False
        self._closing = False
        self._eof_heard = False
        self._eof_sent = False
        self._unnoticed: OSError | None = None
        self._vain_writes = 0

    def __repr__(self) -> str:
        state = "dead" if self._dead else "closing" if self._closing else "open"
        ends = " -> ".join(f"{host}:{port}" for host, port in (self.address, self._peer.address))
        return f"<SimTransport #{self.number} {ends} {state}>"

    # -- attaching --------------------------------------------------------------------------

    def attach(self, protocol: asyncio.BaseProtocol, context: Context | None) -> None:
        """Give this end its protocol: `connection_made` now, what has arrived right after it.
        Callbacks run in the context, or, without one, in whatever context delivers (devices).
        """
        self.set_protocol(protocol)
        self._context = context
        # Arrivals keep waiting until the protocol was told; it may itself ask them to wait.
        self._attaching = True
        self._in_context(self._tell_made, protocol)
        if self._attaching:
            self._attaching = False
            self.resume_reading()

    def _tell_made(self, protocol: asyncio.BaseProtocol) -> None:
        try:
            protocol.connection_made(self)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            self._report(error, "protocol.connection_made() failed")

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol = protocol
        self._opaque = isinstance(protocol, sslproto.SSLProtocol)

    def get_protocol(self) -> asyncio.BaseProtocol:
        protocol: asyncio.BaseProtocol = self._protocol
        return protocol

    def _in_context(self, function: Any, *args: Any) -> Any:
        if self._context is None:
            return function(*args)
        return self._context.run(function, *args)

    def _soon(self, function: Any, *args: Any) -> None:
        self._network.loop.call_soon(function, *args, context=self._context)

    # -- sending ----------------------------------------------------------------------------

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if data.__class__ is not bytes:
            if not isinstance(data, bytes | bytearray | memoryview):
                raise TypeError(f"data must be bytes, bytearray or memoryview, not {data!r}")
            data = bytes(data)
        if self._eof_sent:
            raise RuntimeError("Cannot call write() after write_eof()")
        if not data:
            return
        if self._dead:
            self._write_in_vain()
            return
        room = RECEIVE_WINDOW - self._under_way
        if self._backlog is None and len(data) <= room:
            self.send(data)
            return
        if self._backlog is None:
            self._backlog = deque()
            if room > 0:
                self.send(data[:room])
                data = data[room:]
            self._network.windows.shut(self)
        self._backlog.append(data)
        self._pause_writing_if_full()

    def _write_in_vain(self) -> None:
        """Nobody is there: asyncio drops the bytes, and after some warns of it."""
        if self._unnoticed is not None and not self._closing:
            self._force_close(self._unnoticed)
            return
        self._vain_writes += 1
        if self._vain_writes >= constants.LOG_THRESHOLD_FOR_CONNLOST_WRITES:
            logger.warning("socket.send() raised exception.")

    def _pause_writing_if_full(self) -> None:
        high = self._water[1] if self._water else HIGH_WATER
        if not self._protocol_paused and self.get_write_buffer_size() > high:
            self._protocol_paused = True
            self._tell(self._protocol.pause_writing)

    def _tell(self, callback: Callable[[], object]) -> None:
        """Call the protocol; a fault of it is reported and does not end the connection."""
        try:
            callback()
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            self._report(error, f"protocol.{callback.__name__}() failed")

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        self.write(b"".join(list_of_data))

    def window_told(self) -> None:
        """The peer says how much it takes: send on from the send buffer."""
        backlog = self._backlog
        if backlog is None or self._dead:
            return
        if self._under_way < RECEIVE_WINDOW:
            self._network.windows.progressed(self)
        while backlog:
            room = RECEIVE_WINDOW - self._under_way
            if room <= 0:
                break
            data = backlog.popleft()
            if len(data) > room:
                backlog.appendleft(data[room:])
                data = data[:room]
            self.send(data)
        if not backlog:
            self._drop_backlog()
        low = self._water[0] if self._water else LOW_WATER
        if self._protocol_paused and self.get_write_buffer_size() <= low:
            self._protocol_paused = False
            if self.host.is_paused:
                self._soon(self._tell, self._protocol.resume_writing)
            else:
                self._in_context(self._tell, self._protocol.resume_writing)
        if self._backlog is None and not self._dead:  # resume_writing() may do anything
            if self._closing:
                self._end(None)
            elif self._eof_sent:
                self.send_fin()

    def _drop_backlog(self) -> None:
        if self._backlog is not None:
            self._backlog = None
            self._network.windows.opened(self)

    def get_write_buffer_size(self) -> int:
        """Bytes that wait for the peer's window."""
        return sum(map(len, self._backlog)) if self._backlog else 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        if high is None:
            high = HIGH_WATER if low is None else 4 * low
        if low is None:
            low = high // 4
        if not high >= low >= 0:
            raise ValueError(f"high ({high!r}) must be >= low ({low!r}) must be >= 0")
        self._water = (low, high)
        self._pause_writing_if_full()

    def get_write_buffer_limits(self) -> tuple[int, int]:
        return self._water or (LOW_WATER, HIGH_WATER)

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        if self._closing or self._eof_sent:
            return
        self._eof_sent = True
        if self._dead:
            raise OSError(errno.ENOTCONN, "Transport endpoint is not connected")
        if self._backlog is None:
            self.send_fin()

    # -- receiving --------------------------------------------------------------------------

    def take(self, segment: Segment) -> None:
        if self._paused or self._inbox:
            if self._inbox is None:
                self._inbox = deque()
            self._inbox.append(segment)
        elif segment is FIN:  # a turn behind the bytes that came with it, as from a selector
            self._inbox = deque([FIN])
            self._soon(self._drain_inbox)
        elif self._context is None:
            self._receive(segment)
        else:
            self._context.run(self._receive, segment)

    def _drain_inbox(self) -> None:
        """Read what waits, never more than asyncio reads at once; the end comes a turn later."""
        if self._paused or self._closing:
            return
        inbox, self._inbox = self._inbox or deque(), None
        unread = [piece for segment in inbox for piece in segment]
        if unread:
            if inbox[-1] is FIN:
                self._inbox = deque([FIN])
            self._receive(unread)
            if self._inbox or self._unnoticed is not None:
                self._soon(self._drain_inbox)
        elif inbox:
            self._receive(FIN)
        elif self._unnoticed is not None and not self._eof_heard:
            self._force_close(self._unnoticed)

    def _receive(self, segment: Segment) -> None:
        if segment is FIN:
            self._receive_eof()
            return
        data = segment[0] if len(segment) == 1 else b"".join(segment)
        peer = self._peer
        peer._under_way -= len(data)
        if peer._backlog is not None:
            network = self.host.network
            delay = network.delay(self.host, peer.host)
            network.environment.call_later(delay, self._tell_window)
        protocol = self._protocol
        try:
            if isinstance(protocol, asyncio.BufferedProtocol):
                protocols._feed_data_to_buffered_proto(protocol, data)  # type: ignore[attr-defined]
            else:
                protocol.data_received(data)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            self._fail(error, "protocol.data_received() failed")

    def _tell_window(self) -> None:
        """What this end has read opens the peer's window, if the peer hears of it; if not, a probe
        finds out.
        """
        peer, network = self._peer, self._network
        if peer.hears() and (network.unobserved or network.path.verdict(self, Kind.ACK) is None):
            peer.window_told()

    def _receive_eof(self) -> None:
        self._eof_heard = True
        try:
            keep_open = self._protocol.eof_received()
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            self._fail(error, "protocol.eof_received() failed")
            return
        if not keep_open:
            self.close()

    def _fail(self, error: BaseException, message: str) -> None:
        if not isinstance(error, OSError):  # asyncio takes that for the connection's
            self._report(error, message)
        self._force_close(error)

    def _report(self, error: BaseException, message: str) -> None:
        ends = {"transport": self, "protocol": self._protocol}
        self._network.loop.call_exception_handler({"message": message, "exception": error} | ends)

    @property
    def unread(self) -> int:
        """Bytes that have arrived and that the protocol was not told of yet."""
        return sum(len(piece) for segment in self._inbox or () for piece in segment)

    def is_reading(self) -> bool:
        return not self._paused and not self._closing

    def pause_reading(self) -> None:
        self._paused = True
        self._attaching = False

    def resume_reading(self) -> None:
        if self._closing or not self._paused:
            return
        self._paused = False
        if self._eof_heard:  # a socket at its end of file says so as often as it is read
            self._inbox = deque([FIN])
        if self._inbox or self._unnoticed is not None:
            self._soon(self._drain_inbox)

    # -- ending -----------------------------------------------------------------------------

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        """Send what is buffered, then end as a closed socket does: see `_end`."""
        if self._closing:
            return
        self._closing = True
        self._paused = True  # what arrives from now on stays unread
        if self._backlog is None:
            self._end(None)

    def abort(self) -> None:
        """End at once, dropping what is buffered. As in asyncio this need not be a RST."""
        self._force_close(None)

    def _force_close(self, error: BaseException | None) -> None:
        # asyncio's TLS protocol calls this by its name.
        if self._closing and self._backlog is None:
            return
        self._closing = True
        self._drop_backlog()
        self._end(error)

    def _end(self, error: BaseException | None) -> None:
        """Close the socket: RST if bytes arrived that were never read or if SO_LINGER is set to
        zero seconds, FIN otherwise.
        """
        if not self._dead:
            unread = any(segment is not FIN for segment in self._inbox or ())
            if unread or _LINGER_ZERO in self._options:
                self.send_reset()
            else:
                self.send_fin()
        self._lose(error)

    def forget(self) -> None:
        """The world is over: count as closed, so that nobody warns of a connection left open."""
        self._dead = self._closing = True
        protocol, self._protocol = self._protocol, None
        if isinstance(protocol, SimTlsProtocol):
            protocol.forget()

    def vanish(self) -> None:
        """The power of the host fails: nothing is sent, and its code is told nothing."""
        self._dead = self._closing = True
        self._drop_backlog()
        self._inbox = None
        self._network.connection_ended(self, "power cut")

    def hold(self) -> bool:
        """The host's code is paused: keep what arrives. Whether it was reading."""
        was_reading = not (self._paused or self._eof_heard)
        if was_reading:
            self._paused = True
        return was_reading

    def broken(self, error: OSError) -> None:
        fin_came = self._eof_heard or (self._inbox and self._inbox[-1] is FIN)
        if fin_came and not self._fin_sent and isinstance(error, ConnectionResetError):
            error = BrokenPipeError(errno.EPIPE, "Broken pipe")  # Linux, tcp_reset()
        if self._protocol is None:  # nobody knows of the connection yet
            self._lose(error)
            return
        # asyncio finds out when it looks at the socket: at its next turn if it wants to read or has
        # bytes to write, else when it reads or writes again. What arrived before can be read.
        self._dead = True
        self._unnoticed = error
        if self._backlog is not None:
            self._soon(self._notice)
        elif not (self._paused or self._eof_heard):
            self._soon(self._drain_inbox)

    def _notice(self) -> None:
        """The protocol finds out how the connection has ended."""
        if not self._closing or self._backlog is not None:
            self._force_close(self._unnoticed)

    def _lose(self, error: BaseException | None) -> None:
        self._dead = True
        self._closing = True
        cause = error or self._unnoticed
        how = name_of(cause) if cause is not None else "fin" if self._fin_sent else "rst"
        self._network.connection_ended(self, how)
        self._soon(self._connection_lost, error)

    def _connection_lost(self, error: BaseException | None) -> None:
        protocol, self._protocol = self._protocol, None
        on_gone, self.on_gone = self.on_gone, None
        self._inbox = None
        try:
            if protocol is not None:
                protocol.connection_lost(error)
        finally:
            if on_gone is not None:
                on_gone(self)
