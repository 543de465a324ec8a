"""What netstat would print on a simulated host: its connections, for failing runs.

    Proto Recv-Q  Send-Q Local Address      Foreign Address    State        Timer
    tcp        0       0 10.0.0.1:80        0.0.0.0:*          LISTEN
    tcp        0      19 10.0.0.1:80        10.0.0.2:49152     ESTABLISHED  on (12.80/7)

Recv-Q: bytes that arrived and were not read. Send-Q: bytes that the peer has not read. Timer: `on`
is retransmission, (virtual seconds to the next attempt/attempts so far). A reader who sees both
ends is told more than netstat knows: `half-open` when the other end does not exist any more.

Simplification: a socket that its program has closed is not shown, so there is no FIN-WAIT of a
closed socket and no TIME-WAIT.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sim.hosts import Host
    from sim.net.transport import SimTransport

_COLUMNS = ("Proto", "Recv-Q", "Send-Q", "Local Address", "Foreign Address", "State", "Timer")


def netstat(host: "Host") -> str:
    """The table for one host, a line for each socket, in the order of their numbers."""
    rows: list[tuple[str, ...]] = [_COLUMNS]
    for port, entries in sorted(host.listeners.items()):
        for address, _server in entries:
            rows.append(("tcp", "0", "0", f"{address}:{port}", "0.0.0.0:*", "LISTEN", ""))
    for dial in host.network.dials.values():
        if dial.source is host:
            local, remote = f"{host.address}:{dial.local_port}", f"{dial.address}:{dial.port}"
            wait = max(dial.next_attempt - host.env.now, 0.0)
            rows.append(("tcp", "0", "1", local, remote, "SYN_SENT", f"on ({wait:.2f})"))
    rows.extend(_row(end) for _number, end in sorted(host.connections.items()))
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    lines = []
    for row in rows:
        cells = [
            cell.rjust(width) if column in (1, 2) else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append(" ".join(cells).rstrip())
    return "\n".join(lines) + "\n"


def _row(end: "SimTransport") -> tuple[str, ...]:
    local, remote = (f"{address}:{port}" for address, port in (end.address, end.peer.address))
    unsent = end.unacknowledged + end.get_write_buffer_size()
    return ("tcp", str(end.unread), str(unsent), local, remote, _state(end), _timer(end))


def _state(end: "SimTransport") -> str:
    ended, peer_ended = end.has_ended, end.peer.has_ended and end.peer.is_through
    if ended:
        return "LAST_ACK" if peer_ended else "FIN_WAIT2" if end.is_through else "FIN_WAIT1"
    return "CLOSE_WAIT" if peer_ended else "ESTABLISHED"


def _timer(end: "SimTransport") -> str:
    notes = []
    if end.outage is not None:
        wait = max(end.outage.due - end.host.env.now, 0.0)
        notes.append(f"on ({wait:.2f}/{end.outage.backoff.attempts})")
    if end.host.is_paused:
        notes.append("paused")
    if end.peer.is_dead and not end.peer.has_ended:
        notes.append("half-open")
    return " ".join(notes)
