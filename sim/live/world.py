"""A live world assembled; `sim.world.World` is its simulated counterpart.

    with LiveWorld(seed=42) as world:
        vendor = world.host("apns")
        ...
        world.run(main)

`seed` decides what is random by design (names of people, tokens, latencies drawn, keys and
certificates); what comes when is up to the machine. Time is in wall seconds since the world was
made, the calendar is the real one.
"""

import asyncio
import contextlib
import resource
import time
from collections.abc import Callable, Collection, Generator
from types import TracebackType
from typing import Any, cast

import simpy

from sim.kernel.bridge import as_future
from sim.kernel.errors import UnhandledErrors
from sim.kernel.seeds import Seeds
from sim.live.environment import WallClockEnvironment
from sim.live.hosts import LiveHost
from sim.live.loop import LiveLoop
from sim.live.network import LiveNetwork
from sim.live.recorder import LiveRecorder
from sim.net.faults import Faults
from sim.net.links import LINKS, Link
from sim.net.tls import CertificateAuthority
from sim.net.tls_policy import LIVE_TLS, TlsPolicy


class LiveWorld:
    """See the module; use it as a context manager, once."""

    def __init__(
        self,
        seed: int,
        *,
        wants_connections: bool = True,
        surrounded: Collection[str] = (),
        tls: TlsPolicy = LIVE_TLS,
    ) -> None:
        """`surrounded`: hosts whose processes ask us for names and for the time."""
        _allow_many_sockets()
        self.seeds = Seeds(seed)
        self.loop = LiveLoop()
        self.epoch = time.time()
        self.env = WallClockEnvironment(self.loop, self._fail)
        self.trace = LiveRecorder(self.env, wants_connections=wants_connections)
        self.network = LiveNetwork(self.env, self.loop, self.seeds, self.trace)
        self.faults = Faults(cast(Any, self.network))
        self._tls = tls
        self._authority: CertificateAuthority | None = None
        self.hosts: dict[str, LiveHost] = {}
        self._surrounded = surrounded
        self._errors: list[dict[str, Any]] = []
        self._failure: asyncio.Future[None] = self.loop.create_future()
        self._on_exit: list[Callable[[], None]] = []
        self.loop.set_exception_handler(lambda _loop, context: self._errors.append(context))

    def __enter__(self) -> "LiveWorld":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            for clean_up in reversed(self._on_exit):
                clean_up()
            self.env.drive.stop()
            self.network.close()
            self._cancel_everything()
        finally:
            self._failure.cancel()
            self.loop.close()
            if self._authority is not None:
                self._authority.close()
        if error is None and self._errors:
            raise UnhandledErrors(self._errors) from self._errors[0].get("exception")

    @property
    def ca(self) -> CertificateAuthority:
        """The certificate authority, made when it is first asked for: RSA keys take time."""
        if self._authority is None:
            self._authority = CertificateAuthority(self.seeds, self._tls)
        return self._authority

    def at_exit(self, clean_up: Callable[[], None]) -> None:
        """Call this when the world ends, however it ends; the last one first."""
        self._on_exit.append(clean_up)

    def host(self, name: str, *, link: Link = LINKS["datacentre"]) -> LiveHost:
        """A new host. Its name is also its DNS name. `ValueError` if the name is taken."""
        if name in self.hosts:
            raise ValueError(f"there is a host named {name!r} already")
        host = self.hosts[name] = LiveHost(
            name, self.network, link, surrounded=name in self._surrounded
        )
        self.network.alias(name, host)
        return host

    def run(self, main: "simpy.Event | Generator[simpy.Event, Any, Any]") -> Any:
        """Let time pass until a SimPy event, process or generator is finished; its value or error.

        Raises also what callbacks of events raised meanwhile.
        """
        event = main if isinstance(main, simpy.Event) else self.env.process(main)
        return self.loop.run_until_complete(self._until(as_future(self.loop, event)))

    async def _until(self, future: "asyncio.Future[Any]") -> Any:
        await asyncio.wait([future, self._failure], return_when=asyncio.FIRST_COMPLETED)
        if self._failure.done():
            future.cancel()
            self._failure.result()
        return future.result()

    def digest(self) -> str:
        """There is none: no two live runs are the same on the wire."""
        return ""

    def _fail(self, error: Exception) -> None:
        if self._failure.done():
            self._errors.append({"message": "an event's callback failed", "exception": error})
        else:
            self._failure.set_exception(error)

    def _cancel_everything(self) -> None:
        tasks = asyncio.all_tasks(self.loop)
        for task in tasks:
            task.cancel()
        if tasks:
            self.loop.run_until_complete(asyncio.wait(tasks))
        with contextlib.suppress(RuntimeError):
            self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        # Transports close their sockets in callbacks.
        self.loop.run_until_complete(asyncio.sleep(0))


def _allow_many_sockets() -> None:
    """A phone's connection has two ends in this process: use all descriptors that we may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(ValueError, OSError):  # some systems promise more than they give
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
