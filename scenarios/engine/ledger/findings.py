"""What a trace event looks like to the ledger, and what the ledger finds wrong in a trace."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Event = Mapping[str, Any]
"""A trace event: `t` (int, ns of virtual time), `kind`, `host` and the kind's own flat fields."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that should not be. `t` in ns of virtual time."""

    kind: Literal["time", "cause", "count"]
    """Time went back, an effect has no cause before it, or two counts of one thing differ."""
    t: int
    text: str


class Findings:
    """The findings of a run, in the order of the trace."""

    def __init__(self) -> None:
        self.all: list[Finding] = []

    def add(self, kind: Literal["time", "cause", "count"], t: int, text: str) -> None:
        self.all.append(Finding(kind, t, text))

    def of(self, *kinds: str) -> list[Finding]:
        """The findings of these kinds."""
        return [finding for finding in self.all if finding.kind in kinds]
