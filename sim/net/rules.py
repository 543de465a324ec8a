"""Rules: what the network does to a packet on purpose.

The network has an ordered chain of rules. A rule is asked about every packet and answers with a
verdict or with None ("not my business"). `Delay` and `Split` add up and the next rule is asked;
`Deliver`, `Drop`, `Reset` and `Close` are final: the first of them wins.

A packet here is one segment of a connection, however large, or one segment of a handshake. Rules
are not asked about traffic of a host with itself. While there is no rule nobody is asked at all,
and the network does not even make the packet.
"""

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from sim.hosts import Host


class Kind(Enum):
    """What a packet is."""

    SYN = "syn"
    SYN_ACK = "syn-ack"
    ACK = "ack"
    """The third segment of a handshake, or the acknowledgement of data."""
    DATA = "data"
    FIN = "fin"
    RST = "rst"
    PROBE = "probe"
    """A keep-alive probe."""
    PROBE_ACK = "probe-ack"


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet, as a rule sees it."""

    kind: Kind
    source: "Host"
    target: "Host"
    connection: int
    """The connection's number in this world."""
    direction: int
    """0: sent by the end that dialled, 1: by the end that listened."""
    port: int
    """The listening end's port."""
    size: int
    """Bytes of payload."""
    now: float
    """Virtual seconds."""


@dataclass(frozen=True, slots=True)
class Delay:
    """It takes `seconds` longer. The next rule is asked."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Split:
    """Its payload arrives in pieces: (bytes, virtual seconds after the piece before it). What the
    pieces do not cover comes with the last one. The next rule is asked.
    """

    pieces: tuple[tuple[int, float], ...]


@dataclass(frozen=True, slots=True)
class Deliver:
    """It arrives, whatever the rules after this one would say."""


@dataclass(frozen=True, slots=True)
class Drop:
    """It is lost. What TCP sends again, is sent again."""


@dataclass(frozen=True, slots=True)
class Reset:
    """Somebody in the middle ends the connection with RST to the ends named."""

    sender: bool = True
    receiver: bool = True


@dataclass(frozen=True, slots=True)
class Close:
    """Somebody in the middle ends the connection with FIN to both ends, after `keep` bytes of this
    packet. What either end sends later is answered with RST.
    """

    keep: int


Verdict = Delay | Split | Deliver | Drop | Reset | Close
Final = Deliver | Drop | Reset | Close


class Rule(Protocol):
    """Anything that judges packets."""

    def judge(self, packet: Packet) -> Verdict | None:
        """The verdict, or None if this packet is not affected."""


@dataclass(slots=True)
class Judgement:
    """What all rules together say about a packet."""

    extra: float = 0.0
    """Seconds on top of the path's own delay."""
    pieces: tuple[tuple[int, float], ...] = ()
    final: Final | None = None


class RuleChain:
    """The rules of a network, in the order in which they are asked."""

    def __init__(self, changed: "Callable[[], None]") -> None:
        self._changed = changed
        self._rules: list[Rule] = []

    def __len__(self) -> int:
        return len(self._rules)

    def __contains__(self, rule: object) -> bool:
        return any(known is rule for known in self._rules)

    def add(self, rule: Rule, *, first: bool = False) -> None:
        """Ask this rule as well: after all others, or before them. `ValueError` if it is there."""
        if rule in self:
            raise ValueError(f"the rule {rule!r} is in force already")
        self._rules.insert(0 if first else len(self._rules), rule)
        self._changed()

    def remove(self, rule: Rule) -> None:
        """Do not ask it any more. `ValueError` if it is not there."""
        for position, known in enumerate(self._rules):
            if known is rule:
                del self._rules[position]
                self._changed()
                return
        raise ValueError(f"the rule {rule!r} is not in force")

    def judge(self, packet: Packet) -> Judgement | None:
        """Ask the rules in turn. None if none of them has anything to say."""
        judgement: Judgement | None = None
        for rule in self._rules:
            verdict = rule.judge(packet)
            if verdict is None:
                continue
            if judgement is None:
                judgement = Judgement()
            if isinstance(verdict, Delay):
                judgement.extra += verdict.seconds
            elif isinstance(verdict, Split):
                judgement.pieces = judgement.pieces or verdict.pieces
            else:
                judgement.final = verdict
                break
        return judgement


class Disowned:
    """A rule for connections that the network does not carry any more, whatever their ends do."""

    def __init__(self) -> None:
        self._verdicts: dict[int, Final] = {}

    def __len__(self) -> int:
        return len(self._verdicts)

    def disown(self, connection: int, verdict: Final) -> None:
        """Give this verdict on every packet of the connection from now on."""
        self._verdicts.setdefault(connection, verdict)

    def judge(self, packet: Packet) -> Verdict | None:
        return self._verdicts.get(packet.connection)
