"""From the outbox to the providers: one lane for each application and push service.

Lanes are independent, so a push service that is slow or down holds up nobody else, and never the
API, which only hands over numbers of rows that are already committed.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection

from server.airnotifier import dead_tokens
from server.airnotifier.backlog import Backlog, Load
from server.airnotifier.dead_tokens import Reason
from server.airnotifier.departures import Departures
from server.airnotifier.group_commit import GroupCommit
from server.airnotifier.outbox import Outbox
from server.airnotifier.outcomes import Outcomes
from server.airnotifier.providers import PushService
from server.airnotifier.providers.known import PROVIDERS, KnownProvider
from server.airnotifier.push import Push
from server.airnotifier.settings import AppSettings
from server.airnotifier.waiting import load_pushes
from server.logs import EventLog


@dataclass(slots=True)
class Lane:
    """A backlog, what may leave it, and the provider that empties it."""

    backlog: Backlog
    departures: Departures
    service: PushService


class Dispatcher:
    """All lanes of the gateway."""

    def __init__(self, writer: GroupCommit, outbox: Outbox, log: EventLog) -> None:
        self._writer = writer
        self._outbox = outbox
        self._log = log
        self._lanes: dict[tuple[str, str], Lane] = {}
        self._inherited = self._latest = 0

    def add_app(self, app: AppSettings, app_id: int) -> None:
        """Make the lanes of an application. Raises SettingsError for unusable certificates."""
        for provider in PROVIDERS.values():
            if provider.configured(app):
                self._add(app, app_id, provider)

    @property
    def lanes(self) -> list[tuple[str, str]]:
        """The names of the applications and push services that are served."""
        return list(self._lanes)

    def start(self, inherited: int) -> None:
        """Go on with what an earlier process left in the outbox: the pushes up to that number."""
        self._inherited = self._latest = inherited
        for lane in self._lanes.values():
            lane.backlog.start()

    def offer(self, pushes: Iterable[Push]) -> None:
        """Take pushes that were just committed, in the order of their numbers."""
        by_lane: dict[tuple[str, str], list[Push]] = {}
        for push in pushes:
            self._latest = max(self._latest, push.id)
            by_lane.setdefault((push.app, push.provider), []).append(push)
        for key, waiting in by_lane.items():
            self._lanes[key].backlog.append(waiting)

    @property
    def latest(self) -> int:
        """The highest number of a push that this process has seen, whatever became of it."""
        return self._latest

    def token_deleted(self, app: str, token: str, last: int) -> None:
        """A token was deleted when `last` was the number of the latest push."""
        for (name, _), lane in self._lanes.items():
            if name == app:
                lane.departures.bury(token, last, "token_deleted")

    async def close(self) -> None:
        """Stop sending."""
        for lane in self._lanes.values():
            await lane.backlog.close()
            await lane.departures.close()
        await asyncio.gather(*(lane.service.close() for lane in self._lanes.values()))

    def _add(self, app: AppSettings, app_id: int, provider: KnownProvider) -> None:
        name = provider.name
        key = app.name, name

        def wake() -> None:
            self._lanes[key].service.wake()

        backlog = Backlog(f"{app.name}/{name}", self._loader(app.name, app_id, name), wake)
        outcomes = Outcomes(app.name, app_id, name, self._outbox, self._log)
        departures = Departures(backlog, self._outbox, outcomes, app.max_unknown_writes, wake)
        self._lanes[key] = Lane(backlog, departures, provider.open(app, departures, outcomes))

    def _loader(self, app: str, app_id: int, provider: str) -> Load:
        async def load(after: int, limit: int) -> list[Push]:
            inherited = self._inherited

            def work(connection: Connection) -> tuple[list[Push], list[tuple[str, int, Reason]]]:
                pushes = load_pushes(connection, app, provider, after, limit, inherited)
                return pushes, dead_tokens.find(connection, app_id, [p.token for p in pushes])

            pushes, dead = await self._writer.run(work)
            for token, last, reason in dead:
                self._lanes[app, provider].departures.bury(token, last, reason)
            return pushes

        return load
