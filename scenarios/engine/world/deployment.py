"""Puts the world of a scenario together and takes it down again.

    hosts and push services -> fleet made known in bulk -> servers -> phones switched on

What happens in `start` before the first step is virtual time like any other and in the trace.
"""

from collections.abc import Generator
from pathlib import Path
from typing import Any

import simpy

from devices.errors import HttpError, UnexpectedAnswer
from scenarios.engine.format.models import Scenario
from scenarios.engine.leaks import Secret
from scenarios.engine.world.foreign_gateway import GatewayUnreachable, as_line, hint
from scenarios.engine.world.population import Population
from scenarios.engine.world.services import Services
from scenarios.engine.world.stage import Stage


class Deployment:
    """The servers, push services, people and phones of one run. `state`: where databases go."""

    def __init__(self, stage: Stage, scenario: Scenario, state: Path) -> None:
        self.stage = stage
        self.world = stage.world
        self._scenario = scenario
        self._state = state
        self._texts: list[str] = []
        self.services: Services
        self.population: Population

    def start(self) -> Generator[simpy.Event, Any, None]:
        """Deploy everything; to be run inside the world. Ends when the flow may begin.

        Raises GatewayUnreachable for one that is not ours and does not take the phones.
        """
        self.services = Services(self.stage, self._scenario, self._state)
        self.population = Population(self.world, self._scenario, self.services)
        self.stage.recognise(self.population.ever_had)
        self.stage.follow_gateway_log(self._written_in_logs)
        yield from self.services.push.start()
        self.population.provision_fleet()
        yield from self.services.start_servers(self.population.staff())
        try:
            yield from self.population.start()
        except (UnexpectedAnswer, HttpError) as error:
            foreign = self.stage.foreign_gateway
            if foreign is None:
                raise  # our own servers refuse nobody; a bad network is in the scenario
            yield from self.services.stop()
            raise GatewayUnreachable(
                f"with the gateway at {foreign.url} the phones cannot be set up: {error}"
                + as_line(hint(None, str(error)))
            ) from error

    @property
    def deployed(self) -> bool:
        """Whether there are services and a population to ask."""
        return hasattr(self, "population")

    def stop(self) -> Generator[simpy.Event, Any, None]:
        """Stop the servers and push services in good order."""
        yield from self.services.stop()

    def note_text(self, text: str) -> None:
        """A message is about to be sent whose text must not be written down anywhere."""
        if text not in self._texts:
            self._texts.append(text)

    def secrets(self) -> list[Secret]:
        """Everything that must appear in no log and no record."""
        return [*self.services.secrets(), *self.population.secrets(), *self._text_secrets()]

    def _written_in_logs(self) -> list[Secret]:
        """What other people's logs may have in them, but for tokens: there may be thousands."""
        return [*self.services.secrets(), *self.population.passwords(), *self._text_secrets()]

    def _text_secrets(self) -> list[Secret]:
        return [Secret(f"text of message {n}", text) for n, text in enumerate(self._texts, 1)]

    def phones_of_tokens(self) -> dict[str, str]:
        """Token reference -> the phone to which the token was issued."""
        return self.population.phones_of_tokens()

    def lanes(self) -> list[dict[str, Any]]:
        """The hosts as a drawing shows them; a fleet is one."""
        return [*self.services.lanes(), *self.population.lanes()]
