"""The connections of a server: how many an address may have, and which is closed to make room.

With no room left, the connection that has waited longest without a request is closed, so peers that
hold connections and say nothing cannot keep others out. A new one is refused only if every
connection has a request in progress.
"""

from typing import Protocol

from server.addresses import IpAddress, IpNetwork, household, in_networks, parse_address
from server.edge.edge import Edge


class Member(Protocol):
    """A connection."""

    def end(self) -> None:
        """Close at once, without waiting for the peer."""


class Crowd:
    """The connections of one server. `room`: the most there may be; None: no limit."""

    def __init__(self, edge: Edge, room: int | None) -> None:
        self._edge = edge
        self._most = edge.limits.connections_per_address
        self._room = room
        self._households: dict[IpAddress | IpNetwork, int] = {}
        self._members: dict[Member, IpAddress | IpNetwork | None] = {}
        self._waiting: dict[Member, None] = {}
        """Those without a request in progress, the one that has waited longest first."""

    def __len__(self) -> int:
        return len(self._members)

    def enter(self, member: Member, address: str) -> bool:
        """Whether there is room for a connection from this address. It counts until `leave`."""
        home = self._home(address)
        if home is not None and self._households.get(home, 0) >= self._most:
            self._edge.log.seldom("peer.refused", reason="address", peer=str(home))
            return False
        if self._room is not None and len(self._members) >= self._room:
            longest = next(iter(self._waiting), None)
            reason = "room" if longest is None else "room_made"
            self._edge.log.seldom("peer.refused", reason=reason, peer=address)
            if longest is None:
                return False
            self.leave(longest)
            longest.end()
        if home is not None:
            self._households[home] = self._households.get(home, 0) + 1
        self._members[member] = home
        self._waiting[member] = None
        return True

    def leave(self, member: Member) -> None:
        """The connection does not count any more. To be called once or several times."""
        if member not in self._members:
            return
        home = self._members.pop(member)
        self._waiting.pop(member, None)
        if home is None:
            return
        left = self._households[home] - 1
        if left:
            self._households[home] = left
        else:
            del self._households[home]

    def serving(self, member: Member) -> None:
        """A request of this connection is in progress."""
        self._waiting.pop(member, None)

    def waiting(self, member: Member) -> None:
        """No request of this connection is in progress any more."""
        if member in self._members:
            self._waiting[member] = None

    def _home(self, text: str) -> IpAddress | IpNetwork | None:
        """What counts as one peer. None for a trusted proxy, which speaks for many."""
        address = parse_address(text)
        if address is None or in_networks(address, self._edge.trusted_proxies):
            return None
        return household(address)
