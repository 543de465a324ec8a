"""What `getsockopt(TCP_INFO)` says about a simulated connection: Linux's `struct tcp_info` with the
byte counts filled in and everything else zero.

Source: include/uapi/linux/tcp.h. Simplification: an acknowledgement is known to the sender as
soon as the segment arrives; while the path is down at least one byte counts as unacknowledged,
also where everything arrived and only the acknowledgement did not.
"""

import socket
import struct
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sim.net.transport import SimTransport

TCP_INFO: Final[int] = getattr(socket, "TCP_INFO", 11)

_LAYOUT = struct.Struct("=120xQ16xI52xQ8x")
"""tcpi_bytes_acked (with one for SYN), tcpi_notsent_bytes, tcpi_bytes_sent."""


def tcp_info(end: "SimTransport", size: int) -> bytes:
    """The first `size` bytes of the structure for this end of a connection."""
    unread = sum(len(data) for segment in end._peer._inbox or () for data in segment)
    unacknowledged = end._under_way - unread
    if end._outage is not None:
        unacknowledged = max(unacknowledged, 1)
    info = _LAYOUT.pack(1 + end._sent - unacknowledged, end.get_write_buffer_size(), end._sent)
    return info[:size]
