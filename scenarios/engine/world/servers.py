"""The servers under test as what runs on their hosts: started, stopped, cut off, started again.

A server that starts again is a new process of the same program with the same settings on the same
database; nothing else is left of the one before.
"""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import simpy
from aiohttp import web

from scenarios.engine.world.programs import Program
from server.edge.runner import Runner
from sim.hosts import Host
from sim.kernel.bridge import as_event
from sim.world import World


@dataclass(slots=True)
class Server:
    """One server: how to make it, and where it listens. `runner` is None while it does not run.

    `absences`: how many faults keep it down; with the last of them it comes back.
    """

    host: Host
    program: Program
    port: int
    runner: web.AppRunner | None = None
    absences: int = 0
    stopping: simpy.Process | None = None


class Servers:
    """All of them, by the names of their hosts."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._servers: dict[str, Server] = {}
        self._remains: list[web.AppRunner] = []
        """Of servers whose host lost its power. Collected within the run, they would speak up."""

    def add(self, host: Host, program: Program, port: int) -> simpy.Process:
        """Start a server. The event happens when it listens."""
        server = self._servers[host.name] = Server(host, program, port)
        return self._world.env.process(self._start(server))

    @property
    def started(self) -> bool:
        """Whether any was ever started."""
        return bool(self._servers)

    def crash(self, name: str) -> bool:
        """Cut the power of the host. False if it was off."""
        server = self._servers[name]
        server.absences += 1
        if server.runner is not None:
            self._remains.append(server.runner)
        server.runner = server.stopping = None
        if server.host.state == "off":
            return False
        server.host.crash()
        return True

    def stop(self, name: str) -> bool:
        """Stop the server gracefully. False if it does not run; a paused one hears nothing and
        goes on afterwards.
        """
        server = self._servers[name]
        server.absences += 1
        if server.runner is None or server.host.state != "running":
            return False
        runner, server.runner = server.runner, None
        self._world.trace.emit("server.stopped", name)
        server.stopping = self._world.env.process(self._clean_up(server.host, runner))
        return True

    def start_again(self, name: str) -> None:
        """One reason less to be down; with the last one gone the host boots and the server starts.

        Has to be called once for each `crash` and `stop`.
        """
        server = self._servers[name]
        server.absences -= 1
        if server.absences == 0:
            if server.host.state == "off":
                server.host.boot()
            if server.runner is None:
                self._world.env.process(self._start(server))

    def pause(self, name: str) -> bool:
        """SIGSTOP. False if the host does not run."""
        host = self._servers[name].host
        if host.state != "running":
            return False
        host.pause()
        return True

    def resume(self, name: str) -> None:
        """SIGCONT, unless the host has lost its power meanwhile."""
        host = self._servers[name].host
        if host.state == "paused":
            host.resume()

    def stop_all(self) -> Generator[simpy.Event, Any, None]:
        """Stop gracefully what runs, the last one first. A host that is off or paused is left
        alone."""
        for server in reversed(self._servers.values()):
            if server.runner is not None and server.host.state == "running":
                yield from self._clean_up(server.host, server.runner)

    def _start(self, server: Server) -> Generator[simpy.Event, Any, None]:
        if server.stopping is not None and server.stopping.is_alive:
            yield server.stopping
            if server.absences or server.runner is not None:
                return  # the next fault has begun meanwhile, or is over, too
        runner = Runner(server.program.application())
        server.runner = runner

        async def start() -> None:
            await runner.setup()
            await web.TCPSite(runner, "0.0.0.0", server.port).start()

        yield as_event(self._world.env, server.host.start(start))

    def _clean_up(self, host: Host, runner: web.AppRunner) -> Generator[simpy.Event, Any, None]:
        yield as_event(self._world.env, host.start(runner.cleanup))
