"""Address translation (NAT) in front of a host, as phones have it.

Model: a connection is known from its first SYN on; one that is idle for longer than the timeout is
forgotten, and nobody is told. Then what comes from outside vanishes, and what the host sends
leaves by a new port: the other side knows no such connection and answers with RST. A forgotten
connection stays forgotten. Nobody outside can connect to the host.

Simplification: addresses are not translated; the other side sees the host's own.
"""

from typing import TYPE_CHECKING

from sim.net.rules import Drop, Kind, Packet, Reset, Verdict

if TYPE_CHECKING:
    from sim.hosts import Host


class NatTable:
    """When each connection was last used; without a clock and without a network."""

    def __init__(self, idle_timeout: float) -> None:
        self._idle_timeout = idle_timeout
        self._used: dict[int, float] = {}

    def open(self, connection: int, now: float) -> None:
        """A connection begins (or begins again) at virtual second `now`."""
        self._used[connection] = now

    def use(self, connection: int, now: float) -> bool:
        """A packet of the connection passes. False if the connection is not known any more."""
        last = self._used.get(connection)
        if last is None:
            return False
        if now - last > self._idle_timeout:
            del self._used[connection]
            return False
        self._used[connection] = now
        return True


class NatGates:
    """The rule for hosts behind NAT."""

    def __init__(self) -> None:
        self._tables: dict[str, NatTable] = {}

    def set(self, host: "Host", idle_timeout: float | None, now: float) -> None:
        """Put the host behind NAT, or (None) before it. Open connections count as just used."""
        if idle_timeout is None:
            self._tables.pop(host.name, None)
            return
        table = self._tables[host.name] = NatTable(idle_timeout)
        for number in host.connections:
            table.open(number, now)

    def judge(self, packet: Packet) -> Verdict | None:
        table = self._tables.get(packet.source.name)
        if table is not None:
            if packet.kind is Kind.SYN:
                table.open(packet.connection, packet.now)
            elif not table.use(packet.connection, packet.now):
                return Reset(receiver=False)
        table = self._tables.get(packet.target.name)
        if table is not None and not table.use(packet.connection, packet.now):
            return Drop()
        return None
