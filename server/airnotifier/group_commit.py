"""Many small units of work, few transactions.

Work that arrives while a transaction is running shares the next one, so a busy gateway pays for
one commit where an idle one pays for one per request; nothing ever waits for company. Work is done
in the order of its arrival, one transaction at a time, which also gives the rows of the outbox
numbers in the order of acceptance.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Connection

from server import clock
from server.database import Database
from server.database_trouble import connection_lost, out_of_order

T = TypeVar("T")

Work = Callable[[Connection], Any]


@dataclass(slots=True)
class Unit:
    """One piece of work, what follows its commit, and who waits for it."""

    work: Work
    then: Callable[[Any], None] | None
    done: asyncio.Future[Any]
    since: float
    """When it was handed in (monotonic)."""


class GroupCommit:
    """The gateway's only writer to its database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[Unit] = []
        self._task: asyncio.Task[None] | None = None

    async def run(
        self, work: Callable[[Connection], T], then: Callable[[T], None] | None = None
    ) -> T:
        """Do the work in a transaction; return its result once that is committed.

        `then(result)` is called right after the commit, in the order of arrival, even if nobody
        waits for the result any more; what it raises goes to the loop's exception handler, since
        the work is done. If a shared transaction fails, each unit is done again in one
        of its own, so only the unit at fault raises. If it fails because the connection to the
        database is lost, all raise: they may have been committed, and are not to be done twice. If
        the database as a whole refuses, all raise, too: none of them would fare better alone.
        """
        loop = asyncio.get_running_loop()
        unit = Unit(work, then, loop.create_future(), clock.monotonic())
        self._waiting.append(unit)
        if self._task is None:
            self._task = loop.create_task(self._write(), name="airnotifier-writer")
        result: T = await unit.done
        return result

    async def drain(self) -> None:
        """Wait until everything that was handed in is committed."""
        while self._task is not None:
            await asyncio.wait([self._task])

    async def _write(self) -> None:
        try:
            while self._waiting:
                group, self._waiting = self._waiting, []
                await self._commit(group)
        finally:
            self._task = None

    async def _commit(self, group: list[Unit]) -> None:
        try:
            results = await self._database.run_since(
                group[0].since, _do_all, [unit.work for unit in group]
            )
        except Exception as error:
            if len(group) > 1 and not (connection_lost(error) or out_of_order(error)):
                for unit in group:
                    await self._commit([unit])
                return
            for unit in group:
                if not unit.done.done():
                    unit.done.set_exception(error)
            return
        for unit, result in zip(group, results, strict=True):
            if unit.then is not None:
                try:
                    unit.then(result)
                except Exception as error:
                    asyncio.get_running_loop().call_exception_handler(
                        {"message": "what follows a commit failed", "exception": error}
                    )
            if not unit.done.done():
                unit.done.set_result(result)


def _do_all(connection: Connection, works: list[Work]) -> list[Any]:
    return [work(connection) for work in works]
