"""The link to APNs as the gateway of 2013 had it: write and forget.

Every frame carries identifier 0, so an error packet cannot be matched to a push. Nothing is sent
again: what was written behind a bad push on the same connection is lost. AirNotifier only logged
the packet and went on writing until the server closed; what is written in that time is known to be
lost and is logged so. Reconnecting uses the back-off of this gateway, not the endless immediate
attempts of that one.

This exists to show, in the same deployment, what recovery is worth.
"""

from server.airnotifier.providers.apns.connection import Connection
from server.airnotifier.providers.apns.frames import ErrorPacket
from server.airnotifier.providers.apns.link import Link
from server.airnotifier.push import Push


class ForgetfulLink(Link):
    """A link without identifiers and without replay."""

    _verdict: str | None = None
    """The reason of the error packet that has poisoned the connection."""
    _doomed: tuple[Push, ...] = ()

    def connection_made(self, connection: Connection) -> None:
        """A new connection starts clean."""
        self._verdict = None
        super().connection_made(connection)

    def packet_received(self, connection: Connection, packet: ErrorPacket) -> None:
        """Something was bad; nobody knows what."""
        self._verdict = packet.reason
        self._window.clear()

    def connection_closed(self, connection: Connection, reason: str) -> None:
        """Whatever was under way keeps its unknown fate."""
        if connection is not self._connection:
            return
        self._detach(self._verdict or reason)
        unknown = len(self._window.clear()) > 0
        self._rest(self._backoff.next() if unknown else 0.0)

    def _next_identifier(self) -> int:
        return 0

    def _note(self, push: Push) -> None:
        self._outcomes.abandoned(push)
        if self._verdict is None:
            self._window.add(push)
        else:
            self._doomed += (push,)

    def _fill(self) -> None:
        super()._fill()
        for push in self._doomed:
            self._outcomes.lost(push)
        self._doomed = ()
