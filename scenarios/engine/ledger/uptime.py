"""When the hosts of a run could do their work, as far as a judge has to know: what a server owes
depends on what was done to it.

Read from the trace: power cuts, stops and pauses of hosts, and the faults of the scenario.
"""

from collections.abc import Callable
from typing import Final

from scenarios.engine.ledger.findings import Event

AFTERMATH: Final = 120_000_000_000
"""Nanoseconds after its end in which a fault may still be the reason that nothing comes through:
TCP asks again after ever longer times, two minutes at the most."""


class Uptime:
    """Feed it the events it has handlers for."""

    def __init__(self) -> None:
        self.handlers: dict[str, Callable[[int, Event], None]] = {
            "host.crashed": self._ended,
            "server.stopped": self._ended,
            "host.paused": self._paused,
            "host.resumed": self._resumed,
            "host.booted": self._booted,
            "fault.started": self._fault_started,
            "fault.ended": self._fault_ended,
        }
        self.crashed: dict[str, int] = {}
        """Host -> when it lost its power last (ns)."""
        self.ended: dict[str, int] = {}
        """Host -> when its server ended last, by a power cut or in good order (ns)."""
        self._off: dict[str, None] = {}
        self._pauses: dict[str, list[tuple[int, int | None]]] = {}
        self._in_force = 0
        self._last_trouble: int | None = None

    def is_up(self, host: str) -> bool:
        """Whether it has power and its processes run."""
        pauses = self._pauses.get(host)
        return host not in self._off and not (pauses and pauses[-1][1] is None)

    def ran_for(self, host: str, start: int, end: int) -> int:
        """How long its processes ran between two moments: pauses left out (ns)."""
        paused = sum(
            max(0, min(end, end if over is None else over) - max(start, began))
            for began, over in self._pauses.get(host, ())
        )
        return end - start - paused

    def trouble_since(self, t: int) -> bool:
        """Whether a fault is in force, or was after `t` or shortly before it."""
        last = self._last_trouble
        return self._in_force > 0 or (last is not None and last + AFTERMATH >= t)

    def _ended(self, t: int, event: Event) -> None:
        host = str(event["host"])
        self.ended[host] = t
        if event["kind"] == "host.crashed":
            self.crashed[host] = t
            self._off[host] = None
            self._resumed(t, event)
        self._last_trouble = t

    def _booted(self, _t: int, event: Event) -> None:
        self._off.pop(str(event["host"]), None)

    def _paused(self, t: int, event: Event) -> None:
        self._pauses.setdefault(str(event["host"]), []).append((t, None))
        self._last_trouble = t

    def _resumed(self, t: int, event: Event) -> None:
        pauses = self._pauses.get(str(event["host"]))
        if pauses and pauses[-1][1] is None:
            pauses[-1] = (pauses[-1][0], t)
            self._last_trouble = t

    def _fault_started(self, t: int, _event: Event) -> None:
        self._in_force += 1
        self._last_trouble = t

    def _fault_ended(self, t: int, _event: Event) -> None:
        self._in_force -= 1
        self._last_trouble = t
