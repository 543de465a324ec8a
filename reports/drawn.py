"""What a drawing of a run is made of: lanes, sections, and the hops and marks in them."""

from dataclasses import dataclass, field
from typing import Any, Literal

Tone = Literal["request", "push", "quiet", "good", "problem"]


@dataclass(slots=True)
class Lane:
    """A vertical line of the drawing: a host, or a fleet of `count` hosts."""

    name: str
    role: str
    title: str
    detail: str = ""
    count: int = 1


@dataclass(slots=True)
class Item:
    """A hop (`target` is another lane) or a mark (`target` is None). Times in ns."""

    start: int
    end: int
    source: str
    target: str | None
    label: str
    tone: Tone
    count: int = 1
    fault: str = ""
    """The id of the fault that begins or ends here."""
    turn: bool = False
    """What is like it before and after it is not for the same cause: a fault, a new attempt."""


@dataclass(slots=True)
class Section:
    """A step of the scenario and what began while it ran."""

    n: int
    title: str
    by: str
    arguments: dict[str, Any]
    start: int
    end: int | None
    status: str
    do: str
    items: list[Item] = field(default_factory=list)
    early: bool = False
    """Whether something happened for its sake before it began, and stands further up."""


@dataclass(slots=True)
class Drawing:
    """Lanes from left to right, sections from top to bottom."""

    lanes: list[Lane]
    sections: list[Section]
    faults: list[dict[str, Any]]
    """As the summary has them: `id`, `start_ns`, `end_ns` ..."""
