"""The faults of a world: starting and ending them.

handle = world.faults.add(Latency(between=("gateway", "apns"), latency=0.2))
...
handle.remove()

with world.faults.during(Partition(between=("phone", None))):
    world.run_until(60)
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sim.net.faults.base import Fault, Ground

if TYPE_CHECKING:
    from sim.kernel.environment import Call
    from sim.net.network import Network

HOST = "network"
"""What stands as the host of faults in the trace."""


class FaultHandle:
    """One fault, from its start to its end."""

    def __init__(self, fault: Fault, network: "Network", number: int) -> None:
        self.fault = fault
        self.active = False
        self._network = network
        self._number = number
        self._calls: list[Call] = []

    def begin(self) -> None:
        """Start now."""
        fault, network = self.fault, self._network
        self.active = True
        network.trace.emit("fault.started", HOST, fault=fault.name, family=fault.family)
        rng = network.seeds.stream(f"faults/{self._number}/{fault.name}")
        fault.begin(Ground(network, rng, self._fired))

    def schedule(self, at: float | None, until: float | None) -> None:
        """Begin and end at these virtual seconds: now, if None, and never."""
        environment = self._network.environment
        if at is None:
            self.begin()
        else:
            self._calls.append(environment.call_at(at, self.begin))
        if until is not None:
            self._calls.append(environment.call_at(until, self.remove))

    def remove(self) -> None:
        """Take it back, or see to it that it never begins. Harmless if it has ended."""
        for call in self._calls:
            call.cancel()
        self._calls.clear()
        if self.active:
            self.active = False
            self.fault.end()
            self._network.trace.emit(
                "fault.ended", HOST, fault=self.fault.name, fired=self.fault.fired
            )

    def _fired(self, connection: int | None) -> None:
        self._network.trace.emit("fault.fired", HOST, fault=self.fault.name, connection=connection)


class Faults:
    """See the module. One per world."""

    def __init__(self, network: "Network") -> None:
        self._network = network
        self.all: list[Fault] = []
        """Every fault that was ever added. Look here for those that never fired."""

    def add(
        self, fault: Fault, *, at: float | None = None, until: float | None = None
    ) -> FaultHandle:
        """Start a fault at virtual second `at` (now) and end it at `until` (when it is removed).

        `ValueError` for a fault that was added before, a host that does not exist, or times that
        are past or in the wrong order.
        """
        now = self._network.environment.now
        begins = now if at is None else at
        if any(known is fault for known in self.all):
            raise ValueError(f"{fault.name}: a fault is added once; make another like it")
        if begins < now:
            raise ValueError(f"{fault.family}: {at} s is past: it is {now:.6f} s already")
        if until is not None and until <= begins:
            raise ValueError(f"{fault.family}: it would end at {until} s, before it begins")
        existing = {host.name for host in self._network.hosts()}
        for name in fault.host_names():
            if name not in existing:
                raise ValueError(f"{fault.family}: there is no host named {name!r}")
        self.all.append(fault)
        number = len(self.all)
        fault.name = fault.name or f"{fault.family}-{number}"
        handle = FaultHandle(fault, self._network, number)
        handle.schedule(at, until)
        return handle

    @contextmanager
    def during(self, fault: Fault) -> Iterator[FaultHandle]:
        """In force within the block."""
        handle = self.add(fault)
        try:
            yield handle
        finally:
            handle.remove()
