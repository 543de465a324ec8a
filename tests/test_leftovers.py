"""What a test leaves open is found, by name, and what it closes is not."""

import asyncio
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import aiohttp
import pytest

from sim.world import World
from tests.leftovers import left_since, open_now

Opened = Callable[[], AbstractContextManager[None]]
ROOT = Path(__file__).parents[1]


@contextmanager
def session() -> Iterator[None]:
    with asyncio.Runner() as runner:

        async def make() -> aiohttp.ClientSession:
            return aiohttp.ClientSession()

        held = runner.run(make())
        yield
        runner.run(held.close())


@contextmanager
def loop() -> Iterator[None]:
    held = asyncio.new_event_loop()
    yield
    held.close()


@contextmanager
def task() -> Iterator[None]:
    with asyncio.Runner() as runner:

        async def wait() -> None:
            await asyncio.Event().wait()

        held = runner.get_loop().create_task(wait(), name="forgotten")
        yield
        held.cancel()


@contextmanager
def world() -> Iterator[None]:
    with World(seed=1):
        yield


@contextmanager
def server() -> Iterator[None]:
    with asyncio.Runner() as runner:

        async def listen() -> asyncio.Server:
            return await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)

        held = runner.run(listen())
        yield
        held.close()
        runner.run(held.wait_closed())


@contextmanager
def thread() -> Iterator[None]:
    over = threading.Event()
    held = threading.Thread(target=over.wait, name="forgotten")
    held.start()
    yield
    over.set()
    held.join()


@contextmanager
def process() -> Iterator[None]:
    program = [sys.executable, "-c", "input()"]
    with subprocess.Popen(program, stdin=subprocess.PIPE) as held:
        yield
        held.communicate(b"\n")


@contextmanager
def file() -> Iterator[None]:
    with open(__file__):
        yield


@pytest.fixture(autouse=True)
def _no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.leftovers.PATIENCE", 0.0)


@pytest.mark.parametrize(
    ("opened", "name"),
    [
        (session, "client session"),
        (session, "connector"),
        (loop, "event loop"),
        (world, "event loop .*SimLoop"),
        (task, "task forgotten"),
        (server, "descriptor .*socket"),
        (thread, "thread forgotten"),
        (process, "process .*input"),
        (file, "descriptor .*test_leftovers"),
    ],
)
def test_what_is_open_is_named_until_it_is_closed(opened: Opened, name: str) -> None:
    before = open_now()
    with opened():
        found = left_since(before)
    assert any(re.search(name, each) for each in found), found
    assert left_since(before) == []


FORGETS = """\
import socket
from tests.leftovers import module_leaves_nothing_open, test_leaves_nothing_open

held = []

def test_that_forgets():
    held.append(socket.create_server(("127.0.0.1", 0)))

def test_that_does_not():
    pass
"""


def test_the_test_that_left_it_fails_and_not_the_next(tmp_path: Path) -> None:
    file = tmp_path / "test_forgets.py"
    file.write_text(FORGETS)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", "/dev/null"]
    done = subprocess.run(
        [*command, f"--rootdir={tmp_path}", str(file)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "ERROR at teardown of test_that_forgets" in done.stdout
    assert "This test left open: descriptor" in done.stdout
    assert "2 passed, 1 error" in done.stdout
