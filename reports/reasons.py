"""Why two runs of the same thing may differ, as far as their records show it.

**What came late.** Computing takes no time in a simulated world unless a host is given a cost, and
takes it on a real machine. So when a push service refuses a notification or closes connections, a
gateway may still be taking pushes live that it had all taken by then in the simulated run. These
then go another way: not written and written again, but written once, on the next connection. This
is said of a run only if every notification that differs came later after that moment than any did
in the simulated run.

**What was confirmed early.** In a live world the kernel of a gateway has acknowledged by a proxy
what it writes into a partition. So a gateway that takes silence for consent concludes before APNs
has the push. This is said only if nothing else differs.
"""

from collections.abc import Mapping, Sequence
from typing import Final

Row = Mapping[str, str]
"""A line of notifications.csv."""

_NS: Final = 1e9


def came_late(
    moments: Sequence[int | None], pairs: Sequence[tuple[Row, Row]], differing: Sequence[bool]
) -> str | None:
    """What accounts for the notifications that differ; None if they came no later than others.

    `moments`: when a push service refused one or closed, simulated and live, in ns. `pairs`: the
    same notification simulated and live; `differing`: whether their hops differ.
    """
    simulated, live = moments
    if simulated is None or live is None:
        return None
    here = [taken for one, _ in pairs if (taken := _taken(one, simulated)) is not None]
    late = [
        _taken(pair[1], live) for pair, differs in zip(pairs, differing, strict=True) if differs
    ]
    known = [taken for taken in late if taken is not None]
    if not known or len(known) < len(late) or not here or min(known) <= max(here):
        return None
    return (
        f"live, the gateway took these {len(late)} {min(known) / _NS:.2f} to"
        f" {max(known) / _NS:.2f} s after a push service had refused one or closed; simulated, it"
        f" had taken all by {max(here) / _NS:.2f} s. Computing takes time on a real machine"
    )


def confirmed_early(pairs: Sequence[tuple[Row, Row]], differing: Sequence[bool]) -> str | None:
    """What accounts for them, if the gateway took them live for confirmed before APNs had them."""
    found = [pair for pair, differs in zip(pairs, differing, strict=True) if differs]
    early = [
        one["fate"] == other["fate"]
        and one["attempts"] == other["attempts"]
        and _concluded_first(other)
        and not _concluded_first(one)
        for one, other in found
    ]
    if not early or not all(early):
        return None
    return (
        f"live, the gateway took these {len(early)} for confirmed before APNs had them: its kernel"
        " has what it writes into a partition acknowledged by our proxy"
    )


def _concluded_first(row: Row) -> bool:
    return bool(row["completed_ns"] and row["vendor_accepted_ns"]) and (
        int(row["completed_ns"]) < int(row["vendor_accepted_ns"])
    )


def _taken(row: Row, moment: int) -> int | None:
    """When the gateway took it, after the moment."""
    return int(row["accepted_ns"]) - moment if row["accepted_ns"] else None
