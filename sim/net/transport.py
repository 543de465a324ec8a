"""One end of a connection, as an asyncio transport.

Model: an ordered stream of segments in each direction. A segment arrives after the path's
latency, never before the one sent ahead of it. FIN ends a direction; RST ends the connection;
bytes for an end that is gone are answered with RST. The receiver's window limits what is under
way; a sender with more to say keeps it in its send buffer and asks its protocol to pause (flow
control as in asyncio). While a host is off the network what is sent to or from it is
retransmitted with back-off, and given up with ETIMEDOUT after the retry limit; nobody learns of
it earlier.

Simplifications: no packets smaller than a write (what is written at one instant is one segment);
acknowledgements are not sent as segments, the sender knows what its peer has read as soon as it
was read, and only a *full* window is reopened by a message that takes its time.
"""

import asyncio
import errno
import socket
import struct
from asyncio import protocols, sslproto
from collections import deque
from collections.abc import Iterable
from contextvars import Context
from typing import TYPE_CHECKING, Any

from sim.net import digest

if TYPE_CHECKING:
    from sim.hosts import Host
    from sim.net.network import Network

RECEIVE_WINDOW = 262_144
"""Bytes that may be under way or unread in one direction. Linux's autotuned windows are of this
order.
"""

HIGH_WATER = 65_536
LOW_WATER = 16_384
"""Bytes in the send buffer at which a protocol is asked to pause and to resume: asyncio's defaults.
"""

FIRST_RETRANSMISSION = 0.2
"""Seconds to the first retransmission (Linux's minimum RTO); doubles up to `MAX_RETRANSMISSION`."""
MAX_RETRANSMISSION = 120.0
RETRY_LIMIT = 924.6
"""Seconds without an answer after which the sender gives up (Linux, tcp_retries2 = 15)."""

SocketOptions = tuple[tuple[int, int, Any], ...]
"""(level, name, value) of each option, in the order in which they were last set."""

_LINGER_ZERO = (socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
"""The option that makes closing a socket reset its connection."""

_EOF: list[bytes] = []
"""Stands for FIN in the order of segments. Told apart by identity, never changed."""


class SimTransport(asyncio.Transport):
    """See the module. Created in pairs by `connect_pair`; starts paused until a protocol is
    attached.
    """

    __slots__ = (
        "_arrival",
        "_backlog",
        "_closing",
        "_context",
        "_dead",
        "_eof_sent",
        "_inbox",
        "_opaque",
        "_options",
        "_paused",
        "_peer",
        "_protocol",
        "_protocol_paused",
        "_segment",
        "_segment_time",
        "_stalled",
        "_under_way",
        "_water",
        "direction",
        "host",
        "local_port",
        "number",
        "on_gone",
    )

    _start_tls_compatible = True  # asyncio's start_tls() asks for this

    def __init__(self, host: "Host", local_port: int, number: int, direction: int) -> None:
        self.host = host
        self.local_port = local_port
        self.number = number
        self.direction = direction
        self.on_gone: Any = None
        self._peer: SimTransport
        self._protocol: Any = None
        self._context: Context | None = None
        self._arrival = 0.0
        self._segment: list[bytes] | None = None
        self._segment_time = -1.0
        self._under_way = 0
        self._backlog: deque[bytes] | None = None
        self._inbox: deque[list[bytes]] | None = None
        self._stalled: deque[list[bytes]] | None = None
        self._options: SocketOptions = ()
        self._water: tuple[int, int] | None = None
        self._paused = True
        self._protocol_paused = False
        self._closing = False
        self._dead = False
        self._eof_sent = False
        self._opaque = False

    def __repr__(self) -> str:
        state = "dead" if self._dead else "closing" if self._closing else "open"
        local = f"{self.host.address}:{self.local_port}"
        remote = f"{self._peer.host.address}:{self._peer.local_port}"
        return f"<SimTransport #{self.number} {local} -> {remote} {state}>"

    # -- attaching --------------------------------------------------------------------------

    def attach(self, protocol: asyncio.BaseProtocol, context: Context | None) -> None:
        """Give this end its protocol: `connection_made` now, what has arrived right after it.

        With a context every callback runs in it; without one, in whatever context delivers
        (devices).
        """
        self.set_protocol(protocol)
        self._context = context
        self._in_context(protocol.connection_made, self)
        self._paused = False
        if self._inbox:
            self._soon(self._drain_inbox)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol = protocol
        self._opaque = isinstance(protocol, sslproto.SSLProtocol)

    def get_protocol(self) -> asyncio.BaseProtocol:
        protocol: asyncio.BaseProtocol = self._protocol
        return protocol

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        if name == "peername":
            return (self._peer.host.address, self._peer.local_port)
        if name == "sockname":
            return (self.host.address, self.local_port)
        if name == "socket":
            return self._network.socket_of(self)
        return default

    @property
    def options(self) -> SocketOptions:
        """Socket options that were set on this end."""
        return self._options

    @options.setter
    def options(self, options: SocketOptions) -> None:
        self._options = self._network.shared_options(options)

    @property
    def _network(self) -> "Network":
        return self.host.network

    def _in_context(self, function: Any, *args: Any) -> Any:
        if self._context is None:
            return function(*args)
        return self._context.run(function, *args)

    def _soon(self, function: Any, *args: Any) -> None:
        self._network.loop.call_soon(function, *args, context=self._context)

    # -- sending ----------------------------------------------------------------------------

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self._eof_sent and not self._closing:
            raise RuntimeError("Cannot call write() after write_eof()")
        if self._closing or self._dead or not data:
            return  # asyncio drops such writes as well; the peer never sees them
        data = bytes(data)
        room = RECEIVE_WINDOW - self._under_way
        if self._backlog is None and len(data) <= room:
            self._send(data)
            return
        if self._backlog is None:
            self._backlog = deque()
            if room > 0:
                self._send(data[:room])
                data = data[room:]
        self._backlog.append(data)
        high = self._water[1] if self._water else HIGH_WATER
        if not self._protocol_paused and self.get_write_buffer_size() > high:
            self._protocol_paused = True
            self._protocol.pause_writing()

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        self.write(b"".join(list_of_data))

    def _send(self, data: bytes) -> None:
        network = self.host.network
        now = network.environment._now
        network.digest.add(
            digest.OPAQUE if self._opaque else digest.SEGMENT,
            now,
            self.number,
            self.direction,
            data,
        )
        self._under_way += len(data)
        if self._segment is not None and self._segment_time == now:
            self._segment.append(data)
            return
        segment = [data]
        self._segment = segment
        self._segment_time = now
        self._dispatch(segment)

    def _dispatch(self, segment: list[bytes]) -> None:
        """Put a segment (or FIN) on its way, behind whatever waits for retransmission."""
        if self._stalled is not None:
            self._stalled.append(segment)
            return
        network = self.host.network
        peer = self._peer
        arrival = network.environment._now + network.delay(self.host, peer.host)
        if arrival < self._arrival:
            arrival = self._arrival
        self._arrival = arrival
        network.environment.call_at(arrival, peer._arrive, segment)

    def _window_opened(self) -> None:
        """The peer has read: send on from the send buffer."""
        backlog = self._backlog
        if backlog is None or self._dead:
            return
        while backlog:
            room = RECEIVE_WINDOW - self._under_way
            if room <= 0:
                break
            data = backlog.popleft()
            if len(data) > room:
                backlog.appendleft(data[room:])
                data = data[:room]
            self._send(data)
        if not backlog:
            self._backlog = None
        low = self._water[0] if self._water else LOW_WATER
        if self._protocol_paused and self.get_write_buffer_size() <= low:
            self._protocol_paused = False
            self._in_context(self._protocol.resume_writing)
        if self._backlog is None:
            if self._closing:
                self._end(None)
            elif self._eof_sent:
                self._send_fin()

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

    def get_write_buffer_limits(self) -> tuple[int, int]:
        return self._water or (LOW_WATER, HIGH_WATER)

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        if self._closing or self._eof_sent:
            return
        self._eof_sent = True
        if self._backlog is None:
            self._send_fin()

    def _send_fin(self) -> None:
        network = self.host.network
        network.digest.add(digest.FIN, network.environment._now, self.number, self.direction, b"")
        self._segment = None
        self._dispatch(_EOF)

    # -- receiving --------------------------------------------------------------------------

    def _arrive(self, segment: list[bytes]) -> None:
        """A segment (or FIN) reached this end's host."""
        sender = self._peer
        if not (self.host.online and sender.host.online) or sender._stalled is not None:
            sender._stall(segment)
            return
        if sender._segment is segment:
            sender._segment = None
        if self._dead:
            # FIN to an end that is gone is the normal end of a connection, bytes are not.
            if segment is not _EOF:
                self._send_reset()
            return
        if self._paused or self._inbox:
            if self._inbox is None:
                self._inbox = deque()
            self._inbox.append(segment)
            return
        self._in_context(self._receive, segment)

    def _drain_inbox(self) -> None:
        inbox = self._inbox
        while inbox and not self._paused and not self._closing:
            self._receive(inbox.popleft())
        if not inbox:
            self._inbox = None

    def _receive(self, segment: list[bytes]) -> None:
        if segment is _EOF:
            self._receive_eof()
            return
        data = segment[0] if len(segment) == 1 else b"".join(segment)
        peer = self._peer
        peer._under_way -= len(data)
        if peer._backlog is not None:
            network = self.host.network
            network.environment.call_later(network.delay(self.host, peer.host), peer._window_opened)
        if self._closing:
            return
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

    def _receive_eof(self) -> None:
        if self._closing:
            return
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
        self._network.loop.call_exception_handler(
            {
                "message": message,
                "exception": error,
                "transport": self,
                "protocol": self._protocol,
            }
        )
        self._force_close(error)

    def is_reading(self) -> bool:
        return not self._paused and not self._closing

    def pause_reading(self) -> None:
        self._paused = True

    def resume_reading(self) -> None:
        if self._closing or not self._paused:
            return
        self._paused = False
        if self._inbox:
            self._soon(self._drain_inbox)

    # -- ending -----------------------------------------------------------------------------

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        """Send what is buffered, then end as a closed socket does: see `_end`."""
        if self._closing:
            return
        self._closing = True
        if self._backlog is None:
            self._end(None)

    def abort(self) -> None:
        """End at once, dropping what is buffered. As in asyncio this need not be a RST."""
        self._force_close(None)

    def _force_close(self, error: BaseException | None) -> None:
        # asyncio's TLS protocol calls this by its name.
        if self._dead:
            return
        self._closing = True
        self._backlog = None
        self._end(error)

    def _end(self, error: BaseException | None) -> None:
        """Close the socket: RST if bytes arrived that were never read or if SO_LINGER is set to
        zero seconds, FIN otherwise.
        """
        unread = self._inbox is not None and any(segment is not _EOF for segment in self._inbox)
        if unread or _LINGER_ZERO in self._options:
            self._send_reset()
        elif not self._eof_sent:
            self._eof_sent = True
            self._send_fin()
        self._lose(error)

    def _send_reset(self) -> None:
        network = self.host.network
        now = network.environment._now
        network.digest.add(digest.RST, now, self.number, self.direction, b"")
        peer = self._peer
        arrival = max(now + network.delay(self.host, peer.host), self._arrival)
        network.environment.call_at(arrival, peer._arrive_reset)

    def _arrive_reset(self) -> None:
        if self._dead or not (self.host.online and self._peer.host.online):
            return  # a lost RST is not sent again
        self._break(ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"))

    def _break(self, error: OSError) -> None:
        """The connection is over without a word to the peer."""
        self._closing = True
        self._backlog = None
        self._inbox = None
        self._lose(error)

    def _lose(self, error: BaseException | None) -> None:
        if self._dead:
            return
        self._dead = True
        self._closing = True
        how = _name(error) if error is not None else "fin" if self._eof_sent else "rst"
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

    # -- a path that is down ----------------------------------------------------------------

    def _stall(self, segment: list[bytes]) -> None:
        """A segment of ours did not arrive: try again with back-off until the retry limit."""
        if self._segment is segment:
            self._segment = None
        if self._stalled is not None:
            self._stalled.append(segment)
            return
        self._stalled = deque([segment])
        environment = self.host.network.environment
        self._retry(environment._now, FIRST_RETRANSMISSION)

    def _retry(self, since: float, wait: float) -> None:
        environment = self.host.network.environment
        environment.call_later(wait, self._retransmit, since, min(wait * 2, MAX_RETRANSMISSION))

    def _retransmit(self, since: float, next_wait: float) -> None:
        environment = self.host.network.environment
        stalled = self._stalled
        if stalled is None:
            return
        if environment._now < self._arrival:
            # What was sent before the path came back is still under way and has to queue up first.
            environment.call_at(self._arrival, self._retransmit, since, next_wait)
        elif self.host.online and self._peer.host.online:
            self._stalled = None
            for segment in stalled:
                self._dispatch(segment)
        elif environment._now - since >= RETRY_LIMIT:
            self._stalled = None
            if not self._dead:
                self._break(TimeoutError(errno.ETIMEDOUT, "Connection timed out"))
        else:
            self._retry(since, next_wait)


def _name(error: BaseException) -> str:
    if isinstance(error, OSError) and error.errno:
        return errno.errorcode.get(error.errno, "error").lower()
    return type(error).__name__


def connect_pair(
    number: int, client: "Host", client_port: int, server: "Host", server_port: int
) -> tuple[SimTransport, SimTransport]:
    """The two ends of a new established connection: (client's, server's), both without protocol."""
    ours = SimTransport(client, client_port, number, 0)
    theirs = SimTransport(server, server_port, number, 1)
    ours._peer, theirs._peer = theirs, ours
    return ours, theirs
