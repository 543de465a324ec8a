"""What netstat would print on a live host, as far as this process knows: for failing runs.

The sockets are the kernel's and their numbers mean little to a reader, so ends go by the names and
ports of the scenario's world. What is under way has left one end and is held for as long as the
path takes; the kernels' own queues are not seen.
"""

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sim.live.hosts import LiveHost
    from sim.live.lane import Lane

_COLUMNS: Final = ("Number", "Connection", "State", "Under way")


def live_netstat(host: "LiveHost") -> str:
    """The table for one host: a line for each connection, in the order of their numbers. States and
    bytes are those of what the host sends: `held` waits for the path, `ended` had its FIN or RST.
    """
    rows = [_COLUMNS, *(_row(lane) for _number, lane in sorted(host.connections.items()))]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    lines = ("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
    return "\n".join(lines) + "\n"


def _row(lane: "Lane") -> tuple[str, str, str, str]:
    wire = lane.wire
    ends = f"{wire.client.name} -> {wire.server.name}:{wire.port}"
    return f"#{lane.number}", ends, lane.state, f"{lane.size} bytes"
