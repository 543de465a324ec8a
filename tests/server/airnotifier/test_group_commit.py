"""Units of work that share a transaction are each other's guests, no more."""

import asyncio
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from server.airnotifier.group_commit import GroupCommit
from server.database import Database
from tests.databases import database_url


def test_what_fails_after_a_commit_stops_nobody_and_is_reported(tmp_path: Path) -> None:
    reported: list[dict[str, Any]] = []

    def fail(_: int) -> None:
        raise RuntimeError("no room in the log")

    async def main() -> list[int]:
        asyncio.get_running_loop().set_exception_handler(lambda _, what: reported.append(what))
        database = Database(database_url(tmp_path / "x.db"))
        writer = GroupCommit(database)
        try:
            async with asyncio.timeout(30):
                return await asyncio.gather(
                    writer.run(lambda _: 1, fail),
                    writer.run(lambda _: 2, fail),
                    writer.run(lambda _: 3),
                )
        finally:
            await database.close()

    assert asyncio.run(main()) == [1, 2, 3]
    assert [what["message"] for what in reported] == ["what follows a commit failed"] * 2


def test_a_database_out_of_reach_is_asked_once_for_all_that_share_a_transaction(
    tmp_path: Path,
) -> None:
    attempts: list[None] = []

    async def main() -> list[Any]:
        database = Database(f"sqlite:///{tmp_path / 'no directory' / 'x.db'}")
        event.listen(database.engine, "do_connect", lambda *_: attempts.append(None))
        writer = GroupCommit(database)
        try:
            async with asyncio.timeout(30):
                runs = [writer.run(lambda _: None) for _ in range(5)]
                return await asyncio.gather(*runs, return_exceptions=True)
        finally:
            await database.close()

    errors = asyncio.run(main())
    assert [type(error) for error in errors] == [OperationalError] * 5
    assert len(attempts) == 1
