"""What a simulated and a live world have in common, as far as those who work in them can tell.

Phones, browsers, push services and the scenario engine are written against these two types. A
simulated world (`sim.world.World`, `sim.hosts.Host`) and a live one (`sim.live.world.LiveWorld`,
`sim.live.hosts.LiveHost`) can do more, each in its own way; only the engine's stages know of that.
"""

import asyncio
import ssl
from collections.abc import Callable, Coroutine, Generator, Mapping
from types import TracebackType
from typing import Any, Protocol, Self

import simpy

from sim.kernel.environment import SimEnvironment
from sim.kernel.seeds import Seeds
from sim.net.faults import Faults
from sim.net.links import LINKS, Link
from sim.net.tls import CertificateAuthority
from sim.trace.recorder import Recorder


class Host(Protocol):
    """A machine of the world. See `sim.hosts.Host` for what the methods do."""

    @property
    def name(self) -> str: ...
    @property
    def address(self) -> str: ...
    @property
    def online(self) -> bool: ...
    @property
    def link(self) -> Link: ...
    @property
    def env(self) -> SimEnvironment: ...
    @property
    def trace(self) -> Recorder: ...
    @property
    def connections(self) -> Mapping[int, Any]:
        """Its ends of open connections, by number."""

    @property
    def listeners(self) -> Mapping[int, Any]:
        """What listens, by port."""

    def start(self, main: Callable[[], Coroutine[Any, Any, Any]]) -> "asyncio.Task[Any]": ...
    def connect(
        self,
        host: str,
        port: int,
        protocol_factory: Callable[[], asyncio.BaseProtocol],
        *,
        tls: ssl.SSLContext | None = None,
        server_hostname: str | None = None,
    ) -> simpy.Event: ...
    def move(self, link: Link) -> None: ...
    def set_nat(self, idle_timeout: float | None) -> None: ...
    def set_clock(self, *, offset: float = 0.0, drift: float = 0.0) -> None: ...
    def clock_error(self) -> float: ...
    def disconnect(self) -> None: ...
    def reconnect(self) -> None: ...
    def lose_connections(self) -> None: ...


class Network(Protocol):
    """What connects the hosts."""

    def alias(self, name: str, host: Any) -> None:
        """Another name for one of the hosts."""


class World(Protocol):
    """A world, to be used as a context manager, once. See `sim.world.World`."""

    @property
    def env(self) -> SimEnvironment: ...
    @property
    def loop(self) -> asyncio.AbstractEventLoop: ...
    @property
    def trace(self) -> Recorder: ...
    @property
    def seeds(self) -> Seeds: ...
    @property
    def ca(self) -> CertificateAuthority: ...
    @property
    def epoch(self) -> float:
        """Unix time at the world's second 0."""

    @property
    def hosts(self) -> Mapping[str, Host]: ...
    def host(self, name: str, *, link: Link = LINKS["datacentre"]) -> Host: ...
    @property
    def network(self) -> Network: ...
    @property
    def faults(self) -> Faults: ...
    def run(self, main: "simpy.Event | Generator[simpy.Event, Any, Any]") -> Any: ...
    def digest(self) -> str:
        """The wire digest; empty where there is none."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...
