"""Runs shipped scenarios with a tap on the simulated network: who said which bytes to whom."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from scenarios.engine.format.loader import Cell, load
from scenarios.engine.format.places import Places
from scenarios.engine.ledger.fates import Ledger
from scenarios.engine.ledger.observations import Observations
from scenarios.engine.running.context import Context
from scenarios.engine.running.play import StepOutcome, play
from scenarios.engine.running.watch import Watch
from scenarios.engine.world.deployment import Deployment
from scenarios.engine.world.server_logs import logs_in_trace
from scenarios.engine.world.stage import SimulatedStage
from sim.net import digest
from sim.world import World
from tests.scenarios.outcomes import Outcomes

ROOT = Path(__file__).parents[2] / "scenarios"


class Tap(digest.WireDigest):
    """Keeps what goes into the wire digest; inside TLS, the plaintext."""

    def __init__(self) -> None:
        super().__init__()
        self.said: dict[tuple[int, int], list[bytes]] = {}
        self.encrypted: dict[int, None] = {}
        """Connections with TLS."""

    def add(self, kind: bytes, now: float, connection: int, direction: int, data: bytes) -> None:
        if kind in (digest.SEGMENT, digest.PLAINTEXT):
            self.said.setdefault((connection, direction), []).append(data)
        if kind == digest.PLAINTEXT:
            self.encrypted[connection] = None
        super().add(kind, now, connection, direction, data)


@dataclass
class TappedRun:
    """What happened in a run, event by event and byte by byte."""

    cell: Cell
    steps: dict[str, StepOutcome]
    """By the name of the step."""
    deployment: Deployment
    events: list[dict[str, Any]]
    tap: Tap

    def during(self, do: str) -> list[dict[str, Any]]:
        """The events from the start of a step to its end."""
        bounds = ("step.started", "step.finished")
        first, last = (
            place
            for place, event in enumerate(self.events)
            if event["kind"] in bounds and event["do"] == do
        )
        return self.events[first : last + 1]

    def happened(self, kind: str, **fields: Any) -> list[dict[str, Any]]:
        """The events of a kind with these fields."""
        return [
            event
            for event in self.events
            if event["kind"] == kind
            and all(event.get(name) == value for name, value in fields.items())
        ]

    def requests(self, do: str) -> list[tuple[str, str, str, str, int]]:
        """(who, method, server, path, status) of the requests of a step, in order."""
        return [
            (event["host"], event["method"], event["server"], event["path"], event["status"])
            for event in self.during(do)
            if event["kind"] == "http.request"
        ]

    def sent(self, client: str, server: str) -> bytes:
        """All that a host said on the connections that it opened to another."""
        return self._said(client, server, 0)

    def answered(self, client: str, server: str) -> bytes:
        """All that the other said on them."""
        return self._said(client, server, 1)

    def _said(self, client: str, server: str, direction: int) -> bytes:
        numbers = [
            event["connection"]
            for event in self.happened("connection.opened", host=client, to=server)
        ]
        assert numbers, f"{client} opened no connection to {server}"
        return b"".join(b"".join(self.tap.said.get((n, direction), ())) for n in numbers)


@pytest.fixture(scope="module")
def tapped(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., TappedRun]:
    """Runs a cell of a shipped scenario and keeps everything."""

    def run(name: str, seed: int = 42, **values: Any) -> TappedRun:
        file = load(ROOT / name)
        [cell] = [cell for cell in file.cells if cell.values.items() >= values.items()]
        world = World(seed, epoch=cell.scenario.world.epoch.timestamp())
        tap = world.network.digest = Tap()
        events = world.trace.keep()
        ledger, watch = Ledger(), Watch(world.env)
        deployment = Deployment(
            SimulatedStage(world), cell.scenario, tmp_path_factory.mktemp("state")
        )
        context = Context(cell.scenario, deployment, ledger, Observations(ledger), watch)
        for listener in (ledger.feed, context.arrivals.feed, watch.feed):
            world.trace.listen(listener)
        steps: dict[str, StepOutcome] = {}
        places = Places(file.path, file.text)
        with world, logs_in_trace(world.trace):
            world.run(deployment.start())
            world.run(
                play(
                    context, cell.values, places, lambda s: steps.update({s.do: s}), lambda s: None
                )
            )
            world.run(deployment.stop())
        assert all(step.status == "passed" for step in steps.values())
        return TappedRun(cell, steps, deployment, events, tap)

    return run


@pytest.fixture(scope="session")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Outcomes:
    """Runs scenarios, each once, and says what they come to."""
    return Outcomes(tmp_path_factory.mktemp("outcomes"))
