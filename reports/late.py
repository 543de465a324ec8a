"""Why two runs of the same thing may differ: what came later live than it could come simulated.

Computing takes no time in a simulated world unless a host is given a cost, and takes it on a real
machine. So when a push service refuses a notification and closes, a gateway may still be taking
pushes live that it had all taken by then in the simulated run. These then go another way: not
written and written again, but written once, on the next connection.

This is said of a run only if it is so: behind some moment after the refusal every notification
differs and before it none, and in the simulated run nothing came so late.
"""

from collections.abc import Mapping, Sequence
from typing import Final

Row = Mapping[str, str]
"""A line of notifications.csv."""

_NS: Final = 1e9


def reason(
    refusals: Sequence[int | None], pairs: Sequence[tuple[Row, Row]], differing: Sequence[bool]
) -> str | None:
    """What accounts for the notifications that differ; None if they came no later than others.

    `refusals`: when a push service refused one for the first time, simulated and live, in ns.
    `pairs`: the same notification simulated and live; `differing`: whether their hops differ.
    """
    simulated, live = refusals
    if simulated is None or live is None:
        return None
    taken = [(_taken(one, simulated), _taken(other, live)) for one, other in pairs]
    late = [times for times, differs in zip(taken, differing, strict=True) if differs]
    others = [times for times, differs in zip(taken, differing, strict=True) if not differs]
    if not late or any(None in times for times in late):
        return None
    first = min(there for _, there in late if there is not None)
    last = max(there for _, there in late if there is not None)
    latest_here = max(here for here, _ in taken if here is not None)
    if latest_here >= first or any(there is not None and there >= first for _, there in others):
        return None
    return (
        f"the gateway took these {len(late)} {first / _NS:.2f} to {last / _NS:.2f} s after a push"
        f" service had refused one, and simulated all of them in {latest_here / _NS:.2f} s:"
        " computing takes time on a real machine"
    )


def _taken(row: Row, refusal: int) -> int | None:
    """When the gateway took it, after the refusal."""
    return int(row["accepted_ns"]) - refusal if row["accepted_ns"] else None
