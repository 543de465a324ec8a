"""Checking passwords, and locking an account after too many wrong ones.

The counters are user preferences under Moodle's names (`login_failed_count`, `login_failed_last`,
`login_lockout`), so guessing is as slow after a restart. A locked account answers exactly like a
wrong password, and an unknown user takes as long to refuse as a known one.
"""

import asyncio

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import Connection

from server import clock
from server.database import Database
from server.moodle.accounts import (
    User,
    find_user,
    get_preferences,
    set_preference,
    unset_preferences,
)
from server.moodle.configuration import Configuration
from server.moodle.settings import PasswordHash

_COUNT, _LAST, _LOCKED = "login_failed_count", "login_failed_last", "login_lockout"


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
        if found is None:
            return None, "unknown_user"
        stored, user, locked = found
        if not user.active:
            return None, "inactive"
        if locked:
            return None, "locked"
        if not correct or not stored:
            await self._database.run(_count_failure, user.id, configuration)
            return None, "wrong_password"
        await self._database.run(unset_preferences, user.id, _COUNT, _LAST, _LOCKED)
        return user, ""

    def _verify(self, hashed: str, password: str) -> bool:
        try:
            return self._hasher.verify(hashed, password.encode("utf-8", "surrogateescape"))
        except (VerificationError, InvalidHashError):
            return False


def _look_up(
    connection: Connection, username: str, configuration: Configuration
) -> tuple[str, User, bool] | None:
    found = find_user(connection, username)
    if found is None:
        return None
    since = int(get_preferences(connection, found[1].id).get(_LOCKED, "0"))
    duration = int(configuration.values["lockoutduration"])
    return *found, bool(since) and clock.now() < since + duration


def _count_failure(connection: Connection, user_id: int, configuration: Configuration) -> None:
    threshold = int(configuration.values["lockoutthreshold"])
    if not threshold:
        return
    now = int(clock.now())
    preferences = get_preferences(connection, user_id)
    recent = now - int(preferences.get(_LAST, "0")) <= int(configuration.values["lockoutwindow"])
    count = int(preferences.get(_COUNT, "0")) + 1 if recent else 1
    set_preference(connection, user_id, _COUNT, str(count))
    set_preference(connection, user_id, _LAST, str(now))
    if count >= threshold:
        set_preference(connection, user_id, _LOCKED, str(now))
