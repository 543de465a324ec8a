"""A process asks this one for names and for the time: as a program that knows nothing of it finds
out.
"""

import asyncio
import json
import os
import socket
import sys
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import simpy

from sim.kernel.bridge import as_event
from sim.live.hosts import LiveHost
from sim.live.logs import ServerLogs
from sim.live.process import ServerProcess
from sim.live.world import LiveWorld
from sim.net.faults import DnsFailure

Story = Generator[simpy.Event, Any, Any]

PROGRAM = '''
"""Does what it is told on a socket of its own, line by line."""
import json, socket, sys, time

print(json.dumps([time.time(), "started"]), file=sys.stderr, flush=True)
server = socket.create_server(("127.0.0.1", 0))
print(json.dumps([time.time(), "port", server.getsockname()[1]]), file=sys.stderr, flush=True)
orders = server.accept()[0].makefile("r")
for name in map(str.strip, orders):
    try:
        found = socket.getaddrinfo(name, 80, type=socket.SOCK_STREAM)[0][4][0]
    except socket.gaierror as error:
        found = error.errno
    print(json.dumps([time.time(), "found", found]), file=sys.stderr, flush=True)
'''

pytestmark = pytest.mark.live


@pytest.fixture
def world() -> Iterator[LiveWorld]:
    with LiveWorld(1, surrounded=("server",)) as world:
        yield world


@pytest.fixture
def server(world: LiveWorld) -> LiveHost:
    return world.host("server")


Ask = Callable[[str], Generator[simpy.Event, Any, dict[str, Any]]]


@pytest.fixture
def tell(world: LiveWorld, server: LiveHost, tmp_path: Path) -> Callable[[Any], Any]:
    """Runs a story that can ask the process for a name, and gets what it logged then."""
    (tmp_path / "program.py").write_text(PROGRAM)
    waiting: dict[str, list[simpy.Event]] = {}

    def read(line: bytes) -> list[tuple[float, str, Mapping[str, Any]]]:
        when, kind, *value = json.loads(line)
        return [(when, kind, {"value": value[0] if value else None, "shown": when})]

    def see(event: Mapping[str, Any]) -> None:
        if "shown" in event:
            waiting[event["kind"]].pop().succeed(dict(event))

    def said(kind: str) -> simpy.Event:
        event = world.env.event()
        waiting.setdefault(kind, []).append(event)
        return event

    def run(story: Callable[[Ask], Story]) -> Any:
        logs = ServerLogs(world.trace, read)
        world.trace.listen(see)
        assert server.surroundings is not None
        command, inherits, theirs = server.surroundings.start("program", [])
        path = os.pathsep.join([str(tmp_path), *sys.path])
        environment = {**os.environ, "PYTHONPATH": path}
        with theirs:
            process = ServerProcess(
                "server",
                command,
                environment,
                world.loop,
                inherits=inherits,
                right_time=server.surroundings.right_time,
            )
        world.at_exit(process.kill)
        logs.follow(process)

        def main() -> Story:
            started, port = said("started"), said("port")
            yield started & port
            connection = world.loop.create_task(_connect(port.value["value"]))
            writer = yield as_event(world.env, connection)

            def ask(name: str) -> Generator[simpy.Event, Any, dict[str, Any]]:
                found = said("found")
                writer.write(name.encode() + b"\n")
                yield found
                return dict(found.value)

            result = yield from story(ask)
            writer.close()
            return result

        return world.run(main())

    return run


async def _connect(port: int) -> Any:
    return (await asyncio.open_connection("127.0.0.1", port))[1]


def test_names_are_the_worlds_and_addresses_need_no_asking(
    tell: Callable[[Any], Any], world: LiveWorld
) -> None:
    world.network.alias("push.example", world.host("service"))

    def story(ask: Ask) -> Story:
        found = []
        for name in ("push.example", "PUSH.example.", "127.0.0.3", "::1", "localhost"):
            answer = yield from ask(name)
            found.append(answer["value"])
        return found

    assert tell(story) == ["127.0.0.1", "127.0.0.1", "127.0.0.3", "::1", socket.EAI_NONAME]


@pytest.mark.parametrize(("kind", "name"), [("temporary", "EAI_AGAIN"), ("unknown", "EAI_NONAME")])
def test_look_ups_fail_as_long_as_the_fault_says(
    tell: Callable[[Any], Any], world: LiveWorld, kind: Any, name: str
) -> None:
    world.host("service")
    fault = DnsFailure(names=("service",), host="server", kind=kind)

    def story(ask: Ask) -> Story:
        with world.faults.during(fault):
            failed = yield from ask("service")
        found = yield from ask("service")
        return failed["value"], found["value"]

    assert tell(story) == (getattr(socket, name), "127.0.0.1")
    assert fault.fired == 1


@pytest.mark.parametrize("offset", [7200.0, -7200.0, 0.3, -0.3])
def test_a_wrong_clock_shows_in_the_process_and_not_in_the_times_of_the_trace(
    tell: Callable[[Any], Any], world: LiveWorld, server: LiveHost, offset: float
) -> None:
    world.host("service")

    def story(ask: Ask) -> Story:
        seen = []
        for set_clock in (lambda: None, lambda: server.set_clock(offset=offset), server.set_clock):
            set_clock()
            before, began = time.time(), world.env.now
            answer = yield from ask("service")
            seen.append((answer, before, time.time(), began, world.env.now))
        return seen

    for (answer, before, after, began, ended), expected in zip(
        tell(story), (0.0, offset, 0.0), strict=True
    ):
        assert before - 0.01 <= answer["shown"] - expected <= after + 0.01
        assert began - 0.01 <= answer["t"] / 1e9 <= ended + 0.01


def test_a_clock_that_drifts_is_ever_more_wrong(
    tell: Callable[[Any], Any], world: LiveWorld, server: LiveHost
) -> None:
    world.host("service")

    def story(ask: Ask) -> Story:
        server.set_clock(drift=9.0)
        yield world.env.timeout(0.2)
        before = time.time()
        answer = yield from ask("service")
        return answer["shown"] - before

    assert tell(story) > 1.7


def test_a_wrong_clock_of_code_in_this_process_is_that_code_s_alone(world: LiveWorld) -> None:
    right, service, other = time.time, world.host("service"), world.host("other")
    service.set_clock(offset=-7200.0)

    async def look() -> float:
        return time.time()

    def main() -> Story:
        here = yield as_event(world.env, service.start(look))
        there = yield as_event(world.env, other.start(look))
        return here, there

    here, there = world.run(main())
    assert here == pytest.approx(there - 7200.0, abs=60)
    assert time.time() == pytest.approx(there, abs=60)
    service.set_clock()
    assert world.run(as_event(world.env, service.start(look))) == pytest.approx(there, abs=60)
    world.network.close()
    assert time.time is right
