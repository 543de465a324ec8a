"""What a step says that could not be done."""

from collections.abc import Mapping
from typing import Any


class StepFailed(Exception):
    """A step could not be done, or not in time; the text says why. Ends the run as failed."""


class StepRefused(StepFailed):
    """A server said no. `results` are those of the step all the same, and `told_by` names those of
    them that tell of the refusal: a scenario that expects one of these expects the refusal.
    """

    def __init__(self, text: str, results: Mapping[str, Any], *told_by: str) -> None:
        super().__init__(text, results, *told_by)  # simpy makes a copy from these
        self.results = results
        self._told_by = told_by

    def __str__(self) -> str:
        return str(self.args[0])

    def is_expected_by(self, expect: Mapping[str, Any]) -> bool:
        """Whether a step's `expect` names a result that tells of the refusal."""
        return any(name in expect for name in self._told_by)


def refused_by_status(text: str, status: int, results: Mapping[str, Any]) -> StepRefused:
    """A refusal that its HTTP status tells of; one with status 200 can only be excused."""
    return StepRefused(text, results, *(() if 200 <= status < 300 else ("status",)))
