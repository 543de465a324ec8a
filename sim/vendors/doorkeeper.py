"""Who may come in at a port of a push service, and how long a peer may take to finish a sentence.

A service is a server like any other when it runs on real sockets: whoever opens connections without
end must not keep others out. An address may have so many connections to a port; one more is closed
before anything is read. For IPv6 a /64 counts as one address. What Apple and Google allow is not
published.

Simplification: TLS comes first, so a connection counts when its handshake is done; until then it
has `HANDSHAKE_SECONDS`.
"""

import ipaddress
import ssl
from collections.abc import Callable
from typing import Any

from sim.vendors.seams import peer_name
from sim.vendors.settings import PushSettings

HANDSHAKE_SECONDS = 30.0
"""For a TLS handshake. Of our own: what Apple and Google allow is not known."""


def handshake_limit(tls: ssl.SSLContext | None) -> dict[str, Any]:
    """What `create_server` takes besides a port's TLS; nothing without TLS."""
    return {} if tls is None else {"ssl_handshake_timeout": HANDSHAKE_SECONDS}


Household = ipaddress.IPv4Address | ipaddress.IPv6Network


class Doorkeeper:
    """Counts the connections of one port. `settings` gives those of the moment; `refused` is told
    the peer, `address:port`, of each connection that is one too many.
    """

    def __init__(
        self, settings: Callable[[], PushSettings], refused: Callable[[str], None]
    ) -> None:
        self._settings = settings
        self._refused = refused
        self._homes: dict[object, Household] = {}
        self._counts: dict[Household, int] = {}

    def admits(self, connection: object, peername: object) -> bool:
        """Whether a connection may stay. It counts until `leave`."""
        home = _household(peername)
        if home is None:
            return True
        if self._counts.get(home, 0) >= self._settings().connections_per_address:
            self._refused(peer_name(peername))
            return False
        self._homes[connection] = home
        self._counts[home] = self._counts.get(home, 0) + 1
        return True

    def leave(self, connection: object) -> None:
        """It does not count any more. Harmless for one that does not."""
        home = self._homes.pop(connection, None)
        if home is None:
            return
        left = self._counts[home] - 1
        if left:
            self._counts[home] = left
        else:
            del self._counts[home]

    @property
    def patience(self) -> float:
        """Seconds that a peer has for a message, from its first byte to its last."""
        return self._settings().read_timeout


def _household(peername: object) -> Household | None:
    """What counts as one address; None for a peer without one."""
    if not (isinstance(peername, tuple) and peername):
        return None
    address = ipaddress.ip_address(str(peername[0]).partition("%")[0])
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return ipaddress.IPv6Network((address, 64), strict=False)
