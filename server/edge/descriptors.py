"""How many connections this process can have, by the descriptors that it may open.

Each connection takes one. A server that let peers have them all could not open its own database.
"""

import resource

from server.edge.edge import Edge

MOST_IN_BACKLOG = 128
"""Connections that the kernel keeps for a server that is busy. asyncio takes so many at once before
any of them can be refused, hence fewer where descriptors are few."""
_OWN = 16
"""Standard streams, the event loop, listening sockets, modules that are imported late."""


def raise_limit() -> int | None:
    """Allow this process as many descriptors as it may have (the hard limit). None: no limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return None if hard == resource.RLIM_INFINITY else hard


def backlog(limit: int | None) -> int:
    """For `listen`."""
    return MOST_IN_BACKLOG if limit is None else max(1, min(MOST_IN_BACKLOG, limit // 16))


def room(edge: Edge, limit: int | None) -> int | None:
    """The most connections: what the settings say, or what the descriptors allow if that is less.
    None: no limit. At least one, however few there are.
    """
    if limit is None:
        return edge.limits.connections
    free = limit - _OWN - edge.descriptors - backlog(limit)
    most = max(1, free // (1 + edge.descriptors_per_request))
    return most if edge.limits.connections is None else min(most, edge.limits.connections)
