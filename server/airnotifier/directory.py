"""The applications that a running gateway knows, never older than a second.

The store has a version, which every change of an administrator raises (see `server.freshness`).
"""

from collections.abc import Mapping

from server import clock
from server.airnotifier import access
from server.airnotifier.access import Stored
from server.airnotifier.auth import App
from server.airnotifier.settings import AppSettings
from server.database import Database
from server.freshness import Freshness
from server.logs import EventLog


class Directory:
    """See the module. `settings` say what the store does not: push services, blocked addresses."""

    def __init__(
        self, database: Database, settings: tuple[AppSettings, ...], log: EventLog
    ) -> None:
        self.apps: Mapping[str, App] = {}
        self._database = database
        self._settings = {app.name: app for app in settings}
        self._log = log
        self._version = 0
        self._freshness = Freshness(self._look, "directory")

    def open(self) -> None:
        """Seed a new store and read what there is. Blocking: call it at start-up."""
        settings = self._settings.values()
        seeded = self._database.run_now(access.seed, settings, clock.now())
        self._take(self._database.run_now(access.load))
        if not seeded:
            self._log.event(
                "settings.applied",
                apps=len(self.apps),
                note="applications and keys are the store's; push services, blocked addresses and"
                " all else are the settings file's",
            )
        for app in settings:
            self._compare(app)
        for name in self.apps:
            if name not in self._settings:
                self._differs(name, "the settings file gives the application no push service")

    async def refresh(self) -> None:
        """Take over what an administrator changed. Raises SQLAlchemyError."""
        await self._freshness.refresh()

    async def close(self) -> None:
        """Wait for a look that is under way."""
        await self._freshness.close()

    async def _look(self) -> None:
        if await self._database.run(access.version) != self._version:
            self._take(await self._database.run(access.load))
            self._log.event("administration.changed", apps=len(self.apps))

    def _take(self, stored: Stored) -> None:
        self.apps = {
            name: App(
                app.id, name, self._settings.get(name) or AppSettings(name=name), app.permissions
            )
            for name, app in stored.apps.items()
        }
        self._version = stored.version
        self._freshness.taken()

    def _compare(self, settings: AppSettings) -> None:
        known = self.apps.get(settings.name)
        if known is None:
            self._differs(settings.name, "the store has no such application: create-app makes one")
            return
        for key in settings.keys:
            bits = known.permissions.get(key.digest)
            if bits is None:
                self._differs(
                    settings.name, "a key of the settings file is not in the store", key.digest
                )
            elif bits != key.permissions:
                self._differs(
                    settings.name, "a key has other permissions in the settings file", key.digest
                )

    def _differs(self, app: str, reason: str, digest: str | None = None) -> None:
        self._log.trouble(
            "settings.differ", app=app, reason=reason, key=None if digest is None else digest[:12]
        )
