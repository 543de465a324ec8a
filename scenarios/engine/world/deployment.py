"""Puts the world of a scenario together and takes it down again.

    hosts and push services -> fleet made known in bulk -> servers -> phones switched on

What happens in `start` before the first step is virtual time like any other and in the trace.
"""

from collections.abc import Generator
from pathlib import Path
from typing import Any, Final

import simpy

from devices.errors import HttpError, UnexpectedAnswer
from scenarios.engine.format.models import Scenario
from scenarios.engine.leaks import Secret
from scenarios.engine.world.foreign_gateway import (
    CONFIRMED_AFTER,
    GatewayUnreachable,
    as_line,
    hint,
)
from scenarios.engine.world.population import Population
from scenarios.engine.world.services import Services
from scenarios.engine.world.stage import Stage
from sim.trace.recorder import Event

CONNECT_LIMIT: Final = 10.0
"""Seconds for an external gateway to connect to APNs again."""


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
        self._last_arrival = -CONFIRMED_AFTER
        """When APNs last accepted a push; long ago, if never."""
        if stage.foreign_gateway is not None:
            stage.world.trace.listen(self._note_arrival)

    def start(self) -> Generator[simpy.Event, Any, None]:
        """Deploy everything; to be run inside the world. Ends when the flow may begin.

        Raises GatewayUnreachable for one that is not ours and does not take the phones.
        """
        self.services = Services(self.stage, self._scenario, self._state)
        self.population = Population(self.world, self._scenario, self.services)
        self.stage.recognise(self.population.service_of)
        self.stage.follow_gateway_log(self._written_in_logs)
        yield from self.services.push.start()
        yield from self._wait_for_connection()
        self.population.provision_fleet()
        yield from self.services.start_servers(self.population.staff())
        try:
            yield from self.population.start()
        except (UnexpectedAnswer, HttpError) as error:
            foreign = self.stage.foreign_gateway
            if foreign is None:
                raise  # our own servers refuse nobody; a bad network is in the scenario
            yield from self.services.stop()
            told = f"with the gateway at {foreign.url} the phones cannot be set up: {error}"
            by_gateway = "refused by the gateway" in str(error)
            raise GatewayUnreachable(
                told + as_line(hint(None, str(error)) if by_gateway else None)
            ) from error

    def _wait_for_connection(self) -> Generator[simpy.Event, Any, None]:
        """An external gateway that connects to APNs by itself is on its way: it has lost its
        connection with the world before this one. Without it the run shows what comes of that."""
        foreign, apns = self.stage.foreign_gateway, self.services.push.apns
        if foreign is not None and foreign.keeps_connected:
            deadline = self.world.env.now + CONNECT_LIMIT
            while not apns.statistics().connections_opened and self.world.env.now < deadline:
                yield self.world.env.timeout(0.02)

    def _note_arrival(self, event: Event) -> None:
        if event["kind"] == "vendor.accepted" and event["service"] == "apns":
            self._last_arrival = self.world.env.now

    @property
    def deployed(self) -> bool:
        """Whether there are services and a population to ask."""
        return hasattr(self, "population")

    def stop(self) -> Generator[simpy.Event, Any, None]:
        """Stop the servers and push services gracefully."""
        foreign = self.stage.foreign_gateway
        if foreign is not None and foreign.resends:
            # Cut off now, it would send in the next run what it cannot know to be accepted.
            silent_for = self.world.env.now - self._last_arrival
            yield self.world.env.timeout(max(0.0, CONFIRMED_AFTER - silent_for))
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
