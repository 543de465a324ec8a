"""Where code of other people reads a clock that the guard does not reach (pitfall 9).

The guard replaces `time.time` and its like in the module `time`. That does not reach names that
other modules copied at import, nor calls into the C library. Both kinds are listed here in full;
a new release of a dependency that adds one makes these tests fail, and somebody has to look at it.
"""

import ast
import datetime
import importlib
import inspect
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import aiohttp.connector
import pytest
from sqlalchemy.util import queue as sqlalchemy_queue

from sim.world import World

DEPENDENCIES = ("aiohttp", "argon2", "asyncio", "jinja2", "sqlalchemy")
LOADED = (
    "aiohttp.web",
    "argon2",
    "asyncio",
    "jinja2",
    "sqlalchemy.dialects.sqlite",
    "sqlalchemy.ext.compiler",
    "sqlalchemy.pool",
)

PATCHED_COPIES = {
    "aiohttp.connector.monotonic": "monotonic",  # expiry of pooled connections
    "sqlalchemy.util.queue._time": "time",  # timeouts of the pool
}
HARMLESS_COPIES = {
    # Durations in debug logs, which nothing of ours turns on.
    "sqlalchemy.engine.default.perf_counter": "perf_counter",
    "sqlalchemy.sql.compiler.perf_counter": "perf_counter",
}
C_LIBRARY_CALLS = {
    # A nonce of digest authentication, which nothing of ours uses.
    ("aiohttp.client_middleware_digest_auth", "time.ctime"),
    # %t in aiohttp's access log; servers here write their own.
    ("aiohttp.web_log", "datetime.datetime.now"),
    ("aiohttp.web_log", "time_mod.localtime"),
}

CLOCKS = (
    "time",
    "time_ns",
    "monotonic",
    "monotonic_ns",
    "perf_counter",
    "perf_counter_ns",
    "process_time",
    "sleep",
    "gmtime",
    "localtime",
)
NOT_WITHOUT_ARGUMENT = ("asctime", "ctime", "gmtime", "localtime")
WORTH_PARSING = re.compile(
    r"(time|date)\w*\.(now|today|utcnow|asctime|ctime|gmtime|localtime|strftime)\("
)
OF_DATETIME = ("now", "today", "utcnow")


def modules() -> Iterator[tuple[str, ModuleType]]:
    for name in LOADED:
        importlib.import_module(name)
    for name, module in sorted(sys.modules.items()):
        if name.split(".")[0] in DEPENDENCIES:
            yield name, module


def copies_in(owner: Any, place: str) -> Iterator[tuple[str, str]]:
    """Clock functions that a module, a class made in it or a default of a function holds."""
    clocks = {id(getattr(time, name)): name for name in CLOCKS}
    for name, value in list(vars(owner).items()):
        where = f"{place}.{name}"
        if id(value) in clocks:
            yield where, clocks[id(value)]
        function = getattr(value, "__func__", value)
        if inspect.isfunction(function):
            defaults = (function.__defaults__ or ()) + tuple(
                (function.__kwdefaults__ or {}).values()
            )
            yield from (
                (f"{where}()", clocks[id(default)]) for default in defaults if id(default) in clocks
            )
        if inspect.isclass(value) and f"{value.__module__}.{value.__qualname__}" == where:
            yield from copies_in(value, where)


def c_library_calls_in(module: ModuleType) -> Iterator[str]:
    try:
        source = inspect.getsource(module)
    except (OSError, TypeError):
        return  # compiled, or empty
    if not WORTH_PARSING.search(source):
        return
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        name, function = node.func.attr, ast.unparse(node.func)
        if (
            (name in OF_DATETIME and "date" in function)
            or (name in NOT_WITHOUT_ARGUMENT and not node.args)
            or (name == "strftime" and len(node.args) < 2 and function == "time.strftime")
        ):
            yield function


def test_every_copied_clock_is_known() -> None:
    copies = dict(copy for name, module in modules() for copy in copies_in(module, name))
    assert copies == PATCHED_COPIES | HARMLESS_COPIES


def test_every_call_into_the_c_library_is_known() -> None:
    calls = {(name, call) for name, module in modules() for call in c_library_calls_in(module)}
    assert calls == C_LIBRARY_CALLS


def test_the_copies_that_matter_follow_the_world() -> None:
    with World(seed=1) as world:
        world.run_until(1000)
        assert aiohttp.connector.monotonic() == world.env.now
        assert sqlalchemy_queue._time() == world.epoch + world.env.now


def test_the_scan_notices_copies_and_calls() -> None:
    module = ModuleType("leaky")
    source = (
        "from time import monotonic as clock\n"
        "class Pool:\n"
        "    from time import time as now\n"
        "    def expire(self, at=clock): pass\n"
    )
    exec(source, vars(module))
    assert dict(copies_in(module, "leaky")) == {
        "leaky.clock": "monotonic",
        "leaky.Pool.now": "time",
        "leaky.Pool.expire()": "monotonic",
    }


def test_datetime_is_the_leak_that_nothing_can_close() -> None:
    with World(seed=1):
        assert time.time() < 1_400_000_000  # the world's 2013
        assert datetime.datetime.now(datetime.UTC).year > 2020
        assert datetime.datetime.fromtimestamp(time.time(), datetime.UTC).year == 2013


@pytest.mark.parametrize("function", ["gmtime", "localtime", "ctime", "strftime"])
def test_the_time_module_leaks_where_it_is_asked_for_now_in_parts(function: str) -> None:
    arguments = ("%Y",) if function == "strftime" else ()
    with World(seed=1):
        assert "2013" not in str(getattr(time, function)(*arguments))


def test_the_server_packages_read_one_clock_only() -> None:
    """Importing all of `server/` brings no copies along, whatever its modules import."""
    program = (
        "import pkgutil, sys, time, server\n"
        "for found in pkgutil.walk_packages(server.__path__, 'server.'):\n"
        "    if not found.name.endswith('__main__'):\n"
        "        __import__(found.name)\n"
        "clocks = {id(getattr(time, n)) for n in ('time', 'monotonic', 'time_ns')}\n"
        "print([f'{n}.{k}' for n, m in sorted(sys.modules.items()) if n.startswith('server')\n"
        "       for k, v in vars(m).items() if id(v) in clocks])\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"
