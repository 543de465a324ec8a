"""How much work a run is, estimated from its file: heartbeats, actions of phones, texts.

Each step adds the heartbeats of the time that it may take and the phones that it concerns. The
estimate is one of orders of magnitude: it tells a run of hours from one of years.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from scenarios.engine.format.limits import MAX_ACTIONS, MAX_HEARTBEATS, MAX_SENT_TEXT
from scenarios.engine.format.nodes import Location
from scenarios.engine.format.references import has_reference
from sim.vendors.session import LONGEST_HEARTBEAT, SHORTEST_HEARTBEAT, USUAL_HEARTBEAT

if TYPE_CHECKING:
    from scenarios.engine.format.fault_model import Fault
    from scenarios.engine.format.flow import Step
    from scenarios.engine.format.models import Scenario

_FEWER: Final = "use a smaller fleet, or fewer steps"


@dataclass(frozen=True, slots=True)
class Excess:
    """Where a run becomes too much."""

    location: Location
    message: str
    help: str


@dataclass(slots=True)
class Work:
    """What a run has to do, or a part of it."""

    heartbeats: float = 0.0
    actions: int = 0
    text: int = 0

    def add(self, more: "Work") -> None:
        self.heartbeats += more.heartbeats
        self.actions += more.actions
        self.text += more.text

    def too_much(self) -> tuple[str, str] | None:
        """What there is too much of, and what to do about it."""
        if self.heartbeats > MAX_HEARTBEATS:
            message = f"the phones send about {self.heartbeats:,.0f} heartbeats until here,"
            return f"{message} more than {MAX_HEARTBEATS:,}", "wait less, or use fewer phones"
        if self.actions > MAX_ACTIONS:
            message = f"until here this is about {self.actions:,} pushes and actions of phones,"
            return f"{message} more than {MAX_ACTIONS:,}", _FEWER
        if self.text > MAX_SENT_TEXT:
            message = f"the texts sent until here have {self.text:,} characters in all,"
            return f"{message} more than {MAX_SENT_TEXT:,}", "send shorter texts"
        return None


def excess(scenario: "Scenario") -> Excess | None:
    """The place at which a run becomes more work than one may be; None if it does not."""
    total = Work()
    for location, part in _parts(scenario):
        total.add(part)
        found = total.too_much()
        if found is not None:
            return Excess(location, *found)
    return None


def _parts(scenario: "Scenario") -> Iterator[tuple[Location, Work]]:
    fleet = scenario.devices.fleet
    size = fleet.count if fleet is not None else 0
    for place, fault in enumerate(scenario.faults):
        yield ("faults", place), Work(actions=_hit_by(fault, size))
    a_second = _heartbeats_a_second(scenario)
    phones = len(scenario.devices.phones) + size
    recipients = {
        "broadcast": phones,
        "message": len(scenario.world.site.users) + size,
    }
    for place, step in enumerate(scenario.flow):
        concerned = _concerned(step, recipients, size)
        text = step.arguments.get("text")
        yield (
            ("flow", place),
            Work(
                heartbeats=(step.passes or step.within or 0.0) * a_second,
                actions=concerned,
                text=len(text) * concerned if isinstance(text, str) else 0,
            ),
        )


def _heartbeats_a_second(scenario: "Scenario") -> float:
    asked = scenario.world.vendors.gcm.heartbeat or USUAL_HEARTBEAT
    android = min(max(asked, SHORTEST_HEARTBEAT), LONGEST_HEARTBEAT)
    intervals = {"ios": USUAL_HEARTBEAT, "android": android}
    named: Sequence[str] = [each.platform for each in scenario.devices.phones.values()]
    a_second = sum(1 / intervals[platform] for platform in named)
    fleet = scenario.devices.fleet
    if fleet is not None:
        a_second += fleet.count / min(
            intervals[platform] for platform in ("ios", "android") if fleet.has(platform)
        )
    return a_second


def _concerned(step: "Step", recipients: Mapping[str, int], fleet: int) -> int:
    if step.by == "fleet":
        return fleet
    to = step.arguments.get("to")
    if step.do == "message" and to != "all" and not has_reference(to):
        return 1
    return recipients.get(step.do, 1)


def _hit_by(fault: "Fault", fleet: int) -> int:
    if fault.target != "device.fleet":
        return 1
    chosen = fault.select
    if chosen is None or chosen.share is not None:
        return fleet
    return chosen.count or 1
