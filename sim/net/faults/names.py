"""Names that do not resolve."""

import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from sim.net.faults.base import Fault, Ground, require

if TYPE_CHECKING:
    from sim.hosts import Host


@dataclass(kw_only=True, eq=False)
class DnsFailure(Fault):
    """Look-ups of `names` fail for `host`, or for everybody if that is None.

    `kind` "temporary": the name server does not answer (EAI_AGAIN); "unknown": it says there is
    no such name (EAI_NONAME). `probability` is drawn for each look-up. Addresses are not looked up.

    Simplification: a look-up fails at once; real resolvers wait some seconds before EAI_AGAIN.
    """

    family: ClassVar[str] = "dns_failure"

    names: tuple[str, ...]
    host: str | None = None
    kind: Literal["temporary", "unknown"] = "temporary"

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self, self.kind in ("temporary", "unknown"), f"{self.kind!r} is no kind")

    def begin(self, ground: Ground) -> None:
        super().begin(ground)
        ground.network.name_faults.append(self)

    def end(self) -> None:
        self.ground.network.name_faults.remove(self)

    def host_names(self) -> list[str]:
        return [] if self.host is None else [self.host]

    def check(self, asker: "Host | None", name: str) -> None:
        """Raises `socket.gaierror` if this look-up fails."""
        if name not in {known.lower() for known in self.names}:
            return
        if self.host is not None and (asker is None or asker.name != self.host):
            return
        if self.ground.rng.random() >= self.probability:
            return
        self.note(None)
        if self.kind == "temporary":
            raise socket.gaierror(socket.EAI_AGAIN, f"{name}: temporary failure in name resolution")
        raise socket.gaierror(socket.EAI_NONAME, f"{name}: name or service not known")
