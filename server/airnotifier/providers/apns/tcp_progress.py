"""What the kernel knows about a connection on which the other end hardly ever speaks: how much of
what was written has arrived, and when to give a dead path up.

Source: Linux, `struct tcp_info` in include/uapi/linux/tcp.h, and tcp(7) for the options.

Simplification: only Linux (4.19 and later) tells how many bytes were acknowledged. Elsewhere what
has left the process counts as arrived, so a path that swallows everything looks like consent for as
long as the system itself does not give the connection up.
"""

import socket
import struct
from typing import NamedTuple, Protocol

USER_TIMEOUT = 30_000
"""Milliseconds that bytes may stay unacknowledged before the connection is given up. Linux's own
limit is a quarter of an hour, in which everything written would wait."""

_OPTIONS = (
    (socket.SOL_SOCKET, "SO_KEEPALIVE", 1),
    # Seconds. Firewalls forget idle connections without telling; Linux would ask after two hours.
    (socket.IPPROTO_TCP, "TCP_KEEPIDLE", 60),
    (socket.IPPROTO_TCP, "TCP_KEEPINTVL", 15),
    (socket.IPPROTO_TCP, "TCP_USER_TIMEOUT", USER_TIMEOUT),
)
_TCP_INFO: int | None = getattr(socket, "TCP_INFO", None)
_INFO = struct.Struct("=120xQ16xI52xQQ")
"""tcpi_bytes_acked, tcpi_notsent_bytes, tcpi_bytes_sent, tcpi_bytes_retrans."""


class Socket(Protocol):
    """As much of a socket as asyncio gives away."""

    def getsockopt(self, level: int, option: int, size: int, /) -> bytes: ...

    def setsockopt(self, level: int, option: int, value: int, /) -> None: ...


class TcpProgress(NamedTuple):
    """Bytes since the start of the connection."""

    written: int
    """Given to the kernel."""
    acknowledged: int
    """Known to have arrived; SYN counts as one."""


def tcp_progress(connection: Socket) -> TcpProgress | None:
    """How far a connection has come; None where the system does not tell."""
    if _TCP_INFO is None:
        return None
    try:
        info = connection.getsockopt(socket.IPPROTO_TCP, _TCP_INFO, _INFO.size)
    except OSError:
        return None
    if len(info) < _INFO.size:
        return None
    acknowledged, not_sent, sent, sent_again = _INFO.unpack(info)
    return TcpProgress(sent - sent_again + not_sent, acknowledged)


def notice_dead_paths(connection: Socket) -> None:
    """Have the system end the connection when the path or the peer is gone."""
    for level, name, value in _OPTIONS:
        option: int | None = getattr(socket, name, None)
        if option is not None:
            connection.setsockopt(level, option, value)
