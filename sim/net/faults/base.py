"""What all faults have in common: a name, a probability, a count of what they changed.

A fault draws from a random stream of its own, so it changes no other draw of the world.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, ClassVar, Literal

from sim.net.rules import Delay, Kind, Packet, Verdict

if TYPE_CHECKING:
    from sim.hosts import Host
    from sim.net.network import Network
    from sim.net.transport import SimTransport

Direction = Literal["both", "upstream", "downstream"]
"""Upstream is what the first of the two hosts sends to the second, whichever of them dialled."""


@dataclass(frozen=True)
class Ground:
    """What an active fault needs of the world."""

    network: "Network"
    rng: Random
    fired: Callable[[int | None], None]
    """Called with the connection when the fault fires for the first time."""


@dataclass(kw_only=True, eq=False)
class Fault:
    """One fault. `ValueError` for parameters out of range."""

    family: ClassVar[str]

    name: str = ""
    """Its id in the trace. Left empty it becomes the family's name and a number."""
    probability: float = 1.0
    """That a connection is affected, drawn once for each."""
    fired: int = field(default=0, init=False)
    """How often it has changed something."""
    _ground: Ground | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        require(self, 0 <= self.probability <= 1, "the probability must be from 0 to 1")

    @property
    def ground(self) -> Ground:
        """Only while it is active."""
        assert self._ground is not None
        return self._ground

    def begin(self, ground: Ground) -> None:
        """Start."""
        self._ground = ground

    def end(self) -> None:
        """End."""

    def host_names(self) -> list[str]:
        """The hosts it names; they must exist."""
        return []

    def note(self, connection: int | None) -> None:
        """It has changed something."""
        self.fired += 1
        if self.fired == 1:
            self.ground.fired(connection)


@dataclass(kw_only=True, eq=False)
class PathFault(Fault):
    """A fault of the path between two hosts.

    `between` names them, None standing for any host; `port`, if given, is that of the listening
    end.
    """

    between: tuple[str | None, str | None]
    direction: Direction = "both"
    port: int | None = None
    _affected: dict[int, bool] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        known = self.direction in ("both", "upstream", "downstream")
        require(self, known, f"{self.direction!r} is no direction")

    def begin(self, ground: Ground) -> None:
        super().begin(ground)
        ground.network.rules.add(self)

    def end(self) -> None:
        self.ground.network.rules.remove(self)

    def host_names(self) -> list[str]:
        return [name for name in self.between if name is not None]

    def affect(self, packet: Packet) -> Verdict | None:
        """The verdict on a packet of an affected connection and direction."""
        raise NotImplementedError

    def judge(self, packet: Packet) -> Verdict | None:
        if not (
            self._goes_its_way(packet.source, packet.target)
            and self.port in (None, packet.port)
            and self._is_affected(packet.connection)
        ):
            return None
        verdict = self.affect(packet)
        if verdict is not None and verdict != Delay(0.0):
            self.note(packet.connection)
        return verdict

    def _goes_its_way(self, source: "Host", target: "Host") -> bool:
        return (self.direction != "downstream" and self._links(source, target)) or (
            self.direction != "upstream" and self._links(target, source)
        )

    def _links(self, first: "Host", second: "Host") -> bool:
        one, other = self.between
        return one in (None, first.name) and other in (None, second.name)

    def _is_affected(self, connection: int) -> bool:
        if self.probability == 1:
            return True
        affected = self._affected.get(connection)
        if affected is None:
            affected = self.ground.rng.random() < self.probability
            self._affected[connection] = affected
        return affected


@dataclass(kw_only=True, eq=False)
class EndingFault(PathFault):
    """A path fault that ends connections of its own accord.

    Ending concerns the whole connection, so it happens whichever way the fault is directed.
    """

    _met: set[int] = field(default_factory=set, init=False, repr=False)

    def begin(self, ground: Ground) -> None:
        super().begin(ground)
        for host in ground.network.hosts():
            for end in list(host.connections.values()):
                self._meet(end)

    def judge(self, packet: Packet) -> Verdict | None:
        if packet.kind in (Kind.ACK, Kind.DATA, Kind.FIN) and packet.connection not in self._met:
            end = packet.source.connections.get(packet.connection)
            if end is not None:
                self._meet(end)
        return super().judge(packet)

    def met(self, end: "SimTransport") -> None:
        """An affected connection was there when the fault began, or has opened since."""
        raise NotImplementedError

    def reset(self, end: "SimTransport") -> None:
        """End the connection with RST to both ends, if the fault is still active."""
        if end.is_dead or self not in self.ground.network.rules:
            return
        self.ground.network.path.reset(end)
        self.note(end.number)

    def _meet(self, end: "SimTransport") -> None:
        if end.number in self._met:
            return
        self._met.add(end.number)
        here, there = end.host, end.peer.host
        if (
            here is not there
            and (self._links(here, there) or self._links(there, here))
            and self.port in (None, end.server_port)
            and self._is_affected(end.number)
        ):
            self.met(end)


def require(fault: Fault, condition: bool, message: str) -> None:
    """`ValueError` unless the parameters fulfil the condition."""
    if not condition:
        raise ValueError(f"{fault.family}: {message}")
