"""Who is calling, and what the caller may do.

The checks of a call come in AirNotifier's order: headers, syntax of a `token` argument,
application, blocked addresses, key, permission, and only then the rest of the body. So a caller
from a blocked address learns that, whatever its key.

Keys are looked up by their SHA-256. Comparing digests in a dictionary tells an attacker's clock
nothing about the key.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from server.addresses import IpAddress, IpNetwork, in_networks, parse_address
from server.airnotifier.errors import AddressBlocked, InvalidRequest, NotPermitted
from server.airnotifier.permissions import SENTENCES, Permission
from server.airnotifier.settings import AppSettings, key_digest

_HOP = re.compile(r"\[(?P<v6>[0-9A-Fa-f:.]+)\](:\d+)?|(?P<v4>[0-9.]+):\d+")
"""Forms of an address in X-Forwarded-For besides the bare one: with brackets, with a port."""


@dataclass(frozen=True, slots=True)
class App:
    """An application as calls need it."""

    id: int
    name: str
    settings: AppSettings
    permissions: dict[str, int]
    """Permission bits by key digest."""

    def check_address(self, address: IpAddress | None) -> None:
        """Raises AddressBlocked for a blocked address, and for one that could not be read: it may
        be blocked.
        """
        blocked = self.settings.blocked_ips
        if blocked and address is None:
            raise AddressBlocked("Blocked IP: X-Forwarded-For cannot be read")
        if blocked and address is not None and in_networks(address, blocked):
            raise AddressBlocked("Blocked IP")

    def permissions_of(self, key: str) -> int:
        """The permission bits of an access key. Raises InvalidRequest for an unknown one."""
        bits = self.permissions.get(key_digest(key))
        if bits is None:
            raise InvalidRequest("Invalid access key")
        return bits


def allows(bits: int, permission: Permission) -> bool:
    """Whether a key with these bits has the permission."""
    return bits & int(permission) != 0  # plain numbers: building a flag costs more than the check


def check_permission(bits: int, permission: Permission) -> None:
    """Raises NotPermitted if the key does not have it."""
    if not allows(bits, permission):
        raise NotPermitted(f"No permission to {SENTENCES[permission]}")


def caller(
    peer: str, forwarded: Sequence[str], trusted_proxies: Sequence[IpNetwork]
) -> IpAddress | None:
    """The address that called: the last one in the X-Forwarded-For headers that is no trusted
    proxy. None if that cannot be read.

    The headers count only if the connection itself comes from a trusted proxy.
    """
    address = parse_address(peer)
    hops = ",".join(forwarded).split(",") if forwarded else []
    while hops and address is not None and in_networks(address, trusted_proxies):
        address = _parse_hop(hops.pop().strip())
    return address


def _parse_hop(text: str) -> IpAddress | None:
    form = _HOP.fullmatch(text)
    return parse_address(text if form is None else form["v6"] or form["v4"])
