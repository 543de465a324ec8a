"""Who is refused learns nothing about the account, not even by the clock."""

import asyncio

import pytest
from sqlalchemy import event, text

from server.database import Database
from server.moodle import configuration
from server.moodle.passwords import Passwords, make_hasher
from server.moodle.settings import PasswordHash, SiteSettings
from server.moodle.site import install
from sim.world import World
from tests.databases import database_url

HASHER = make_hasher(PasswordHash(time_cost=1, memory_cost=8))
PREPARE = {
    "unknown_user": "SELECT 1",
    "wrong_password": "SELECT 1",
    "inactive": "UPDATE users SET suspended = 1",
    "locked": "INSERT INTO user_preferences (userid, name, value) "
    "SELECT id, 'login_lockout', '9999999999' FROM users",
}


def work_of_a_refusal(path, reason, threshold, pause):
    """What the second refusal in a row, after a pause in seconds, makes the database do:
    (statements, commits, whether it writes).
    """
    user = {"username": "ben", "password": "Ben-1", "firstname": "B", "lastname": "R"}
    settings = SiteSettings(
        wwwroot="http://m",
        database=database_url(path / f"{reason}{threshold}.db"),
        users=[user],
        lockout={"threshold": threshold},
    )
    database = Database(settings.database)
    database.run_now(install, settings, HASHER)
    database.run_now(lambda connection: connection.execute(text(PREPARE[reason])))
    statements, commits = [], []
    passwords = Passwords(database, HASHER)
    current = database.run_now(configuration.load)
    username = "nobody" if reason == "unknown_user" else "ben"

    async def refuse():
        return await passwords.authenticate(username, "wrong", current)

    async def story():
        assert await refuse() == (None, reason)
        await asyncio.sleep(pause)
        event.listen(
            database.engine, "before_cursor_execute", lambda *what: statements.append(what[2])
        )
        event.listen(database.engine, "commit", commits.append)
        assert await refuse() == (None, reason)
        await database.close()

    with World(seed=1) as world:
        world.run(story)
    return len(statements), len(commits), any(not s.startswith("SELECT") for s in statements)


@pytest.mark.parametrize("threshold", [0, 10])
@pytest.mark.parametrize("pause", [0, 5])
def test_every_refusal_costs_the_database_the_same(tmp_path, threshold, pause):
    work = {reason: work_of_a_refusal(tmp_path, reason, threshold, pause) for reason in PREPARE}
    assert len(set(work.values())) == 1, work
    assert work["unknown_user"][2] == (threshold > 0)
