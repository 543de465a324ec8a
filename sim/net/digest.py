"""The wire digest: one number for everything that was put on the network, and when.

Every connection attempt, segment, FIN and RST goes in with its virtual time (nanoseconds),
connection number, direction and bytes. Two runs with the same digest sent the same bytes at the
same moments in the same order.

For TLS connections the length goes in and not the ciphertext, because OpenSSL's random numbers are
its own and differ between runs; and the plaintext, at the moment when it is written.
"""

import hashlib
from collections import deque
from struct import Struct
from typing import NamedTuple

_ENTRY = Struct("!cQIBI")
_FLUSH_AT = 512
_REMEMBERED = 2_000

CONNECT, SEGMENT, OPAQUE, PLAINTEXT, FIN, RST, REFUSED = (b"C", b"S", b"T", b"P", b"F", b"R", b"X")


class WireEvent(NamedTuple):
    """One entry of the digest without its bytes."""

    kind: bytes
    time: int
    """ns of virtual time"""
    connection: int
    direction: int
    size: int


class WireDigest:
    """BLAKE2b over the entries in the order in which they were sent.

    Remembers the last entries, for whoever asks what happened before a failure.
    """

    def __init__(self) -> None:
        self._hash = hashlib.blake2b(digest_size=32)
        self._pending: list[bytes] = []
        self._recent: deque[bytes] = deque(maxlen=_REMEMBERED)

    def add(self, kind: bytes, now: float, connection: int, direction: int, data: bytes) -> None:
        """Note `data` (may be empty) sent at virtual second `now`; direction 0 is the dialler's."""
        pending = self._pending
        entry = _ENTRY.pack(kind, round(now * 1e9), connection, direction, len(data))
        pending.append(entry)
        self._recent.append(entry)
        if kind != OPAQUE:
            pending.append(data)
        if len(pending) > _FLUSH_AT:
            self._flush()

    def _flush(self) -> None:
        self._hash.update(b"".join(self._pending))
        self._pending.clear()

    def recent(self) -> list[WireEvent]:
        """The last entries, oldest first."""
        return [WireEvent(*_ENTRY.unpack(entry)) for entry in self._recent]

    def hexdigest(self) -> str:
        """64 hex digits for everything so far."""
        self._flush()
        return self._hash.hexdigest()
