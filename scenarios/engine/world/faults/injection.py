"""One active fault: its target, with which parameters, and whether it has fired.

All random choices are drawn here, from a stream named after the fault's id, so adding or removing a
fault changes no other.
"""

from collections.abc import Callable, Mapping
from random import Random
from typing import TYPE_CHECKING, Any

from devices.phone import Phone
from scenarios.engine.format.fault_model import Fault, Selection
from scenarios.engine.format.fault_values import Span, defaults
from sim.net.faults import FAMILIES

if TYPE_CHECKING:
    from scenarios.engine.world.deployment import Deployment

End = Callable[[], None]


class Injection:
    """See the module."""

    def __init__(self, deployment: "Deployment", fault: Fault, rng: Random) -> None:
        self.deployment = deployment
        self.fault = fault
        self.active = False
        self._tells = fault.inject not in FAMILIES  # the network tells of its own
        self._counters: list[Callable[[], int]] = []
        self._fired = 0
        self._rng = rng
        self._ends: list[End] = []
        given = {name: each.value for name, each in fault.arguments.items()}
        self.parameters: Mapping[str, Any] = {
            name: value.draw(rng) if isinstance(value, Span) else value
            for name, value in (defaults(fault.inject) | given).items()
        }
        """As the run needs them; a duration is a number of seconds, drawn if it was a range."""
        family, _, name = fault.target.partition(".")
        self._names = name.split("-")
        self.place = name if family != "link" else "network"
        """Where the trace says that it happens."""

    @property
    def fired(self) -> int:
        """How often it has changed something."""
        return self._fired + sum(counter() for counter in self._counters)

    # -- for the implementations

    @property
    def host(self) -> str:
        """The one host of a target `host.<name>`."""
        return self._names[0]

    def happens(self) -> bool:
        """Draw whether it happens at all, where that is what `probability` is about."""
        share = self.fault.probability
        return share == 1 or self._rng.random() < share

    def phones(self) -> list[Phone]:
        """The phones of a target `device.<...>` to which it happens, in their order."""
        return [phone for phone in self._chosen(self._names[0]) if self.happens()]

    def paths(self) -> list[tuple[str, str | None]]:
        """The hosts of a path target, two by two; None is any host."""
        first = self._hosts(self._names[0])
        others: list[str | None] = [None]
        if len(self._names) == 2:
            others = list(self._hosts(self._names[1]))
        return [(one, other) for one in first for other in others]

    def fire(self, **fields: str | int | float | bool | None) -> None:
        """It has changed something."""
        self._fired += 1
        if self._fired == 1 and self._tells:
            self._emit("fault.fired", **fields)

    def count(self, counter: Callable[[], int]) -> None:
        """Add a counter of what it changes."""
        self._counters.append(counter)

    def at_end(self, action: End) -> None:
        """What has to be done to end it."""
        self._ends.append(action)

    # -- for `inject`

    def begin(self, how: Callable[["Injection"], None]) -> None:
        """Start."""
        self.active = True
        if self._tells:
            self._emit("fault.started", family=self.fault.inject)
        how(self)
        if not self.fault.contract.lasting:
            self.end()

    def end(self) -> None:
        """Take it back. Harmless if that was done."""
        if not self.active:
            return
        self.active = False
        for action in self._ends:
            action()
        if self._tells:
            self._emit("fault.ended", fired=self.fired)

    def _emit(self, kind: str, **fields: str | int | float | bool | None) -> None:
        self.deployment.world.trace.emit(kind, self.place, fault=self.fault.id, **fields)

    def _hosts(self, name: str) -> list[str]:
        population = self.deployment.population
        if name == "fleet" or name in population.phones:
            return [phone.name for phone in self._chosen(name)]
        return [name]

    def _chosen(self, name: str) -> list[Phone]:
        population = self.deployment.population
        if name != "fleet":
            return [population.phones[name]]
        places = _places(self.fault.select or Selection(), len(population.fleet), self._rng)
        return [population.fleet[place] for place in places]


def _places(selection: Selection, size: int, rng: Random) -> list[int]:
    if selection.index is not None:
        return [selection.index]
    count = size
    if selection.count is not None:
        count = selection.count
    elif selection.share is not None:
        count = round(size * selection.share)
    return list(range(size)) if count == size else sorted(rng.sample(range(size), count))
