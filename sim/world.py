"""A world assembled: time, loop, network, randomness, certificates, recorder, and the guard around
them.

    with World(seed=42) as world:
        site = world.host("site")
        site.start(serve)
        world.run(client)

Inside the `with` block the process's clock and randomness are the world's. At its end everything
that still runs is cancelled, in the order in which it was started, and errors that nobody
handled are raised.
"""

import asyncio
import contextvars
from collections.abc import Callable, Generator
from types import TracebackType
from typing import Any

import simpy

from sim.hosts import Host
from sim.kernel.bridge import as_future
from sim.kernel.context import Life, LifeState
from sim.kernel.environment import SimEnvironment
from sim.kernel.errors import LivelockError, UnhandledErrors
from sim.kernel.guard import Guard
from sim.kernel.identity import NumberedTask
from sim.kernel.loop import SimLoop
from sim.kernel.seeds import Seeds
from sim.net.faults import Faults
from sim.net.links import LINKS, Link
from sim.net.network import Network
from sim.net.sockets import SimSocket
from sim.net.tls import CertificateAuthority
from sim.net.transport import SimTransport
from sim.remains import close_remains, end_coroutine
from sim.trace.recorder import Recorder

DEFAULT_EPOCH = 1_367_395_200.0
"""2013-05-01T08:00:00Z in Unix seconds: the day after the design was written down."""


class World:
    """One simulated world; use it as a context manager, once.

    `seed` decides everything that is random. `epoch`: calendar time at virtual time zero, in
    Unix seconds.
    """

    def __init__(
        self, seed: int, *, epoch: float = DEFAULT_EPOCH, wants_connections: bool = True
    ) -> None:
        self.seeds = Seeds(seed)
        # A fraction of a second, so that nothing relies on whole seconds by accident.
        self.env = SimEnvironment(start=self.seeds.stream("world/start").random())
        self.epoch = epoch
        self.trace = Recorder(self.env, wants_connections=wants_connections)
        self.network = Network(self.env, self.seeds, self.trace)
        self.loop = SimLoop(self.env, self.network)
        self.network.loop = self.loop
        self.faults = Faults(self.network)
        self.ca = CertificateAuthority(self.seeds)
        self.hosts: dict[str, Host] = {}
        self._errors: list[dict[str, Any]] = []
        self._guard = Guard(self.env, self.seeds, epoch=epoch, socket_class=SimSocket)
        self.loop.set_exception_handler(self._note_error)

    def __enter__(self) -> "World":
        try:
            self._guard.__enter__()
        except BaseException:
            self._close()
            raise
        return self

    def _close(self) -> None:
        self.loop.close()
        self.ca.close()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if not isinstance(error, LivelockError):  # after one, nothing can come to an end
                self._cancel_everything()
                self._close_crashed_hosts()
            for host in self.hosts.values():
                for transport in host.connections.values():
                    transport.forget()
        finally:
            self._close()
            if error is not None or self._left_servers_open():
                self.loop.forget_past_lives()
                close_remains(self.loop)
                for host in self.hosts.values():
                    host.end_locks()
            self._guard.__exit__(kind, error, traceback)
        if error is None and self._errors:
            raise UnhandledErrors(self._errors) from self._errors[0].get("exception")

    def host(self, name: str, *, link: Link = LINKS["datacentre"]) -> Host:
        """A new host. Its name is also its DNS name. `ValueError` if the name is taken."""
        if name in self.hosts:
            raise ValueError(f"there is a host named {name!r} already")
        host = self.hosts[name] = Host(name, self.network, link)
        return host

    @property
    def operator(self) -> Host:
        """The host of whoever drives the world: coroutines given to `run()` are on it."""
        return self.hosts.get("operator") or self.host("operator")

    def run(
        self,
        main: "Callable[[], Any] | simpy.Event | Generator[simpy.Event, Any, Any]",
    ) -> Any:
        """Let time pass until `main` is finished; return its value or raise its error.

        `main` is a coroutine function (run on the operator's host), a SimPy event or process, or
        a generator to be made a process. `StandstillError` if it can never finish.
        """
        if callable(main):
            return self.loop.run_until_complete(self.operator.start(main))
        event = main if isinstance(main, simpy.Event) else self.env.process(main)
        return self.loop.run_until_complete(as_future(self.loop, event))

    def run_until(self, when: float) -> None:
        """Let time pass until virtual second `when`."""
        future = self.loop.create_future()
        self.env.call_at(when, future.set_result, None)
        self.loop.run_until_complete(future)

    def digest(self) -> str:
        """The wire digest so far: 64 hex digits."""
        return self.network.digest.hexdigest()

    def _note_error(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        # Up to Python 3.12.1 asyncio's streams trip over a handler that was cancelled at the end.
        if not isinstance(context.get("exception"), asyncio.CancelledError):
            self._errors.append(context)

    def _cancel_everything(self) -> None:
        for host in self.hosts.values():
            if host.is_paused:
                self.loop.carry_on(host.life)
        tasks = [
            task
            for task in asyncio.all_tasks(self.loop)
            if isinstance(task, NumberedTask) and not _is_over(task.life)
        ]
        tasks.sort(key=lambda task: task.number)
        for task in tasks:
            task.cancel()
        if tasks:
            self.loop.run_until_complete(
                contextvars.Context().run(self.loop.create_task, _finish(tasks))
            )
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())

    def _left_servers_open(self) -> bool:
        return bool(self.loop.past_lives) or any(host.is_paused for host in self.hosts.values())

    def _close_crashed_hosts(self) -> None:
        """What a power cut stopped was kept by its life until now. It is closed here, where nobody
        hears what it says and nothing that it does has a consequence.
        """
        if not self.loop.past_lives:
            return
        self.trace.close()
        self.loop.set_exception_handler(lambda loop, context: None)
        for life in self.loop.past_lives:
            for remains in life.kept:
                if isinstance(remains, SimTransport):
                    remains.forget()
                elif isinstance(remains, NumberedTask):
                    remains._log_destroy_pending = False  # type: ignore[attr-defined]
                    end_coroutine(remains.get_coro())


def _is_over(life: Life | None) -> bool:
    return life is not None and life.state is LifeState.OVER


async def _finish(tasks: list[NumberedTask]) -> None:
    await asyncio.gather(*tasks, return_exceptions=True)
