"""Server processes: their logs come in the order of causes, and none is ever left behind."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

import pytest
import simpy

from sim.kernel.bridge import as_event
from sim.live.logs import ServerLogs
from sim.live.process import ServerProcess
from sim.live.world import LiveWorld

Story = Generator[simpy.Event, Any, Any]
ROOT = Path(__file__).parents[3]

POLITE = """
    import signal, sys
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
    print("ready", file=sys.stderr, flush=True)
    while True:
        signal.pause()
"""

DEAF = """
    import signal, sys
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print("ready", file=sys.stderr, flush=True)
    while True:
        signal.pause()
"""

pytestmark = pytest.mark.live


def words(line: bytes) -> list[tuple[float, str, Mapping[str, Any]]]:
    """Every line is an event of now, its text the kind."""
    return [(time.time(), line.decode(), {})]


def start(world: LiveWorld, name: str, code: str) -> ServerProcess:
    command = [sys.executable, "-c", textwrap.dedent(code)]
    process = ServerProcess(name, command, dict(os.environ), world.loop)
    world.at_exit(process.kill)
    return process


def said(world: LiveWorld, text: str) -> simpy.Event:
    """Happens when an event of that kind is recorded."""
    event = world.env.event()

    def see(what: Mapping[str, Any]) -> None:
        if what["kind"] == text and not event.triggered:
            event.succeed()

    world.trace.listen(see)
    return event


@pytest.fixture
def logs(world: LiveWorld) -> ServerLogs:
    return ServerLogs(world.trace, words)


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_a_process_that_listens_to_sigterm_ends_with_its_own_code(
    world: LiveWorld, logs: ServerLogs
) -> None:
    process = start(world, "polite", POLITE)
    ready = said(world, "ready")
    logs.follow(process)

    def main() -> Story:
        yield ready
        return (yield as_event(world.env, world.loop.create_task(process.stop())))

    assert world.run(main()) == 7
    assert not is_alive(process.pid)


def test_a_process_that_does_not_is_killed(world: LiveWorld, logs: ServerLogs) -> None:
    process = start(world, "deaf", DEAF)
    ready = said(world, "ready")
    logs.follow(process)

    def main() -> Story:
        yield ready
        return (yield as_event(world.env, world.loop.create_task(process.stop(patience=0.1))))

    assert world.run(main()) == -signal.SIGKILL
    assert not is_alive(process.pid)


def test_a_stopped_process_hears_of_sigterm(world: LiveWorld, logs: ServerLogs) -> None:
    process = start(world, "polite", POLITE)
    ready = said(world, "ready")
    logs.follow(process)
    host = world.host("polite")
    host.runs(process.pid)

    def main() -> Story:
        yield ready
        host.pause()
        return (yield as_event(world.env, world.loop.create_task(process.stop())))

    assert world.run(main()) == 7


def test_an_end_by_itself_is_noticed(world: LiveWorld, logs: ServerLogs) -> None:
    process = start(world, "brief", "raise SystemExit(3)")
    logs.follow(process)

    assert world.run(as_event(world.env, process.ended)) == 3


def test_processes_end_with_a_world_that_ends_by_an_error() -> None:
    pids = []

    def fail() -> None:
        with LiveWorld(1) as world:
            process = start(world, "deaf", DEAF)
            pids.append(process.pid)
            ready = said(world, "ready")
            ServerLogs(world.trace, words).follow(process)
            world.run(ready)
            raise ValueError("on purpose")

    with pytest.raises(ValueError, match="on purpose"):
        fail()
    assert not is_alive(pids[0])


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children of it")
@pytest.mark.parametrize("paused", [False, True])
def test_processes_end_when_their_parent_is_killed(tmp_path: Path, paused: bool) -> None:
    parent = f"""
        import sys
        sys.path.insert(0, {str(ROOT)!r})
        from sim.live.logs import ServerLogs
        from sim.live.world import LiveWorld
        from tests.sim.live.test_process import POLITE, said, start, words
        with LiveWorld(1) as world:
            process = start(world, "polite", POLITE)
            ready = said(world, "ready")
            ServerLogs(world.trace, words).follow(process)
            world.run(ready)
            print(process.pid, flush=True)
            world.run(world.env.timeout(600))
    """
    command = [sys.executable, "-c", textwrap.dedent(parent)]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}  # nobody is left to tidy up
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        assert is_alive(child)
        if paused:
            os.kill(child, signal.SIGSTOP)
        process.kill()

    async def until_gone() -> None:
        async with asyncio.timeout(30):
            while is_alive(child):
                await asyncio.sleep(0.02)

    asyncio.run(until_gone())


def test_a_log_line_that_is_in_the_pipe_is_recorded_before_what_it_may_have_caused(
    world: LiveWorld, logs: ServerLogs
) -> None:
    events = world.trace.keep()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        code = f"""
            import socket, sys
            with socket.create_connection(("127.0.0.1", {port})) as connection:
                print("cause", file=sys.stderr, flush=True)
                connection.sendall(b"x")
                connection.recv(1)
        """
        process = start(world, "server", code)
        logs.follow(process)
        connection, _ = listener.accept()
        with connection:
            assert connection.recv(1) == b"x"  # the loop has not run: nobody has read the pipe
            world.trace.emit("effect", "service")
    assert [event["kind"] for event in events] == ["cause", "effect"]
    world.run(as_event(world.env, process.ended))


def test_what_a_process_logged_before_it_acted_is_recorded_before_the_effect(
    world: LiveWorld, logs: ServerLogs, service: Any
) -> None:
    events = world.trace.keep()
    address, port = service.host.listeners[80]
    process = start(
        world,
        "server",
        f"""
        import socket, sys
        connection = socket.create_connection(({address!r}, {port}))
        for number in range(200):
            print(f"cause.{{number}}", file=sys.stderr, flush=True)
            connection.sendall(b"%4d" % number)
            connection.recv(4, socket.MSG_WAITALL)
        """,
    )
    effects: list[int] = []

    def heard(data: bytes) -> None:
        number = int(data)
        world.trace.emit(f"effect.{number}", "service")
        effects.append(number)

    service.heard = heard
    logs.follow(process)
    world.run(as_event(world.env, process.ended))
    kinds = [
        event["kind"] for event in events if event["kind"].split(".")[0] in ("cause", "effect")
    ]
    assert effects == list(range(200))
    for number in range(200):
        assert kinds.index(f"cause.{number}") < kinds.index(f"effect.{number}")
    times = [event["t"] for event in events]
    assert times == sorted(times)
