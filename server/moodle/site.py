"""What every part of a running site needs: settings, database, configuration, log."""

from argon2 import PasswordHasher
from sqlalchemy import Connection, insert, select

from server.database import Database, create_tables
from server.freshness import Freshness
from server.health import Health
from server.logs import EventLog
from server.moodle import configuration, tables
from server.moodle.configuration import Configuration
from server.moodle.passwords import Passwords, make_hasher
from server.moodle.settings import SiteSettings
from server.moodle.tables import metadata, users


class Site:
    """One site. `open` before the first request, `close` after the last."""

    def __init__(self, settings: SiteSettings) -> None:
        self.settings = settings
        self.database = Database(settings.database, durability=settings.durability)
        self.log = EventLog("moodle")
        self.health = Health(self.database.run, tables.health, self.database.path, self.log)
        self._hasher = make_hasher(settings.password_hash)
        self.passwords = Passwords(self.database, self._hasher)
        self.configuration: Configuration
        self._freshness = Freshness(self._look, "configuration")

    async def open(self) -> None:
        """Create what the database lacks and read the configuration."""
        await self.database.run(install, self.settings, self._hasher)
        self.health.open()
        await self.reload()

    async def reload(self) -> None:
        """Take over the administrator's changes."""
        self.configuration = await self.database.run(configuration.load)
        self._freshness.taken()

    async def refresh(self) -> None:
        """Take over what other processes on the same database changed, unless a look is less than a
        second ago. Raises SQLAlchemyError.
        """
        await self._freshness.refresh()

    async def _look(self) -> None:
        if await self.database.run(configuration.version) != self.configuration.version:
            await self.reload()
            self.log.event("configuration.changed", version=self.configuration.version)

    async def close(self) -> None:
        """Close the connections to the database."""
        await self._freshness.close()
        await self.database.close()


def install(connection: Connection, settings: SiteSettings, hasher: PasswordHasher) -> None:
    """Create tables, settings and accounts that do not exist yet; change nothing that does."""
    create_tables(connection, metadata)
    configuration.install(connection, settings)
    present = set(connection.scalars(select(users.c.username)))
    for user in settings.users:
        if user.username not in present:
            values = user.model_dump()
            values["password"] = hasher.hash(user.password.get_secret_value())
            connection.execute(insert(users).values(values))
