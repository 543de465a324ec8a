"""What a step of a running scenario works with."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scenarios.engine.format.models import Scenario
from scenarios.engine.ledger.fates import Ledger
from scenarios.engine.ledger.notifications import Notification
from scenarios.engine.ledger.observations import Observations
from scenarios.engine.running.arrivals import Arrivals
from scenarios.engine.running.watch import Watch
from scenarios.engine.world.faults.plan import FaultPlan

if TYPE_CHECKING:
    from devices.notifications import Notification as Received
    from devices.phone import Phone
    from scenarios.engine.world.deployment import Deployment
    from scenarios.engine.world.population import Population
    from sim.kernel.environment import SimEnvironment


@dataclass(frozen=True, slots=True)
class Task:
    """One step as it is carried out: references resolved, `within` in seconds of virtual time."""

    n: int
    do: str
    by: str
    arguments: Mapping[str, Any]
    within: float
    expected: Callable[[str], Any]
    """What the file expects of a result; None if that is nothing, or refers to nothing."""


class Context:
    """One run of one cell: its world as deployed, what was measured so far, saved names."""

    def __init__(
        self,
        scenario: Scenario,
        deployment: "Deployment",
        ledger: Ledger,
        observations: Observations,
        watch: Watch,
    ) -> None:
        self.scenario = scenario
        self.deployment = deployment
        self.ledger = ledger
        self.observations = observations
        self.watch = watch
        self.faults = FaultPlan(deployment, scenario.faults)
        self.saved: dict[str, Any] = {}
        self.received: dict[str, Received] = {}
        """Phone -> what it received in its last `receive` step: what `open_at_page` is about."""
        self.arrivals = Arrivals(ledger)
        self.first_of_last_sending = 0
        """Index into the ledger's notifications: those from here on came with the last `message`
        or `broadcast` step, or since."""
        self.last_was_broadcast = False
        """Whether that was a broadcast."""
        self.stop = self.env.event()
        """Ends the flow where it is, when somebody makes it happen."""

    @property
    def env(self) -> "SimEnvironment":
        return self.deployment.world.env

    @property
    def population(self) -> "Population":
        return self.deployment.population

    @property
    def learns_on_arrival(self) -> bool:
        """Whether nobody tells what the last sending comes to, but what arrives."""
        return self.last_was_broadcast and self.deployment.stage.foreign_gateway is not None

    def phones(self, name: str | None) -> "tuple[Phone, ...]":
        """The phone of that name, or the phones of the fleet; none if it is somebody else's."""
        population = self.population
        if name == "fleet":
            return tuple(population.fleet)
        return (population.phones[name],) if name in population.phones else ()

    def step_begins(self, do: str, by: str | None) -> None:
        """A step is about to be done. What came to a phone before a step of its own is over; all
        but those steps that are about what comes.
        """
        if do not in ("receive", "receive_nothing"):
            self.arrivals.forget(phone.name for phone in self.phones(by))

    def new_sending(self, *, broadcast: bool) -> None:
        """A message or broadcast is about to be sent."""
        self.faults.before_dispatch()
        self.arrivals.forget_all()
        self.last_was_broadcast = broadcast
        self.first_of_last_sending = len(self.ledger.notifications)

    def none_left(self, waits: Callable[[Notification], bool]) -> Callable[[], bool]:
        """A condition for `watch`: there are notifications of the last sending and none waits.

        What has been seen not to wait is not asked again, so that a fleet costs one pass.
        """
        place = self.first_of_last_sending

        def condition() -> bool:
            nonlocal place
            notifications = self.ledger.notifications
            while place < len(notifications) and not waits(notifications[place]):
                place += 1
            return place == len(notifications) > self.first_of_last_sending

        return condition

    def last_hop(self) -> str:
        """The last thing seen of the newest notification, for a step that waited in vain."""
        if not self.ledger.notifications:
            return "there was no notification at all"
        newest = self.ledger.notifications[-1]
        seconds = newest.last_time / 1_000_000_000
        return f"the last hop seen was: {newest.last_hop} (at {seconds:.3f} s)"
