"""The gateway's parts put together: database, outbox, dispatcher, applications."""

from collections.abc import Mapping, Sequence
from functools import partial

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from server import clock, exclusive
from server.airnotifier import dead_tokens, registry, tables
from server.airnotifier.auth import App
from server.airnotifier.directory import Directory
from server.airnotifier.dispatcher import Dispatcher
from server.airnotifier.group_commit import GroupCommit
from server.airnotifier.outbox import (
    AcceptedBroadcast,
    Outbox,
    accept_broadcast,
    accept_push,
)
from server.airnotifier.push import Content, Push
from server.airnotifier.settings import GatewaySettings
from server.airnotifier.targets import Target
from server.airnotifier.waiting import find_orphans, latest_push
from server.database import Database
from server.exclusive import ExclusiveLock
from server.health import Health
from server.logs import EventLog, token_ref


class Gateway:
    """A running gateway without its HTTP side."""

    def __init__(self, settings: GatewaySettings) -> None:
        self.settings = settings
        self.log = EventLog("airnotifier")
        self._database = Database(settings.database, durability=settings.durability)
        self.directory = Directory(self._database, settings.apps, self.log)
        self._lock: ExclusiveLock | None = None
        self._writer = GroupCommit(self._database)
        self.health = Health(self._writer.run, tables.health, self._database.path, self.log)
        self._outbox = Outbox(self._writer)
        self._dispatcher = Dispatcher(self._writer, self._outbox, self.log)

    async def open(self) -> None:
        """Open the database and go on where the last process stopped. Raises SettingsError, and
        DatabaseInUse if another gateway has it.
        """
        try:
            self._lock = exclusive.acquire(self._database, "gateway")
            self._database.create(tables.metadata)
            self.health.open()
            self.directory.open()
            for app in self.settings.apps:
                known = self.directory.apps.get(app.name)
                if known is not None:
                    self._dispatcher.add_app(app, known.id)
        except Exception:
            await self.close()
            raise
        self._dispatcher.start(self._database.run_now(latest_push))
        lanes = self._dispatcher.lanes
        for orphans in self._database.run_now(find_orphans, lanes, clock.now()):
            for push in orphans.expired:
                self.log.event("push.expired", push=push)
            self.log.trouble(
                "outbox.unserved",
                app=orphans.app,
                provider=orphans.provider,
                expired=len(orphans.expired),
                waiting=orphans.waiting,
            )

    @property
    def apps(self) -> Mapping[str, App]:
        """The applications by name, as they were when `directory` last looked."""
        return self.directory.apps

    async def register(self, app: App, target: Target, channels: Sequence[str]) -> bool:
        """Store a token and its channels. Returns whether it is new."""
        return await self._writer.run(
            partial(
                registry.register_token,
                app_id=app.id,
                target=target,
                names=channels,
                now=clock.now(),
            ),
            lambda new: self._log_registered(app, target, channels, new),
        )

    async def unregister(self, app: App, token: str) -> bool:
        """Forget a token; pushes that wait for it are not sent. Returns whether it was there."""

        def work(connection: Connection) -> tuple[bool, int]:
            # A push that seemed to be done, and is not in the outbox, may come back to it.
            latest = max(latest_push(connection), self._dispatcher.latest)
            found = registry.delete_token(connection, app.id, token)
            if found:
                now = clock.now()
                dead_tokens.remember(connection, app.id, token, latest, "token_deleted", now)
            return found, latest

        def done(result: tuple[bool, int]) -> None:
            found, latest = result
            if found:
                self.log.event("token.deleted", app=app.name, token_ref=token_ref(token))
                self._dispatcher.token_deleted(app.name, token, latest)

        found, _ = await self._writer.run(work, done)
        return found

    async def accept_push(
        self, app: App, target: Target, content: Content, new_token_channels: Sequence[str] | None
    ) -> Push:
        """Put a push into the outbox and on its way. See `outbox.accept_push` for
        what it raises.
        """

        def accepted(result: tuple[Push, bool]) -> None:
            push, created = result
            if created:
                self._log_registered(app, target, new_token_channels or (), True)
            self._log_accepted(push, target.device)
            self._dispatcher.offer((push,))

        push, _ = await self._writer.run(
            partial(
                accept_push,
                app=app.name,
                app_id=app.id,
                target=target,
                content=content,
                new_token_channels=new_token_channels,
            ),
            accepted,
        )
        return push

    async def accept_broadcast(
        self, app: App, channel: str, device: str | None, contents: Mapping[str, Content]
    ) -> int:
        """Put a push for every token of a channel into the outbox. Returns the broadcast's id."""

        def accepted(result: AcceptedBroadcast) -> None:
            self.log.event(
                "broadcast.accepted",
                broadcast=result.number,
                app=app.name,
                channel=channel,
                pushes=len(result.pushes),
            )
            for provider, tokens in result.skipped.items():
                self.log.trouble(
                    "broadcast.skipped",
                    broadcast=result.number,
                    app=app.name,
                    provider=provider,
                    tokens=tokens,
                )
            for push, name in result.pushes:
                self._log_accepted(push, name)
            self._dispatcher.offer([push for push, _ in result.pushes])

        broadcast = await self._writer.run(
            partial(
                accept_broadcast,
                app=app.name,
                app_id=app.id,
                channel=channel,
                device=device,
                contents=contents,
                now=clock.now(),
            ),
            accepted,
        )
        return broadcast.number

    def _log_registered(self, app: App, target: Target, channels: Sequence[str], new: bool) -> None:
        self.log.event(
            "token.registered",
            app=app.name,
            device=target.device,
            token_ref=token_ref(target.token),
            channels=",".join(channels),
            new=new,
        )

    def _log_accepted(self, push: Push, device: str) -> None:
        self.log.event(
            "push.accepted",
            push=push.id,
            app=push.app,
            device=device,
            token_ref=token_ref(push.token),
            broadcast=push.broadcast,
        )

    async def close(self) -> None:
        """Finish what is under way, write it down, close the database."""
        await self.directory.close()
        await self._dispatcher.close()
        try:
            await self._outbox.close()
        except SQLAlchemyError as error:
            self.log.trouble("database.failed", error=type(error).__name__)
        await self._writer.drain()
        await self._database.close()
        if self._lock is not None:
            self._lock.release()
