"""An asyncio event loop whose clock is a SimPy environment.

It subclasses `asyncio.BaseEventLoop`, so tasks, futures, `start_tls`, asynchronous generators
and shutdown are asyncio's own. What differs: `_run_once` has no selector but lets virtual time
jump to the next SimPy event or timer; timers live in a heap ordered by (when, sequence); the
network comes from a `NetworkStack`; work for an executor runs inline.

Order at one instant: SimPy events by (time, priority, id), then due timers by (when, sequence),
then ready callbacks first in, first out. Ready callbacks are never shuffled: asyncio code relies
on the order of `call_soon`.

Not here, and said so when asked for: signal handlers, subprocesses, file descriptors, datagrams.
"""

import asyncio
import heapq
import threading
from collections.abc import Callable, Coroutine, Iterable, Sequence
from contextvars import Context
from itertools import count
from typing import Any, NoReturn, Protocol

from sim.kernel.context import Life, LifeState, current_life
from sim.kernel.environment import SimEnvironment
from sim.kernel.errors import EscapeError, LivelockError, StandstillError
from sim.kernel.identity import NumberedFuture, NumberedTask

_LIVELOCK_TURNS = 1_000_000
"""Turns of the loop at one instant after which it is taken for a livelock. Real programs stay
below a few thousand."""

_INFINITY = float("inf")


class NetworkStack(Protocol):
    """What the loop needs of a network. Implemented by `sim.net.network.Network`."""

    async def create_connection(
        self, loop: "SimLoop", protocol_factory: Callable[[], asyncio.BaseProtocol], **options: Any
    ) -> tuple[asyncio.BaseTransport, asyncio.BaseProtocol]: ...

    async def create_server(
        self, loop: "SimLoop", protocol_factory: Callable[[], asyncio.BaseProtocol], **options: Any
    ) -> asyncio.AbstractServer: ...

    async def sock_connect(self, loop: "SimLoop", sock: Any, address: Any) -> None: ...

    def resolve(
        self, host: str | None, port: int | str | None, *, family: int = 0, type: int = 0
    ) -> list[Any]: ...


class SimLoop(asyncio.BaseEventLoop):
    """See the module. `loop.time()` is the environment's `now`, in virtual seconds."""

    def __init__(self, environment: SimEnvironment, network: NetworkStack) -> None:
        super().__init__()
        self.environment = environment
        self.network = network
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._timer_numbers = count()
        self._cancelled_timers = 0
        self._turns_at_instant = 0
        self._instant = -1.0
        self._lives_differ = False
        self.past_lives: list[Life] = []
        """Lives that are over, with what is left of them."""

    # -- time and order ---------------------------------------------------------------------

    def time(self) -> float:
        """Virtual seconds."""
        return self.environment.now

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., Any], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """As in asyncio; timers of one moment run in the order in which they were made."""
        self._check_closed()  # type: ignore[attr-defined]
        timer = asyncio.TimerHandle(when, callback, args, self, context)
        timer._scheduled = True  # type: ignore[attr-defined]
        heapq.heappush(self._timers, (when, next(self._timer_numbers), timer))
        return timer

    def call_later(  # type: ignore[override]
        self, delay: float, callback: Callable[..., Any], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """As in asyncio."""
        if delay is None:
            raise TypeError("delay must not be None")
        return self.call_at(self.environment.now + delay, callback, *args, context=context)

    def call_soon(  # type: ignore[override]
        self, callback: Callable[..., Any], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        """As in asyncio, in one call instead of four while nobody debugs."""
        if self._debug or self._closed:  # type: ignore[attr-defined]
            return super().call_soon(callback, *args, context=context)
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)  # type: ignore[attr-defined]
        return handle

    def call_soon_threadsafe(  # type: ignore[override]
        self, callback: Callable[..., Any], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        """As `call_soon`; refused from another thread: threads have no place in time."""
        thread = self._thread_id  # type: ignore[attr-defined]
        if self.is_running() and threading.get_ident() != thread:
            raise EscapeError(
                "call_soon_threadsafe() from another thread: a simulated world has one thread; "
                "use run_in_executor(), which runs the work inline"
            )
        return self.call_soon(callback, *args, context=context)

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        self._cancelled_timers += 1
        if self._cancelled_timers > 64 and self._cancelled_timers * 2 > len(self._timers):
            self._timers = [entry for entry in self._timers if not entry[2].cancelled()]
            heapq.heapify(self._timers)
            self._cancelled_timers = 0

    def _next_timer(self) -> float:
        timers = self._timers
        while timers:
            if not timers[0][2].cancelled():
                return timers[0][0]
            heapq.heappop(timers)
            self._cancelled_timers -= 1
        return _INFINITY

    def _run_once(self) -> None:
        environment = self.environment
        ready = self._ready  # type: ignore[attr-defined]
        if not ready and not self._stopping:  # type: ignore[attr-defined]
            when = min(environment.next_event_time(), self._next_timer())
            if when == _INFINITY:
                raise StandstillError(
                    f"the world stands still at {environment.now:.6f} s: no event, timer or "
                    "callback is left, but something is still being waited for"
                )
            environment.advance_to(when)
        now = environment._now
        if now != self._instant:
            self._instant = now
            self._turns_at_instant = 0
        else:
            self._turns_at_instant += 1
            if self._turns_at_instant > _LIVELOCK_TURNS:
                self._refuse_livelock(ready[0] if ready else "a SimPy event")
        events = 0
        queue = environment._queue
        while queue and queue[0][0] <= now:
            environment.step()
            events += 1
            if events > _LIVELOCK_TURNS:
                self._refuse_livelock("a SimPy event")
        timers = self._timers
        while timers and timers[0][0] <= now:
            timer = heapq.heappop(timers)[2]
            timer._scheduled = False  # type: ignore[attr-defined]
            if timer.cancelled():
                self._cancelled_timers -= 1
            else:
                ready.append(timer)
        if self._lives_differ:
            self._run_the_living(len(ready))
            return
        for _ in range(len(ready)):
            handle = ready.popleft()
            if not handle._cancelled:
                handle._run()
        # The traceback of a callback that failed keeps this frame and what it holds: a task whose
        # error nobody has heard of would be reported only when the collector comes round.
        handle = timer = None  # type: ignore[assignment]

    def _run_the_living(self, count: int) -> None:
        """Run the next `count` callbacks, except those of lives that do not run."""
        ready = self._ready  # type: ignore[attr-defined]
        for _ in range(count):
            handle = ready.popleft()
            if handle._cancelled:
                continue
            life = handle._context.get(current_life)
            if life is None or life.state is LifeState.RUNNING:
                handle._run()
            else:
                life.parked.append(handle)
        handle = None  # as in _run_once()

    def halt(self, life: Life, state: LifeState) -> None:
        """From now on no code of this life runs, to the end of its current step at the most."""
        life.state = state
        self._lives_differ = True
        ready = self._ready  # type: ignore[attr-defined]
        for position, handle in enumerate(ready):
            # In place: the turn that is under way counts on their number.
            if not handle._cancelled and handle._context.get(current_life) is life:
                life.parked.append(handle)
                ready[position] = asyncio.Handle(_nothing, (), self, Context())
        if state is LifeState.OVER:
            self.past_lives.append(life)
            tasks = [task for task in asyncio.all_tasks(self) if isinstance(task, NumberedTask)]
            tasks.sort(key=lambda task: task.number)
            life.kept.extend(task for task in tasks if task.life is life)
            for generator in life.generators:
                life.kept.append(generator)
                self._asyncgens.discard(generator)  # type: ignore[attr-defined]

    def forget_past_lives(self) -> None:
        """The world is over: let go of everything that waits for its turn or was kept from it."""
        for life in self.past_lives:
            life.kept.clear()
            life.parked.clear()
        self.past_lives.clear()
        self._timers.clear()
        self._ready.clear()  # type: ignore[attr-defined]

    def carry_on(self, life: Life) -> None:
        """Let the code of a paused life run again: first what has come due meanwhile."""
        life.state = LifeState.RUNNING
        self._ready.extend(life.parked)  # type: ignore[attr-defined]
        life.parked.clear()

    def _asyncgen_firstiter_hook(self, agen: Any) -> None:
        super()._asyncgen_firstiter_hook(agen)  # type: ignore[misc]
        life = current_life.get(None)
        if life is not None:
            life.generators.add(agen)

    def _refuse_livelock(self, follower: object) -> NoReturn:
        raise LivelockError(
            f"{_LIVELOCK_TURNS} turns of the loop at {self.environment.now:.6f} s without time "
            f"moving; next: {follower}"
        )

    def _process_events(self, event_list: Any) -> None:
        """Nothing to do: there is no selector."""

    def _write_to_self(self) -> None:
        """Nothing to do: nobody sleeps in a selector."""

    # -- identity ---------------------------------------------------------------------------

    def create_future(self) -> NumberedFuture:
        """A future with a hash that is the same in every run."""
        return NumberedFuture(loop=self)

    def create_task(  # type: ignore[override]
        self, coro: Coroutine[Any, Any, Any], **options: Any
    ) -> asyncio.Task[Any]:
        """A task with a hash that is the same in every run."""
        self._check_closed()  # type: ignore[attr-defined]
        return NumberedTask(coro, loop=self, **options)

    # -- executors --------------------------------------------------------------------------

    def run_in_executor(  # type: ignore[override]
        self, executor: Any, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        """Run `func` inline at the loop's next turn, taking no virtual time; no thread starts."""
        self._check_closed()  # type: ignore[attr-defined]
        future = self.create_future()
        self.call_soon(_run_inline, future, func, args)
        return future

    # -- network ----------------------------------------------------------------------------

    async def create_connection(  # type: ignore[override]
        self,
        protocol_factory: Callable[[], asyncio.BaseProtocol],
        host: str | None = None,
        port: int | None = None,
        **options: Any,
    ) -> tuple[asyncio.BaseTransport, asyncio.BaseProtocol]:
        """As in asyncio, over the simulated network, from the host the caller runs on."""
        return await self.network.create_connection(
            self, protocol_factory, host=host, port=port, **options
        )

    async def create_server(  # type: ignore[override]
        self,
        protocol_factory: Callable[[], asyncio.BaseProtocol],
        host: str | Sequence[str] | None = None,
        port: int | None = None,
        **options: Any,
    ) -> asyncio.AbstractServer:
        """As in asyncio, listening on the host the caller runs on."""
        return await self.network.create_server(
            self, protocol_factory, host=host, port=port, **options
        )

    async def sock_connect(self, sock: Any, address: Any) -> None:
        """As in asyncio, for a socket of the simulated network."""
        await self.network.sock_connect(self, sock, address)

    async def getaddrinfo(
        self,
        host: Any,
        port: Any,
        *,
        family: int = 0,
        type: int = 0,
        proto: int = 0,
        flags: int = 0,
    ) -> list[Any]:
        """Look the name up in the world's table. Raises `socket.gaierror` for an unknown one."""
        return self.network.resolve(host, port, family=family, type=type)

    async def getnameinfo(self, sockaddr: Any, flags: int = 0) -> tuple[str, str]:
        """The address itself: the world has no reverse lookup."""
        return str(sockaddr[0]), str(sockaddr[1])

    async def sendfile(self, transport: Any, file: Any, *args: Any, **options: Any) -> NoReturn:
        """Always `NotImplementedError`, which makes aiohttp copy the file by itself."""
        raise NotImplementedError("the simulated network has no sendfile")


def _nothing() -> None:
    """Stands in the queue for a callback that was taken out of it."""


def _run_inline(
    future: "asyncio.Future[Any]", func: Callable[..., Any], args: Iterable[Any]
) -> None:
    if future.cancelled():
        return
    try:
        result = func(*args)
    except (SystemExit, KeyboardInterrupt):
        raise
    except BaseException as error:
        future.set_exception(error)
    else:
        future.set_result(result)
