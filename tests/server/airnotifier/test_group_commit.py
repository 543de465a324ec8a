"""Units of work that share a transaction are each other's guests, no more."""

import asyncio
from pathlib import Path
from typing import Any

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
