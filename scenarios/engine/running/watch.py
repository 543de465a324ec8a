"""Lets a step wait until the trace shows something."""

from collections.abc import Callable

import simpy

from scenarios.engine.ledger.findings import Event


class Watch:
    """Wakes waiting processes when an event of the right kind was recorded.

    Feed it after everything else that reads the trace, so that those are up to date when a
    condition is asked.
    """

    def __init__(self, env: simpy.Environment) -> None:
        self._env = env
        self._waiting: list[tuple[Callable[[], bool], frozenset[str], simpy.Event]] = []

    def feed(self, event: Event) -> None:
        """Take the next event of the trace."""
        if not self._waiting:
            return
        kind, still = event["kind"], []
        for entry in self._waiting:
            condition, kinds, woken = entry
            if kind in kinds and condition():
                woken.succeed()
            else:
                still.append(entry)
        self._waiting = still

    def until(self, condition: Callable[[], bool], kinds: frozenset[str]) -> simpy.Event:
        """An event that happens as soon as the condition holds: now, or after one of `kinds`."""
        woken = self._env.event()
        if condition():
            woken.succeed()
        else:
            self._waiting.append((condition, kinds, woken))
        return woken
