"""Checking passwords, and locking an account after too many wrong ones.

The counters are user preferences under Moodle's names (`login_failed_count`, `login_failed_last`,
`login_lockout`), so guessing is as slow after a restart. Whoever is refused hears the same after
the same work: one password hash, as many statements, one commit. So nobody can tell by the clock
which accounts exist; failures that count for no account are counted for the site.
"""

import asyncio

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import Connection, insert, select, update

from server import clock
from server.database import Database
from server.moodle.accounts import (
    User,
    find_user,
    get_preferences,
    lock,
    set_preference,
    unset_preferences,
)
from server.moodle.configuration import Configuration
from server.moodle.settings import PasswordHash
from server.moodle.tables import config

_COUNT, _LAST, _LOCKED = "login_failed_count", "login_failed_last", "login_lockout"
_NOBODY = 0
"""The id of no user."""


def make_hasher(cost: PasswordHash) -> PasswordHasher:
    """The argon2id hasher with the operator's cost."""
    return PasswordHasher(
        time_cost=cost.time_cost, memory_cost=cost.memory_cost, parallelism=cost.parallelism
    )


class Passwords:
    """Authenticates users by name and password."""

    def __init__(self, database: Database, hasher: PasswordHasher) -> None:
        self._database = database
        self._hasher = hasher
        # What an unknown user's password is compared with.
        self._nobody = hasher.hash("")

    async def authenticate(
        self, username: str, password: str, configuration: Configuration
    ) -> tuple[User | None, str]:
        """The user, or None and why: unknown_user, inactive, locked, wrong_password.

        The reason is for the log. Clients must not learn it.
        """
        found = await self._database.run(_look_up, username, configuration)
        hashed = self._nobody if found is None or not found[0] else found[0]
        loop = asyncio.get_running_loop()
        correct = await loop.run_in_executor(None, self._verify, hashed, password)
        reason = _refusal(found, correct)
        if reason == "wrong_password" and found is not None:
            await self._database.run(_count_failure, found[1].id, configuration)
        elif found is None or reason:
            await self._database.run(_count_for_the_site, configuration)
        else:
            await self._database.run(_forget_failures, found[1].id)
            return found[1], ""
        return None, reason

    def _verify(self, hashed: str, password: str) -> bool:
        try:
            return self._hasher.verify(hashed, password.encode("utf-8", "surrogateescape"))
        except (VerificationError, InvalidHashError):
            return False


def _refusal(found: tuple[str, User, bool] | None, correct: bool) -> str:
    if found is None:
        return "unknown_user"
    stored, user, locked = found
    if not user.active:
        return "inactive"
    if locked:
        return "locked"
    return "" if correct and stored else "wrong_password"


def _look_up(
    connection: Connection, username: str, configuration: Configuration
) -> tuple[str, User, bool] | None:
    found = find_user(connection, username)
    preferences = get_preferences(connection, _NOBODY if found is None else found[1].id)
    if found is None:
        return None
    since = int(preferences.get(_LOCKED, "0"))
    duration = int(configuration.values["lockoutduration"])
    return *found, bool(since) and clock.now() < since + duration


def _count_failure(connection: Connection, user_id: int, configuration: Configuration) -> None:
    threshold = int(configuration.values["lockoutthreshold"])
    if not threshold:
        return
    lock(connection, user_id)  # guesses that are made at once all count
    now = int(clock.now())
    preferences = get_preferences(connection, user_id)
    recent = now - int(preferences.get(_LAST, "0")) <= int(configuration.values["lockoutwindow"])
    count = int(preferences.get(_COUNT, "0")) + 1 if recent else 1
    set_preference(connection, user_id, _COUNT, str(count))
    set_preference(connection, user_id, _LAST, str(now))
    if count >= threshold:
        set_preference(connection, user_id, _LOCKED, str(now))


def _forget_failures(connection: Connection, user_id: int) -> None:
    lock(connection, user_id)
    unset_preferences(connection, user_id, _COUNT, _LAST, _LOCKED)


def _count_for_the_site(connection: Connection, configuration: Configuration) -> None:
    """As much work as `_count_failure`, statement by statement."""
    if not int(configuration.values["lockoutthreshold"]):
        return
    threshold = select(config.c.id).where(config.c.name == "lockoutthreshold")
    connection.execute(threshold.with_for_update(key_share=True))
    query = select(config.c.name, config.c.value).where(config.c.name.in_((_COUNT, _LAST)))
    values = {row.name: row.value for row in connection.execute(query)}
    _set(connection, _COUNT, str(int(values.get(_COUNT, "0")) + 1))
    _set(connection, _LAST, str(int(clock.now())))


def _set(connection: Connection, name: str, value: str) -> None:
    """As `set_preference`."""
    where = config.c.name == name
    old = connection.scalar(select(config.c.value).where(where))
    if old is None:
        connection.execute(insert(config).values(name=name, value=value))
    elif old != value:
        connection.execute(update(config).where(where).values(value=value))
