"""The guard: while a world runs, time and randomness come from the world and nothing escapes it.

On the thread that runs the world, `time.time`, `time.monotonic`, `os.urandom`, `random`, `uuid`
and `secrets` answer from the world; sockets are simulated ones; threads, subprocesses and
sleeping are refused with `EscapeError`. Locks on files belong to the host that takes them. Other
threads keep the real functions. On leaving, every patched name is the original again.

Known leaks, which the guard cannot close: `datetime.datetime.now()` and friends ask the C
library (our servers do not call them); OpenSSL has its own random generator and clock
(certificates must be valid today, and ciphertexts differ between runs while their lengths do
not); modules that copied `perf_counter` measure real time.
"""

import asyncio
import fcntl
import functools
import gc
import os
import random
import socket
import subprocess
import threading
import time
import uuid
from collections.abc import Callable
from types import TracebackType
from typing import Any, NoReturn

import aiohttp.client_proto
import aiohttp.connector
import aiohttp.web_app
from aiohttp._websocket import writer as websocket_writer
from sqlalchemy.util import queue as sqlalchemy_queue

from sim.kernel.context import current_host, current_life
from sim.kernel.environment import SimEnvironment
from sim.kernel.errors import EscapeError
from sim.kernel.identity import NumberedTask, numbered_hash, restart_numbers
from sim.kernel.seeds import Seeds

_MISSING = object()

_GC_THRESHOLD = 50_000
"""Allocations between collections during a run. The default of 700 spends a sixth of the run on
collecting the long-lived objects of a fleet again and again.
"""


_WORLDS_PER_COLLECTION = 20
"""A full collection before each world costs more than a small world does; what a world leaves
behind waits, out of the collector's sight, for one of the next.
"""


class _NumberedPlaceholder(aiohttp.connector._TransportPlaceholder):
    __hash__ = numbered_hash


class Guard:
    """A context manager around the run of one world. Not reentrant; one guard a process at a time.

    `epoch` is the calendar time, in Unix seconds, at virtual time zero. `socket_class` is what
    `socket.socket` means inside.
    """

    _active: "Guard | None" = None
    _entered = 0

    def __init__(
        self, environment: SimEnvironment, seeds: Seeds, *, epoch: float, socket_class: type
    ) -> None:
        self._environment = environment
        self._seeds = seeds
        self._epoch = epoch
        self._socket_class = socket_class
        self._originals: list[tuple[Any, str, Any]] = []
        self._random_state: Any = None
        self._gc_threshold: tuple[int, int, int] = gc.get_threshold()

    def __enter__(self) -> "Guard":
        if Guard._active is not None:
            raise RuntimeError("another world is running in this process; leave it first")
        Guard._active = self
        self._thread = threading.get_ident()
        restart_numbers()
        self._patch_clocks()
        self._patch_randomness()
        self._patch_identity()
        self._patch_caches()
        self._patch_escapes()
        self._patch(fcntl, "flock", self._here(_noted_lock(fcntl.flock), fcntl.flock))
        self._gc_threshold = gc.get_threshold()
        if Guard._entered % _WORLDS_PER_COLLECTION == 0:
            gc.collect()
        Guard._entered += 1
        gc.freeze()
        gc.set_threshold(_GC_THRESHOLD)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        gc.set_threshold(*self._gc_threshold)
        gc.unfreeze()
        for owner, name, original in reversed(self._originals):
            if original is _MISSING:
                delattr(owner, name)
            else:
                setattr(owner, name, original)
        self._originals.clear()
        random.setstate(self._random_state)
        Guard._active = None

    def _patch(self, owner: Any, name: str, replacement: Any) -> None:
        # vars() and not getattr(): an inherited attribute has to be deleted again, not restored.
        self._originals.append((owner, name, vars(owner).get(name, _MISSING)))
        setattr(owner, name, replacement)

    def _here(self, inside: Callable[..., Any], outside: Callable[..., Any]) -> Callable[..., Any]:
        """`inside` on the world's thread, `outside` on every other."""
        thread, get_ident = self._thread, threading.get_ident

        def choose(*args: Any, **kwargs: Any) -> Any:
            return (inside if get_ident() == thread else outside)(*args, **kwargs)

        return choose

    # -- clocks -----------------------------------------------------------------------------

    def _patch_clocks(self) -> None:
        environment, epoch = self._environment, self._epoch
        skews = environment.skews

        def calendar() -> float:
            if skews:
                skew = skews.get(current_host.get(None))
                if skew is not None:
                    return epoch + environment._now + skew(environment._now)
            return epoch + environment._now

        def monotonic() -> float:
            return environment._now

        def calendar_ns() -> int:
            return round(calendar() * 1e9)

        def monotonic_ns() -> int:
            return round(environment._now * 1e9)

        guarded_time = self._here(calendar, time.time)
        guarded_monotonic = self._here(monotonic, time.monotonic)
        self._patch(time, "time", guarded_time)
        self._patch(time, "time_ns", self._here(calendar_ns, time.time_ns))
        self._patch(time, "monotonic", guarded_monotonic)
        self._patch(time, "monotonic_ns", self._here(monotonic_ns, time.monotonic_ns))
        # Copies that other modules made at import: the connector's drives the expiry of its pool.
        self._patch(aiohttp.connector, "monotonic", guarded_monotonic)
        self._patch(sqlalchemy_queue, "_time", guarded_time)

    # -- randomness -------------------------------------------------------------------------

    def _patch_randomness(self) -> None:
        self._random_state = random.getstate()
        random.seed(self._seeds.integer("guard/random"))
        urandom = self._here(self._seeds.stream("guard/urandom").randbytes, os.urandom)
        self._patch(os, "urandom", urandom)
        self._patch(random, "_urandom", urandom)  # SystemRandom, and so `secrets`
        self._patch(random.Random, "seed", self._seeding())
        # uuid1() reads the network card and a C clock unless these are set.
        self._patch(uuid, "_node", self._seeds.integer("guard/node") & 0xFEFF_FFFF_FFFF)
        self._patch(uuid, "_generate_time_safe", None)
        self._patch(uuid, "_last_timestamp", None)
        self._reseed_websocket_masks()

    def _seeding(self) -> Callable[..., Any]:
        """`Random()` without a seed asks the operating system in C."""
        original, thread = random.Random.seed, self._thread
        stream = self._seeds.stream("guard/unseeded")

        def seed(self: random.Random, a: Any = None, version: int = 2) -> None:
            if a is None and threading.get_ident() == thread:
                a = stream.getrandbits(256)
            original(self, a, version)

        return seed

    def _reseed_websocket_masks(self) -> None:
        # aiohttp makes one Random() at import, as the default of a keyword-only argument.
        make = websocket_writer.WebSocketWriter.__init__
        for default in (make.__kwdefaults__ or {}).values():
            if isinstance(default, random.Random):
                default.seed(self._seeds.integer("guard/websocket"))

    # -- identity ---------------------------------------------------------------------------

    def _patch_identity(self) -> None:
        # aiohttp makes eager tasks (Python 3.12+) from this name, not through the loop.
        self._patch(asyncio, "Task", NumberedTask)
        self._patch(aiohttp.client_proto.ResponseHandler, "__hash__", numbered_hash)
        # Takes a connection's place in the connector's sets while it is being opened, and leaves
        # holes there that decide where later ones go.
        self._patch(aiohttp.connector, "_TransportPlaceholder", _NumberedPlaceholder)

    # -- caches -----------------------------------------------------------------------------

    def _patch_caches(self) -> None:
        # Remembers handlers with their applications, and so with their loop and all of a world. A
        # cache of its own ends with the world.
        cached = aiohttp.web_app._cached_build_middleware
        own = functools.lru_cache(**cached.cache_parameters())(cached.__wrapped__)
        self._patch(aiohttp.web_app, "_cached_build_middleware", own)

    # -- escapes ----------------------------------------------------------------------------

    def _patch_escapes(self) -> None:
        self._patch(time, "sleep", self._here(_refuse_sleep, time.sleep))
        self._patch(threading.Thread, "start", self._refusing_thread_start())
        self._patch(subprocess.Popen, "__init__", self._refusing_popen())
        self._patch(socket, "socket", self._socket_class)
        self._patch(socket, "socketpair", self._here(_refuse_socket_pair, socket.socketpair))
        self._patch(socket, "getaddrinfo", self._here(_refuse_lookup, socket.getaddrinfo))
        for name in ("fork", "posix_spawn", "system"):
            self._patch(os, name, self._here(_refuse_process, getattr(os, name)))

    def _refusing_thread_start(self) -> Callable[..., Any]:
        # A plain function, so that it binds as a method.
        original, thread = threading.Thread.start, self._thread

        def start(self: threading.Thread) -> None:
            if threading.get_ident() == thread:
                raise EscapeError(
                    f"a thread ({self.name}) was started inside a simulated world; "
                    "use run_in_executor(), which runs the work inline"
                )
            original(self)

        return start

    def _refusing_popen(self) -> Callable[..., Any]:
        original, thread = subprocess.Popen.__init__, self._thread

        def initialise(self: Any, *args: Any, **kwargs: Any) -> None:
            if threading.get_ident() == thread:
                _refuse_process()
            original(self, *args, **kwargs)

        return initialise


def _noted_lock(flock: Callable[..., None]) -> Callable[..., None]:
    """Locks of a host's code end with its power, see `Life.end_locks`: the process in which the
    world runs does not end then.
    """

    def lock(file: Any, operation: int) -> None:
        flock(file, operation)
        life = current_life.get(None)
        if life is not None and not operation & fcntl.LOCK_UN and hasattr(file, "closed"):
            life.locked.append(file)

    return lock


def _refuse_process(*_args: Any, **_kwargs: Any) -> NoReturn:
    raise EscapeError("a process was started inside a simulated world")


def _refuse_socket_pair(*_args: Any, **_kwargs: Any) -> NoReturn:
    raise EscapeError("a pair of real sockets was asked for inside a simulated world")


def _refuse_lookup(host: Any, *_args: Any, **_kwargs: Any) -> NoReturn:
    raise EscapeError(
        f"the real name {host!r} was looked up inside a simulated world; use loop.getaddrinfo()"
    )


def _refuse_sleep(seconds: float) -> NoReturn:
    raise EscapeError(
        f"time.sleep({seconds}) inside a simulated world would stop real time, not virtual time; "
        "use asyncio.sleep() or the environment's timeout()"
    )
