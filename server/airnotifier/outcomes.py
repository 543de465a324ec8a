"""What happened to a push, told once: to the log, and to the database where it matters.

Providers call these methods; they run no query themselves and wait for nothing.
"""

from collections.abc import Callable

from sqlalchemy import Connection

from server import clock
from server.airnotifier import dead_tokens, registry
from server.airnotifier.outbox import Outbox
from server.airnotifier.push import Push
from server.airnotifier.waiting import concerned_by_refusal
from server.logs import EventLog, token_ref


class Outcomes:
    """The outcomes at one push service of one application."""

    def __init__(self, app: str, app_id: int, provider: str, outbox: Outbox, log: EventLog) -> None:
        self._app = app
        self._app_id = app_id
        self._provider = provider
        self._outbox = outbox
        self._log = log

    def dispatched(self, push: Push, connection: str | None, identifier: int | None) -> None:
        """The push was handed to the network."""
        push.attempt += 1
        push.writes += 1
        self._log.event(
            "push.dispatched",
            push=push.id,
            provider=self._provider,
            connection=connection,
            identifier=identifier,
            attempt=push.attempt,
        )

    def completed(self, push: Push, message_id: str | None = None) -> None:
        """The push service has it now."""
        self._outbox.push_done(push)
        self._log.event(
            "push.completed", push=push.id, provider=self._provider, message_id=message_id
        )

    def recalled(self, push: Push) -> None:
        """The push service does not have it after all; it is going to be sent again."""
        self._outbox.push_open(push)

    def rejected(self, push: Push, reason: str) -> None:
        """The push service does not want it, for good, or it is not even asked."""
        self._outbox.push_done(push)
        self._log.event(
            "push.rejected",
            push=push.id,
            provider=self._provider,
            reason=reason,
            token_ref=token_ref(push.token),
        )

    def refused(self, push: Push, reason: str, *, prune: bool, then: Callable[[int], None]) -> None:
        """The same, because of its token, which is forgotten (`prune`) unless it was registered
        again meanwhile. `then` is told the number of the last push that this concerns.
        """
        self.rejected(push, reason)

        def work(connection: Connection) -> tuple[int, bool]:
            of = (connection, self._app_id, push.token, self._provider)
            last = concerned_by_refusal(connection, push, registry.find_registration(*of))
            pruned = prune and registry.prune_token(*of, push.accepted)
            if pruned:
                self._bury(connection, push.token, last)
            return last, pruned

        def done(result: tuple[int, bool]) -> None:
            last, pruned = result
            if pruned:
                self._log.event(
                    "token.pruned",
                    app=self._app,
                    token_ref=token_ref(push.token),
                    reason=reason,
                )
            then(last)

        self._outbox.later(work, done)

    def _bury(self, connection: Connection, token: str, last: int) -> None:
        dead_tokens.remember(connection, self._app_id, token, last, "dead_token", clock.now())

    def retry(self, push: Push, reason: str, delay: float, *, in_doubt: bool) -> None:
        """It will be dispatched again, in `delay` seconds or later. `in_doubt`: nobody knows
        whether the push service has taken it; otherwise it has not.
        """
        if not in_doubt:
            self._outbox.push_not_taken(push)
        self._log.event(
            "push.retry",
            push=push.id,
            provider=self._provider,
            reason=reason,
            delay=round(delay, 6),
        )

    def given_up(self, push: Push) -> None:
        """It was written so often that it is not written again, and nobody knows its outcome."""
        self._outbox.push_done(push)
        self._log.trouble(
            "push.unresolved", push=push.id, provider=self._provider, writes=push.writes
        )

    def expired(self, push: Push) -> None:
        """It was still waiting at the end of its time."""
        self._outbox.push_done(push)
        self._log.event("push.expired", push=push.id)

    def abandoned(self, push: Push) -> None:
        """Nobody will look after it any more, whatever becomes of it (recovery `none`)."""
        self._outbox.push_done(push)
        self._log.event("push.abandoned", push=push.id, provider=self._provider)

    def lost(self, push: Push) -> None:
        """It was written to a connection that was known to discard everything."""
        self._log.trouble("push.lost", push=push.id, provider=self._provider)

    def replaced(self, push: Push, canonical: str) -> None:
        """The push service knows the token's installation under a newer id."""
        old = push.token

        def work(connection: Connection) -> bool:
            return registry.replace_token(connection, self._app_id, old, canonical)

        def then(replaced: bool) -> None:
            if replaced:
                self._log.event(
                    "token.replaced",
                    app=self._app,
                    token_ref=token_ref(old),
                    canonical_ref=token_ref(canonical),
                )

        self._outbox.later(work, then)

    def connected(self, connection: str) -> None:
        """A connection to the push service stands."""
        self._log.event(
            "provider.connected", app=self._app, provider=self._provider, connection=connection
        )

    def closed(self, connection: str | None, reason: str) -> None:
        """A connection ended, or (`connection` None) could not be made."""
        self._log.event(
            "provider.closed",
            app=self._app,
            provider=self._provider,
            connection=connection,
            reason=reason,
        )
