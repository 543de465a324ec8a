"""What work costs: a host with a cost model takes virtual time for the requests it serves.

Model: a host has some cores. A request that arrives waits for a free core, first come, first
served, occupies it for the seconds its operation costs, and only then reaches the application,
which itself takes no time. So overload shows as queueing.

Operations are recognised from the first line of plain HTTP requests, one for each segment.

Simplifications: what is encrypted is not recognised and costs nothing; of pipelined requests in
one segment only the first counts; work that no request asked for (timers, outgoing connections)
is free. Off unless a host is given a model.
"""

import heapq
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

_REQUEST_LINE = re.compile(rb"([A-Z]+) ([^ ?\r\n]+)(?:\?[^ \r\n]*)? HTTP/1\.[01]\r\n")
"""RFC 9112, 3. The query does not belong to the operation."""


@dataclass(frozen=True, kw_only=True)
class CostModel:
    """CPU seconds for operations ("POST /notification/", or "DELETE /tokens/*" for all paths that
    begin so; the longest match counts), and the number of cores. `default`: any other request.
    """

    cores: int = 1
    operations: Mapping[str, float] = field(default_factory=dict)
    default: float = 0.0

    def __post_init__(self) -> None:
        if self.cores < 1:
            raise ValueError("a host needs at least one core")
        for operation, seconds in (*self.operations.items(), ("default", self.default)):
            if not seconds >= 0:
                raise ValueError(f"the cost of {operation!r} must not be negative")

    def seconds(self, data: bytes) -> float:
        """What the request costs that begins with these bytes; 0.0 if none does."""
        line = _REQUEST_LINE.match(data)
        if line is None:
            return 0.0
        operation = b"%s %s" % line.groups()
        return self._cost(operation.decode("latin-1"))

    def _cost(self, operation: str) -> float:
        exact = self.operations.get(operation)
        if exact is not None:
            return exact
        prefixes = [
            pattern
            for pattern in self.operations
            if pattern.endswith("*") and operation.startswith(pattern[:-1])
        ]
        return self.operations[max(prefixes, key=len)] if prefixes else self.default


class Cores:
    """Cores and the queue in front of them; without a clock."""

    def __init__(self, number: int) -> None:
        self._free_at = [0.0] * number

    def enter(self, now: float, seconds: float) -> float:
        """The virtual second at which work that comes now will be done."""
        begins = max(now, self._free_at[0])
        heapq.heapreplace(self._free_at, begins + seconds)
        return begins + seconds


class Workload:
    """The work of one host under a cost model."""

    def __init__(self, model: CostModel) -> None:
        self._model = model
        self._cores = Cores(model.cores)
        self._ready_at: dict[int, float] = {}

    def admit(self, connection: int, now: float, data: bytes) -> float:
        """When what has arrived on a connection reaches the application: behind what came before
        it on the same connection.
        """
        ready = max(self._ready_at.get(connection, now), now)
        seconds = self._model.seconds(data)
        if seconds:
            ready = max(ready, self._cores.enter(now, seconds))
        self._ready_at[connection] = ready
        return ready
