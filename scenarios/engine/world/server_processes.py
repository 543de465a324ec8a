"""The servers of a live world: processes of their own on loopback, watched by this one.

Their settings are files in the run's state directory; their logs come through pipes into the trace.
A server is ready when its log says where it listens. A crash is SIGKILL on a host that is off the
network at that moment, so that nobody is told. They end with this process.
"""

import asyncio
import os
import sys
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import simpy

import server
from scenarios.engine.world.programs import Program
from sim.kernel.bridge import as_event
from sim.live.hosts import LiveHost
from sim.live.logs import ServerLogs
from sim.live.process import ServerFailed, ServerProcess
from sim.live.world import LiveWorld
from sim.trace.recorder import Event

LOOPBACK: Final = "127.0.0.1"
START_LIMIT: Final = 60.0
"""Wall seconds that a server may take to listen: a second, on a machine that does nothing else."""


@dataclass(slots=True)
class _Server:
    host: LiveHost
    program: Program
    port: int
    real_port: int
    process: ServerProcess | None = None
    """None while it does not run."""
    absences: int = 0
    """How many faults keep it down; with the last of them it comes back."""
    stopping: simpy.Process | None = None


class ServerProcesses:
    """All of them, by the names of their hosts; as `Servers` in a simulated world.

    `ports`: real ports by host name, for servers that must not choose one by themselves.
    """

    def __init__(
        self, world: LiveWorld, logs: ServerLogs, state: Path, ports: Mapping[str, int]
    ) -> None:
        self._world = world
        self._logs = logs
        self._state = state
        self._ports = ports
        self._servers: dict[str, _Server] = {}
        self._started: dict[str, asyncio.Future[int]] = {}
        self._processes: list[ServerProcess] = []
        """All that were ever started."""
        world.trace.listen(self._see)
        world.at_exit(self._kill_all)

    def add(self, host: Any, program: Program, port: int) -> simpy.Process:
        """Start a server. The event happens when it listens; it fails with `ServerFailed`."""
        known = self._servers[host.name] = _Server(
            host, program, port, self._ports.get(host.name, 0)
        )
        return self._world.env.process(self._start(known))

    @property
    def started(self) -> bool:
        """Whether any was ever started."""
        return bool(self._servers)

    def crash(self, name: str) -> bool:
        """Cut the power of the host. False if it was off."""
        known = self._servers[name]
        known.absences += 1
        known.process = known.stopping = None
        was_on = known.host.state != "off"
        if was_on:
            known.host.crash()
        for process in self._processes:
            if process.name == name:
                process.kill()
        return was_on

    def stop(self, name: str) -> bool:
        """Stop the server gracefully. False if it does not run; a paused one hears nothing and
        goes on afterwards.
        """
        known = self._servers[name]
        known.absences += 1
        if known.process is None or known.host.state != "running":
            return False
        process, known.process = known.process, None
        self._world.trace.emit("server.stopped", name)
        known.stopping = self._world.env.process(self._stop(process))
        return True

    def start_again(self, name: str) -> None:
        """One reason less to be down; with the last one gone the server starts.

        A host without power boots when its server listens: what a process takes to start here it
        does not take in a simulated world, where nobody finds a machine without its server.
        """
        known = self._servers[name]
        known.absences -= 1
        if known.absences == 0 and known.process is None:
            self._world.env.process(self._start(known))

    def pause(self, name: str) -> bool:
        """SIGSTOP. False if the server does not run."""
        known = self._servers[name]
        if known.process is None or known.host.state != "running":
            return False
        known.host.pause()
        return True

    def resume(self, name: str) -> None:
        """SIGCONT, unless it has been killed meanwhile."""
        host = self._servers[name].host
        if host.state == "paused":
            host.resume()

    def stop_all(self) -> Generator[simpy.Event, Any, None]:
        """Stop gracefully what runs, the last one first."""
        for known in reversed(self._servers.values()):
            if known.process is not None and known.host.state == "running":
                process, known.process = known.process, None
                yield from self._stop(process)

    # -- one process

    def _start(self, known: _Server) -> Generator[simpy.Event, Any, None]:
        if known.stopping is not None and known.stopping.is_alive:
            yield known.stopping
            if known.absences or known.process is not None:
                return  # the next fault has begun meanwhile, or is over, too
        host, program = known.host, known.program
        settings = self._state / f"{host.name}.json"
        program.write_settings(settings, host=LOOPBACK, port=known.real_port)
        root = str(Path(server.__file__).parents[1])
        search = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
        started = self._started[host.name] = self._world.loop.create_future()
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(search)}
        process = known.process = self._process(host, program.module, settings, environment)
        self._processes.append(process)
        host.runs(process.pid)
        self._logs.follow(process)
        try:
            yield as_event(self._world.env, self._ready(process, started))
        except ServerFailed:
            if known.process is process:
                raise
            return  # stopped, or killed by a power cut, before it listened
        if host.state == "off":
            if known.absences:  # it was to be stopped, and could not be told
                process.kill()
                known.process = None
                return
            host.boot()
        host.listens(known.port, LOOPBACK, started.result())
        # From now on the port stays: other processes have been told of it.
        known.real_port = started.result()

    def _process(
        self, host: LiveHost, module: str, settings: Path, environment: Mapping[str, str]
    ) -> ServerProcess:
        arguments, loop = ["--config", str(settings)], self._world.loop
        around = host.surroundings
        if around is None:
            command = [sys.executable, "-m", module, *arguments]
            return ServerProcess(host.name, command, environment, loop)
        command, inherits, theirs = around.start(module, arguments)
        with theirs:
            right = around.right_time
            return ServerProcess(
                host.name, command, environment, loop, inherits=inherits, right_time=right
            )

    async def _ready(self, process: ServerProcess, started: "asyncio.Future[int]") -> None:
        await asyncio.wait(
            [process.ended, started], timeout=START_LIMIT, return_when=asyncio.FIRST_COMPLETED
        )
        if started.done():
            return
        what = f"does not listen after {START_LIMIT:g} s"
        if process.ended.done():
            what = f"ended with exit code {process.ended.result()}"
        said = f": {' '.join(process.tail)}" if process.tail else ""
        raise ServerFailed(f"the server '{process.name}' {what}{said}")

    def _see(self, event: Event) -> None:
        if event["kind"] == "server.started":
            started = self._started.get(event["host"])
            if started is not None and not started.done():
                started.set_result(int(event["port"]))

    def _stop(self, process: ServerProcess) -> Generator[simpy.Event, Any, None]:
        yield as_event(self._world.env, self._world.loop.create_task(process.stop()))
        self._world.trace.catch_up()

    def _kill_all(self) -> None:
        for process in self._processes:
            process.kill()
