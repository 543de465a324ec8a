"""A test that leaves something open fails itself, and not one that happens to run later.

Looked for: client sessions and their connectors, event loops (a simulated world has one), tasks,
threads, child processes, and descriptors: sockets, servers, files, databases. What fixtures of
a module share is looked at when the module is over.

The look costs microseconds. Only when it finds something does it collect garbage, since what only
the collector still knows is not open any more, and wait a moment for threads and processes that
are on their way out. Threads, processes and descriptors are read from Linux's `/proc`.
"""

import asyncio
import gc
import os
import threading
import time
from collections.abc import Iterator
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any
from weakref import WeakSet

import aiohttp
import pytest
from joblib.externals.loky.backend import resource_tracker as loky_tracker

PATIENCE = 5.0
"""Seconds for a thread or a process that is ending."""

_SELF = Path("/proc/self")
_TRACKERS: tuple[Any, ...] = (resource_tracker._resource_tracker, loky_tracker._resource_tracker)
"""Processes that clean up behind this one. Begun with the first worker, they end after it."""
_FONTS = (".ttf", ".otf", ".pfb")
"""matplotlib keeps the fonts that it has drawn with open, as a cache."""

_sessions: "WeakSet[aiohttp.ClientSession]" = WeakSet()
_connectors: "WeakSet[aiohttp.BaseConnector]" = WeakSet()
_loops: "WeakSet[asyncio.BaseEventLoop]" = WeakSet()
_told: set[str] = set()
"""Names that a test of the current module has failed for."""


def _note(cls: type, into: "WeakSet[Any]") -> None:
    original = cls.__init__

    def noting(self: Any, *args: Any, **kwargs: Any) -> None:
        into.add(self)
        original(self, *args, **kwargs)

    cls.__init__ = noting  # type: ignore[misc]


_note(aiohttp.ClientSession, _sessions)
_note(aiohttp.BaseConnector, _connectors)
_note(asyncio.BaseEventLoop, _loops)


def open_now() -> dict[str, Any]:
    """What is open in this process, each with an object or number that tells it from others."""
    found: dict[str, Any] = {}
    for session in _sessions:
        if not session.closed:
            found[f"client session {id(session):#x}"] = session
    for connector in _connectors:
        if not connector.closed:
            found[f"connector {id(connector):#x}"] = connector
    for loop in _loops:
        if not loop.is_closed():
            found[f"event loop {id(loop):#x} ({type(loop).__name__})"] = loop
        for task in asyncio.all_tasks(loop):
            if task._log_destroy_pending:  # type: ignore[attr-defined]
                found[f"task {task.get_name()} of {task.get_coro()!r}"] = task
    for thread in threading.enumerate():
        found[f"thread {thread.name} ({thread.ident})"] = thread
    found.update((f"process {pid}", pid) for pid in _children())
    found.update(_descriptors())
    return found


def left_since(before: dict[str, Any]) -> list[str]:
    """Names of what is open and was not before, after the collector had a look at it."""

    def left() -> list[str]:
        return [name for name, each in open_now().items() if before.get(name) != each]

    names = left()
    if not names:
        return []
    gc.collect()
    deadline = time.monotonic() + PATIENCE
    while (names := left()) and time.monotonic() < deadline:
        if not any(name.startswith(("thread", "process")) for name in names):
            break
        time.sleep(0.02)
    return [name if not name.startswith("process") else _with_command(name) for name in names]


def _children() -> Iterator[int]:
    for children in _SELF.glob("task/*/children"):
        try:
            pids = children.read_text().split()
        except FileNotFoundError:  # a thread that has just ended
            continue
        trackers = {tracker._pid for tracker in _TRACKERS}
        yield from (int(pid) for pid in pids if int(pid) not in trackers)


def _command(pid: str) -> str:
    try:
        return Path("/proc", pid, "cmdline").read_text().replace("\0", " ").strip()
    except OSError:
        return ""


def _with_command(name: str) -> str:
    return f"{name} ({_command(name.removeprefix('process ')) or 'ended, but not waited for'})"


def _descriptors() -> Iterator[tuple[str, str]]:
    trackers = {str(tracker._fd) for tracker in _TRACKERS}
    for number in os.listdir(_SELF / "fd"):
        if number in trackers:
            continue
        try:
            file = os.readlink(_SELF / "fd" / number)
        except FileNotFoundError:  # the one of the listing itself
            continue
        if not file.endswith(_FONTS):
            yield f"descriptor {number} ({file})", file


@pytest.fixture(autouse=True, scope="module")
def module_leaves_nothing_open() -> Iterator[None]:
    before = open_now()
    yield
    _fail_for(left_since(before), "The fixtures of this module")
    _told.clear()


@pytest.fixture(autouse=True)
def test_leaves_nothing_open(module_leaves_nothing_open: None) -> Iterator[None]:
    before = open_now()
    yield
    _fail_for(left_since(before), "This test")


def _fail_for(left: list[str], who: str) -> None:
    left = [name for name in left if name not in _told]
    _told.update(left)
    if left:
        pytest.fail(f"{who} left open: " + "; ".join(left), pytrace=False)
