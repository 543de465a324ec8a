"""The guard: clocks and randomness of the world inside, everything as it was outside."""

import asyncio
import gc
import os
import random
import secrets
import socket
import subprocess
import tempfile
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from sim.kernel.errors import EscapeError
from sim.world import DEFAULT_EPOCH, World

_MISSING = object()


def patched_names() -> list[tuple[Any, str]]:
    with World(seed=1) as world:
        return [(owner, name) for owner, name, _original in world._guard._originals]


def values(names: list[tuple[Any, str]]) -> list[Any]:
    return [vars(owner).get(name, _MISSING) for owner, name in names]


def test_every_patched_name_is_the_original_again() -> None:
    names = patched_names()
    before = values(names)
    with World(seed=1):
        inside = values(names)
    assert all(a is not b for a, b in zip(before, inside, strict=True) if a is not None)
    assert all(a is b for a, b in zip(before, values(names), strict=True))


def test_every_patched_name_is_restored_when_the_body_raises() -> None:
    names = patched_names()
    before, state, threshold = values(names), random.getstate(), gc.get_threshold()
    with pytest.raises(ZeroDivisionError):
        _fail_in_a_world()
    assert all(a is b for a, b in zip(before, values(names), strict=True))
    assert random.getstate() == state
    assert gc.get_threshold() == threshold
    assert gc.get_freeze_count() == 0


def _fail_in_a_world() -> None:
    async def fail() -> None:
        raise ZeroDivisionError

    with World(seed=1) as world:
        random.random()
        world.run(fail)


def test_the_clocks_are_the_world_s() -> None:
    with World(seed=1) as world:
        world.run_until(3600.5)
        assert time.monotonic() == world.loop.time() == 3600.5
        assert time.time() == DEFAULT_EPOCH + 3600.5
        assert time.time_ns() == round((DEFAULT_EPOCH + 3600.5) * 1e9)
        assert time.monotonic_ns() == 3_600_500_000_000


def test_the_epoch_is_the_caller_s_choice() -> None:
    with World(seed=1, epoch=0.0) as world:
        world.run_until(10)
        assert time.time() == 10


def draws() -> list[Any]:
    return [
        random.random(),
        random.Random().random(),
        random.SystemRandom().getrandbits(64),
        os.urandom(16),
        secrets.token_hex(16),
        str(uuid.uuid4()),
        str(uuid.uuid1()),
    ]


def test_all_randomness_comes_from_the_seed() -> None:
    def run(seed: int) -> list[Any]:
        with World(seed=seed):
            return draws()

    first = run(1)
    random.seed(99)
    assert run(1) == first
    assert all(a != b for a, b in zip(first, run(2), strict=True))
    outside = draws()
    assert all(a != b for a, b in zip(first, outside, strict=True))


def test_a_seed_given_by_hand_means_the_same_inside_and_outside() -> None:
    outside = random.Random(5).random()
    with World(seed=1):
        assert random.Random(5).random() == outside


def test_a_world_takes_nothing_from_the_randomness_outside() -> None:
    random.seed(7)
    expected = [random.random(), random.random()]
    random.seed(7)
    first = random.random()
    with World(seed=1):
        random.random()
    assert [first, random.random()] == expected


ESCAPES: dict[str, Callable[[], Any]] = {
    "time.sleep": lambda: time.sleep(0.001),
    "a thread": lambda: threading.Thread(target=print).start(),
    "a timer thread": lambda: threading.Timer(1, print).start(),
    "a subprocess": lambda: subprocess.run(["true"], check=False),
    "os.system": lambda: os.system("true"),
    "os.fork": lambda: os.fork(),
    "a socket outside any host": lambda: socket.socket(),  # looked up inside the world
    "socket.create_connection": lambda: socket.create_connection(("127.0.0.1", 1)),
    "a real name lookup": lambda: socket.getaddrinfo("localhost", 80),
}


@pytest.mark.parametrize("escape", ESCAPES.values(), ids=ESCAPES)
def test_what_would_leave_the_world_is_refused(escape: Callable[[], Any]) -> None:
    with World(seed=1), pytest.raises(EscapeError):
        escape()


@pytest.mark.filterwarnings(
    # What asyncio had opened before it was refused.
    "ignore::ResourceWarning",
    "ignore::pytest.PytestUnraisableExceptionWarning",
)
def test_a_second_event_loop_is_refused() -> None:
    with World(seed=1), pytest.raises(EscapeError):
        asyncio.new_event_loop()
    gc.collect()


IN_COROUTINES: dict[str, Callable[[asyncio.AbstractEventLoop], Any]] = {
    "create_subprocess_exec": lambda _: asyncio.create_subprocess_exec("true"),
    "create_subprocess_shell": lambda _: asyncio.create_subprocess_shell("true"),
    "connect_read_pipe": lambda loop: loop.connect_read_pipe(asyncio.Protocol, None),
    "create_unix_connection": lambda loop: loop.create_unix_connection(asyncio.Protocol, "/x"),
    "create_datagram_endpoint": lambda loop: loop.create_datagram_endpoint(
        asyncio.DatagramProtocol, local_addr=("127.0.0.1", 0)
    ),
    "sock_recv": lambda loop: loop.sock_recv(socket.socket(), 1),
    "create_server(sock=)": lambda loop: loop.create_server(asyncio.Protocol, sock=socket.socket()),
}


@pytest.mark.parametrize("escape", IN_COROUTINES.values(), ids=IN_COROUTINES)
def test_what_asyncio_could_leave_the_world_by_is_refused(escape: Callable[[Any], Any]) -> None:
    with World(seed=1) as world:

        async def main() -> None:
            await escape(world.loop)

        with pytest.raises((EscapeError, NotImplementedError, OSError)) as refused:
            world.run(main)
        assert not isinstance(refused.value, ConnectionError)


BLOCKING: dict[str, Callable[[Any], Any]] = {
    "connect": lambda sock: sock.connect(("site", 80)),
    "recv": lambda sock: sock.recv(1),
    "sendall": lambda sock: sock.sendall(b"x"),
    "setblocking": lambda sock: sock.setblocking(True),
    "settimeout": lambda sock: sock.settimeout(5),
    "datagrams": lambda _: socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
}


@pytest.mark.parametrize("use", BLOCKING.values(), ids=BLOCKING)
def test_blocking_use_of_a_socket_is_refused_on_a_host_too(use: Callable[[Any], Any]) -> None:
    with World(seed=1) as world:

        async def main() -> None:
            sock = socket.socket()
            with pytest.raises(EscapeError):
                use(sock)
            sock.close()

        world.run(main)


def test_other_threads_keep_the_real_functions() -> None:
    go, done = threading.Event(), threading.Event()
    seen: dict[str, Any] = {}

    def other() -> None:
        go.wait()
        time.sleep(0)
        seen["time"] = time.time()
        seen["urandom"] = os.urandom(16)
        thread = threading.Thread(target=lambda: None)
        thread.start()
        thread.join()
        seen["subprocess"] = subprocess.run(["true"], check=False).returncode
        done.set()

    def run() -> bytes:
        go.clear()
        done.clear()
        thread = threading.Thread(target=other)
        thread.start()
        with World(seed=1):
            go.set()
            done.wait()
        thread.join()
        urandom: bytes = seen["urandom"]
        return urandom

    assert run() != run()
    assert seen["time"] > 1_600_000_000
    assert seen["subprocess"] == 0


def test_a_world_inside_a_world_is_refused_and_the_outer_one_goes_on() -> None:
    with World(seed=1) as outer:
        with pytest.raises(RuntimeError, match="another world is running"), World(seed=2):
            pytest.fail("it was entered")
        outer.run(lambda: asyncio.sleep(5))
        assert time.monotonic() == outer.env.now
    with World(seed=3):
        pass


def test_two_worlds_after_each_other_are_equal() -> None:
    def run() -> tuple[Any, ...]:
        with World(seed=5) as world:
            site = world.host("site")
            future = world.loop.create_future()
            return (world.env.now, site.address, hash(future), *draws())

    assert run() == run()


def test_a_temporary_file_can_be_made() -> None:
    with World(seed=1), tempfile.TemporaryFile() as file:
        file.write(b"x")
