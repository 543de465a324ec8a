"""What servers whose host lost its power leave open in this process, closed behind their back.

A kernel takes client sessions, connections and databases away with the process that had them. In a
simulated world that process is this one: the objects stay behind, and nobody can close them as
they are meant to be closed, since that would be code of a dead host that runs. So they are closed
from outside when the world is over, before Python's collector comes across them and complains
about whoever happens to run then.

Not told apart: what a living host left open in the same world is closed, too.
"""

import asyncio
import contextlib
import gc
import sqlite3
from typing import Any

from aiohttp import BaseConnector, ClientSession
from sqlalchemy.pool import Pool, PoolProxiedConnection


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
    """Throw a coroutine out wherever it waits, also where it waits on its way out.

    One that is not at its end would be closed by the collector, and complain there.
    """
    for _ in range(_WAITS_ON_THE_WAY_OUT):
        with contextlib.suppress(BaseException):  # what it raises concerns nobody any more
            coroutine.close()
        if getattr(coroutine, "cr_frame", None) is None:
            return


_WAITS_ON_THE_WAY_OUT = 100
_KINDS = (ClientSession, BaseConnector, PoolProxiedConnection, Pool, sqlite3.Connection)
