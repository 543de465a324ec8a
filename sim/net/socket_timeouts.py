"""What socket options say about silence: SO_KEEPALIVE and TCP_USER_TIMEOUT, without a network.

Source: tcp(7) of Linux, and for keep-alive RFC 9293, 3.8.4.
"""

import socket
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

# Linux's numbers, for systems that have none or others.
TCP_KEEPIDLE: int = getattr(socket, "TCP_KEEPIDLE", 4)
TCP_KEEPINTVL: int = getattr(socket, "TCP_KEEPINTVL", 5)
TCP_KEEPCNT: int = getattr(socket, "TCP_KEEPCNT", 6)
TCP_USER_TIMEOUT: int = getattr(socket, "TCP_USER_TIMEOUT", 18)

_TCP = socket.IPPROTO_TCP

_NO_TIME = 1e-6
"""Seconds by which sums of times may miss what they add up to."""


@dataclass(frozen=True, slots=True)
class SocketTimeouts:
    """What an end does about silence. Seconds; the defaults are Linux's."""

    keepalive: bool = False
    idle: float = 7_200.0
    """Of silence before the first probe (tcp_keepalive_time)."""
    interval: float = 75.0
    """Between probes (tcp_keepalive_intvl)."""
    count: int = 9
    """Unanswered probes before the connection is given up (tcp_keepalive_probes)."""
    user_timeout: float | None = None
    """How long bytes, or probes, may go unacknowledged."""

    def is_hopeless(self, silence: float, probes: int) -> bool:
        """Whether to give up after `probes` in vain and so many seconds without a sound."""
        if self.user_timeout is not None:
            return probes > 0 and silence > self.user_timeout - _NO_TIME
        return probes >= self.count


@lru_cache(maxsize=256)
def timeouts_of(options: tuple[tuple[int, int, Any], ...]) -> SocketTimeouts:
    """The timeouts that these socket options, (level, option, value), ask for."""
    values = {(level, option): value for level, option, value in options}
    limit = values.get((_TCP, TCP_USER_TIMEOUT), 0)
    default = SocketTimeouts()
    return SocketTimeouts(
        keepalive=bool(values.get((socket.SOL_SOCKET, socket.SO_KEEPALIVE), False)),
        idle=float(values.get((_TCP, TCP_KEEPIDLE), default.idle)),
        interval=float(values.get((_TCP, TCP_KEEPINTVL), default.interval)),
        count=int(values.get((_TCP, TCP_KEEPCNT), default.count)),
        user_timeout=limit / 1000 if limit else None,
    )
