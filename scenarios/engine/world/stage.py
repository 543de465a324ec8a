"""Where a run takes place: the world, and what differs between a simulated and a live one.

A stage knows how servers run (in the world, or as processes), where they find each other, and
where their logs come from. Everything else of the engine, and everything below it, is the same.
"""

from collections.abc import Callable, Collection, Generator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol
from urllib.parse import urlsplit

import simpy

from scenarios.engine.format.models import Scenario
from scenarios.engine.leaks import Secret
from scenarios.engine.world.programs import Program
from scenarios.engine.world.server_logs import logs_in_trace
from scenarios.engine.world.servers import Servers
from sim.kernel.bridge import as_event
from sim.net.cost import CostModel
from sim.surface import Host
from sim.surface import World as AnyWorld
from sim.vendors.apns.service import ApnsService
from sim.vendors.gcm.service import GcmService
from sim.world import World

Mode = Literal["simulated", "live"]


class RunningServers(Protocol):
    """The servers under test, by the names of their hosts. See `servers.Servers`."""

    def add(self, host: Any, program: Program, port: int) -> simpy.Process: ...
    def crash(self, name: str) -> bool: ...
    def stop(self, name: str) -> bool: ...
    def start_again(self, name: str) -> None: ...
    def pause(self, name: str) -> bool: ...
    def resume(self, name: str) -> None: ...
    def stop_all(self) -> Generator[simpy.Event, Any, None]: ...
    @property
    def started(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class ForeignGateway:
    """A gateway that somebody else runs, in the place of ours.

    Keys are those that it gave out; None: it was given the keys that follow from the seed. `log`:
    a file to which it writes its log. `keeps_connected`: it connects to APNs by itself, as soon as
    APNs is there. `resends`: what it wrote to a connection to APNs that was closed it sends again.
    """

    url: str
    app_key: str | None = field(default=None, repr=False)
    site_key: str | None = field(default=None, repr=False)
    log: Path | None = None
    keeps_connected: bool = False
    resends: bool = False

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        parts = urlsplit(self.url)
        return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


class Stage(Protocol):
    """See the module."""

    mode: Mode
    not_observed: Sequence[str]
    """What the trace cannot say here, in words for the record."""
    not_judged: Sequence[str]
    """Invariants that ask for it."""

    @property
    def site_url(self) -> str | None:
        """The site's address, where it has to be a real one; otherwise it has a name."""

    @property
    def world(self) -> AnyWorld: ...
    @property
    def servers(self) -> RunningServers: ...
    @property
    def foreign_gateway(self) -> ForeignGateway | None: ...
    def stand_for_gateway(self, host: Any) -> None:
        """`host` stands for the gateway that is not ours."""

    def recognise(self, service_of: Callable[[str], str | None]) -> None:
        """`service_of` tells by its reference which push service issued a token to a phone of this
        run; None for a token that none of them ever had."""

    def follow_gateway_log(self, secrets: Callable[[], Collection[Secret]]) -> None:
        """Record the lines of the log that an external gateway writes, if it is known where, and
        without the secrets. Raises GatewayUnreachable if it cannot be read."""

    def set_cost(self, host: Any, model: CostModel) -> None:
        """Let the requests to a server take time."""

    def logs(self) -> AbstractContextManager[None]:
        """Within it the servers' logs go into the trace."""

    def names_on_certificate(self, name: str) -> list[str]:
        """What the certificate of the push service of that name has to say."""

    def reach(self, source: Any, name: str, port: int) -> tuple[str, int]:
        """What a server on `source` is told to connect to, when that port of `name` is meant."""

    def start_apns(self, host: Any, service: ApnsService) -> simpy.Event: ...
    def start_gcm(self, host: Any, service: GcmService) -> simpy.Event: ...


class SimulatedStage:
    """A world of its own in this process."""

    mode: Mode = "simulated"
    not_observed: Sequence[str] = ()
    not_judged: Sequence[str] = ()
    foreign_gateway: ForeignGateway | None = None
    site_url: str | None = None

    def __init__(self, world: World) -> None:
        self.world = world
        self.servers = Servers(world)

    def stand_for_gateway(self, host: Host) -> None:
        raise NotImplementedError("a simulated world has no way to what is outside of it")

    def recognise(self, service_of: Callable[[str], str | None]) -> None:
        """Nothing comes from outside of this world."""

    def follow_gateway_log(self, secrets: Callable[[], Collection[Secret]]) -> None:
        """There is no external gateway."""

    def set_cost(self, host: Host, model: CostModel) -> None:
        self.world.hosts[host.name].set_cost(model)

    def logs(self) -> AbstractContextManager[None]:
        return logs_in_trace(self.world.trace)

    def names_on_certificate(self, name: str) -> list[str]:
        return [name]

    def reach(self, source: Host, name: str, port: int) -> tuple[str, int]:
        return name, port

    def start_apns(self, host: Host, service: ApnsService) -> simpy.Event:
        return as_event(self.world.env, host.start(service.start))

    def start_gcm(self, host: Host, service: GcmService) -> simpy.Event:
        return as_event(self.world.env, host.start(service.start))


StageMaker = Callable[[Scenario, int, Path, bool], Stage]
"""Scenario, seed, state directory, and whether every connection is an event of the trace."""


def simulated(scenario: Scenario, seed: int, state: Path, wants_connections: bool) -> Stage:
    """The stage for a cell in a simulated world."""
    epoch = scenario.world.epoch.timestamp()
    return SimulatedStage(World(seed, epoch=epoch, wants_connections=wants_connections))
