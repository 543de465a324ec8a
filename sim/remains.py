"""Closes what a dead host's servers left open in this process.

A kernel takes client sessions, connections and databases away with the process that had them. In a
simulated world that process is this one: the objects stay, and closing them the usual way would run
code of a dead host. So they are closed from outside when the world is over, before Python's
collector finds them and warns in the middle of other code.

Simplification: what a living host left open in the same world is closed, too.
"""

import asyncio
import contextlib
import gc
import sqlite3
from typing import Any

from aiohttp import BaseConnector, ClientSession
from sqlalchemy.pool import Pool, PoolProxiedConnection

_KINDS = (ClientSession, BaseConnector, PoolProxiedConnection, Pool, sqlite3.Connection)
_MOST_AWAITS_IN_CLEANUP = 100


def close_remains(loop: asyncio.AbstractEventLoop) -> None:
    """Close what is open of the world of this loop, which is closed already.

    Has to be called within the world's guard: it holds everything older than the world out of the
    collector's sight, and so out of ours.
    """
    remains = [each for each in gc.get_objects() if isinstance(each, _KINDS)]
    for each in remains:
        if isinstance(each, ClientSession) and each._loop is loop:
            each.detach()
    for each in remains:
        if isinstance(each, BaseConnector) and each._loop is loop:
            each._closed = True  # close() would talk to peers
            each._conns.clear()
    for each in remains:
        if isinstance(each, PoolProxiedConnection) and each.is_valid:
            each.invalidate()
    for each in remains:
        if isinstance(each, Pool):
            each.dispose()
    for each in remains:
        if isinstance(each, sqlite3.Connection):
            each.close()


def end_coroutine(coroutine: Any) -> None:
    """Close a coroutine, also if its clean-up awaits: a bounded number of times.

    One that has not ended would be closed by the collector, and warn there.
    """
    for _ in range(_MOST_AWAITS_IN_CLEANUP):
        with contextlib.suppress(BaseException):  # what it raises concerns nobody any more
            coroutine.close()
        if getattr(coroutine, "cr_frame", None) is None:
            return
