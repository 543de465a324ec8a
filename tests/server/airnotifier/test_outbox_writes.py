"""What follows from the fates of pushes is written soon, and again if the database was away."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from server.airnotifier.group_commit import GroupCommit
from server.airnotifier.outbox import WRITE_AGAIN, Outbox
from server.database import Database
from sim.world import World
from tests.databases import database_url


def away(times: int, written: list[str], name: str) -> Callable[[Connection], None]:
    """Work that finds the database away so many times, and then writes its name."""
    left = [times]

    def work(_: Connection) -> None:
        if left[0]:
            left[0] -= 1
            raise OperationalError("the database is away", None, Exception())
        written.append(name)

    return work


def test_work_that_found_the_database_away_is_done_later_in_its_order(tmp_path: Path) -> None:
    written: list[str] = []
    reported: list[str] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, what: reported.append(what["message"]))
        database = Database(database_url(tmp_path / "x.db"))
        outbox = Outbox(GroupCommit(database))
        outbox.later(away(1, written, "prune"))
        outbox.later(away(0, written, "canonical"))
        await asyncio.sleep(1)
        assert written == []
        await asyncio.sleep(WRITE_AGAIN)
        assert written == ["prune", "canonical"]
        await outbox.close()
        await database.close()

    with World(seed=1) as world:
        world.run(main)
    assert reported == ["completions were not written"]
    assert written == ["prune", "canonical"]
