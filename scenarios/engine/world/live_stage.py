"""A run on real sockets: servers as processes, everything else in this one, all on loopback.

What a live world cannot do is found before it begins (`live_limits.py`).
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import simpy

from scenarios.engine.format.fault_catalog import MACHINE_FAULTS, SERVERS
from scenarios.engine.format.models import Scenario
from scenarios.engine.leaks import Secret
from scenarios.engine.world.foreign_gateway import GatewayUnreachable
from scenarios.engine.world.gateway_log import GatewayLog
from scenarios.engine.world.inferred_gateway import InferredGateway
from scenarios.engine.world.live_ports import PORTS
from scenarios.engine.world.server_logs import events_of_line
from scenarios.engine.world.server_processes import ServerProcesses
from scenarios.engine.world.stage import ForeignGateway, Mode, Stage, StageMaker
from sim.kernel.bridge import as_event
from sim.live.hosts import LiveHost
from sim.live.logs import ServerLogs
from sim.live.world import LiveWorld
from sim.net.cost import CostModel
from sim.net.tls_policy import LIVE_TLS, TlsPolicy
from sim.vendors.apns.service import COURIER_PORT, PROVIDER_PORT, ApnsService
from sim.vendors.gcm.service import HTTP_PORT, HTTPS_PORT, MTALK_PORT, GcmService

if TYPE_CHECKING:
    from collections.abc import Iterator

LOOPBACK: Final = "127.0.0.1"
UNSEEN: Final = (
    "the gateway's log: what it accepted, wrote and concluded is inferred from what the site was"
    " answered and what the push services received, by token and order",
    "where pushes are that the gateway accepted and no push service read: they stay pending, or"
    " are lost where APNs closed a connection",
    "tokens that the gateway removed: bad_token_pruned is not judged",
    "why it sent a push again: no_needless_duplicate is not judged",
)


@dataclass(frozen=True, slots=True)
class LiveOptions:
    """How a live run is wanted.

    `port_base`: the first of the fixed ports; None for free ones. `site_port`: where the site
    listens and says so in its pages, for browsers that are not ours. `tls`: what the push services'
    ports and all certificates are like.
    """

    gateway: ForeignGateway | None = None
    port_base: int | None = None
    site_port: int | None = None
    tls: TlsPolicy = LIVE_TLS

    def ports(self) -> Mapping[str, int]:
        """The real port of everything that listens, 0 for a free one."""
        base = self.port_base
        ports = {name: 0 if base is None else base + n for n, name in enumerate(PORTS)}
        return ports if self.site_port is None else {**ports, "site": self.site_port}


@dataclass(slots=True)
class LiveStage:
    """See the module. A `Stage`."""

    world: LiveWorld
    servers: ServerProcesses
    options: LiveOptions
    not_observed: Sequence[str] = ()
    not_judged: Sequence[str] = ()
    mode: Mode = "live"
    _service_of: Callable[[str], str | None] | None = None

    @classmethod
    def make(
        cls,
        options: LiveOptions,
        scenario: Scenario,
        seed: int,
        state: Path,
        *,
        wants_connections: bool,
    ) -> "LiveStage":
        """`state` is for settings and databases."""
        world = LiveWorld(
            seed,
            wants_connections=wants_connections,
            surrounded=_surrounded(scenario),
            tls=options.tls,
        )
        logs = ServerLogs(world.trace, events_of_line)
        servers = ServerProcesses(world, logs, state, options.ports())
        if options.gateway is None:
            return cls(world, servers, options)
        stage = cls(world, servers, options, UNSEEN, ("bad_token_pruned", "no_needless_duplicate"))
        app, trace = scenario.world.gateway.app, world.trace
        inferred = InferredGateway(app, world.env, trace.emit, stage.service_of)
        trace.interpret = inferred.interpret
        return stage

    @property
    def foreign_gateway(self) -> ForeignGateway | None:
        return self.options.gateway

    def recognise(self, service_of: Callable[[str], str | None]) -> None:
        self._service_of = service_of

    def service_of(self, reference: str) -> str | None:
        """The push service of the token with this reference, if a phone of this run ever had it."""
        return None if self._service_of is None else self._service_of(reference)

    def follow_gateway_log(self, secrets: Callable[[], Collection[Secret]]) -> None:
        gateway = self.options.gateway
        if gateway is None or gateway.log is None:
            return
        try:
            log = GatewayLog(gateway.log, self.world, "gateway", secrets)
        except OSError as error:
            raise GatewayUnreachable(
                f"the gateway's log {gateway.log} cannot be read: {error.strerror}"
            ) from error
        self.world.at_exit(log.close)
        self.world.env.process(log.follow())

    def set_cost(self, host: LiveHost, model: CostModel) -> None:
        raise NotImplementedError("a real server takes the time that it takes")

    def logs(self) -> AbstractContextManager[None]:
        return _nothing()

    def names_on_certificate(self, name: str) -> list[str]:
        return [name, LOOPBACK, "localhost"]

    def reach(self, source: LiveHost, name: str, port: int) -> tuple[str, int]:
        return self.world.network.route(source, name, port)

    def start_apns(self, host: LiveHost, service: ApnsService) -> simpy.Event:
        self.world.at_exit(service.close_listeners)
        ports = self.options.ports()
        names = ("apns", "courier") if host.name == "apns" else ("sandbox", "sandbox-courier")
        provider, courier = (ports[name] for name in names)

        async def start() -> None:
            await service.start(LOOPBACK, provider_port=provider, courier_port=courier)
            for port, real in zip((PROVIDER_PORT, COURIER_PORT), service.ports, strict=True):
                host.listens(port, LOOPBACK, real)

        return as_event(self.world.env, host.start(start))

    def start_gcm(self, host: LiveHost, service: GcmService) -> simpy.Event:
        self.world.at_exit(service.close_listeners)
        ports = self.options.ports()

        async def start() -> None:
            await service.start(
                LOOPBACK,
                https_port=ports["gcm"],
                mtalk_port=ports["mtalk"],
                http_port=ports["google"],
            )
            # With TLS, phones register on the HTTPS port and there is no other.
            known = (HTTPS_PORT, MTALK_PORT, HTTP_PORT)
            for port, real in zip(known, service.ports, strict=False):
                host.listens(port, LOOPBACK, real)

        return as_event(self.world.env, host.start(start))

    @property
    def site_url(self) -> str | None:
        port = self.options.site_port
        return None if port is None else f"http://{LOOPBACK}:{port}"

    def stand_for_gateway(self, host: LiveHost) -> None:
        assert self.options.gateway is not None
        name, port = self.options.gateway.address
        if name != host.name:
            self.world.network.alias(name, host)
        host.listens(port, name, port)


def live(options: LiveOptions) -> StageMaker:
    """The maker of live stages with these options."""

    def make(scenario: Scenario, seed: int, state: Path, wants_connections: bool) -> Stage:
        return LiveStage.make(options, scenario, seed, state, wants_connections=wants_connections)

    return make


def _surrounded(scenario: Scenario) -> frozenset[str]:
    """Servers with faults of what a process is told by its machine; all others start plainly."""
    targets = [fault.target for fault in scenario.faults if fault.inject in MACHINE_FAULTS]
    names = {name for target in targets for name in target.partition(".")[2].split("-")}
    return frozenset(names & set(SERVERS))


@contextmanager
def _nothing() -> "Iterator[None]":
    yield
