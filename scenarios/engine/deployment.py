"""Puts the world of a scenario together and takes it down again.

    hosts and push services -> fleet made known in bulk -> servers -> phones switched on -> faults

What happens in `start` before the first step is virtual time like any other and in the trace.
"""

from collections.abc import Generator
from pathlib import Path
from typing import Any

import simpy

from scenarios.engine.leaks import Secret
from scenarios.engine.models import Scenario
from scenarios.engine.population import Population
from scenarios.engine.services import Services
from sim.world import World


class Deployment:
    """The servers, push services, people and phones of one run. `state`: where databases go."""

    def __init__(self, world: World, scenario: Scenario, state: Path) -> None:
        self.world = world
        self._scenario = scenario
        self._state = state
        self._texts: list[str] = []
        self._faults = list(scenario.faults)
        self.services: Services
        self.population: Population

    def start(self) -> Generator[simpy.Event, Any, None]:
        """Deploy everything; to be run inside the world. Ends when the flow may begin."""
        self.services = Services(self.world, self._scenario, self._state)
        self.population = Population(self.world, self._scenario, self.services)
        yield from self.services.start_vendors()
        self.population.provision_fleet()
        yield from self.services.start_servers(self.population.staff())
        yield from self.population.start()

    def stop(self) -> Generator[simpy.Event, Any, None]:
        """Stop the servers and push services in good order."""
        yield from self.services.stop()

    def inject_faults(self) -> None:
        """Let the scenario's faults happen: `before_dispatch` is now, once."""
        faults, self._faults = self._faults, []
        for fault in faults:
            phone = self.population.target(fault)
            services = self.services
            token = next(t for t, name in self.population.tokens.items() if name == phone.name)
            if phone.platform == "ios":
                services.apns.invalidate(bytes.fromhex(token))
            else:
                services.gcm.invalidate(token)
            self.world.trace.emit(
                "fault.injected", "engine", fault=fault.id, inject=fault.inject, phone=phone.name
            )

    def note_text(self, text: str) -> None:
        """A message is about to be sent whose text must not be written down anywhere."""
        if text not in self._texts:
            self._texts.append(text)

    def secrets(self) -> list[Secret]:
        """Everything that must appear in no log and no record."""
        texts = [Secret(f"text of message {n}", text) for n, text in enumerate(self._texts, 1)]
        return [*self.services.secrets(), *self.population.secrets(), *texts]

    def phones_of_tokens(self) -> dict[str, str]:
        """Token reference -> the phone to which the token was issued."""
        return self.population.phones_of_tokens()

    def lanes(self) -> list[dict[str, Any]]:
        """The hosts as a drawing shows them; a fleet is one."""
        return [*self.services.lanes(), *self.population.lanes()]
