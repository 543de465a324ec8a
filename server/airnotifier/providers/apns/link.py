"""A lasting link to the APNs gateway: connection after connection, and nothing forgotten.

The link takes pushes from the backlog, keeps them in a window until silence confirms them, and
puts them back in order when a connection ends:

* error packet: everything before the named push is done, the named one is rejected, everything
  behind it goes out again on a new connection at once;
* status 10 (the server shuts down): the same, except that the named one was the last accepted;
* end without a word, or a packet about a push that is not in the window: everything unconfirmed
  goes out again after a back-off. Some of it may arrive twice; the other choice would be to lose
  it. `suspicion` keeps one bad push from causing this for ever.

Silence counts from the moment at which a push is known to have arrived, so a network that swallows
everything confirms nothing (where the system does not tell what has arrived: from the moment at
which it left the process; see `tcp_progress`).

An error packet that is later than `confirm_after` finds its push already confirmed: that is taken
back. The limit that no client can lift is a connection that ends without the packet.
"""

import asyncio
import enum
import ssl
import struct
from collections.abc import Callable
from dataclasses import dataclass

from server import clock
from server.airnotifier.backoff import Backoff
from server.airnotifier.departures import Departures
from server.airnotifier.outcomes import Outcomes
from server.airnotifier.providers.apns.arrivals import Arrivals
from server.airnotifier.providers.apns.connection import Connection
from server.airnotifier.providers.apns.frames import INVALID_TOKEN, ErrorPacket, encode
from server.airnotifier.providers.apns.pace import Pace
from server.airnotifier.providers.apns.suspicion import PROBE, Suspicion
from server.airnotifier.providers.apns.window import Window
from server.airnotifier.push import Push
from server.airnotifier.settings import ApnsSettings

FRAMES_PER_WRITE = 64
CONFIRMATION_STEPS = 20
"""What has arrived is confirmed after `confirm_after` and at most 1/20 of it, instead of one timer
for each push."""
LOOKS_PER_STEP = 2
"""How often the kernel is asked meanwhile what has arrived."""


class State(enum.Enum):
    """What a link is doing."""

    IDLE = "idle"
    CONNECTING = "connecting"
    PROBING = "probing"
    OPEN = "open"
    WAITING = "waiting"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where to connect, and as whom."""

    host: str
    port: int
    tls: ssl.SSLContext


class Link:
    """One of an application's connections to APNs, with recovery."""

    def __init__(
        self,
        name: str,
        endpoint: Endpoint,
        settings: ApnsSettings,
        departures: Departures,
        outcomes: Outcomes,
        pace: Pace,
    ) -> None:
        self.name = name
        self.state = State.IDLE
        self._endpoint = endpoint
        self._settings = settings
        self._departures = departures
        self._pace = pace
        self._outcomes = outcomes
        self._window = Window(settings.window)
        self._arrivals = Arrivals()
        self._suspicion = Suspicion(settings.window)
        self._backoff = Backoff(settings.backoff_initial, settings.backoff_max)
        self._connection: Connection | None = None
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._confirmation: asyncio.TimerHandle | None = None
        self._arrive_by = float("inf")
        """After that moment (monotonic) nothing is expected to arrive any more."""
        self._settled: asyncio.Future[None] | None = None
        """Done when a link that is closing has nothing left to wait for."""

    def __repr__(self) -> str:
        return f"<Link {self.name} [{self.state.name}] {self._window!r}>"

    # What the provider asks for

    def wake(self) -> None:
        """Send what can be sent; connect if there is something to send."""
        if self.state is State.OPEN:
            self._fill()
        elif self.state is State.IDLE and self._departures.waiting:
            wait = self._pace.wait(clock.monotonic())
            if wait:
                self._rest(wait)
            else:
                self._connect()

    async def close(self) -> None:
        """Write nothing more, wait until silence has confirmed what is under way, disconnect.

        What has not arrived after `confirm_after` is not waited for any longer; what has arrived by
        then gets its silence.
        """
        self.state = State.CLOSED
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        connection = self._connection
        if connection is None:
            return
        if len(self._window):
            self._arrive_by = clock.monotonic() + self._settings.confirm_after
            self._plan_confirmation()
            self._settled = asyncio.get_running_loop().create_future()
            await asyncio.wait(
                [connection.ended, self._settled], return_when=asyncio.FIRST_COMPLETED
            )
        connection.close()
        await asyncio.wait([connection.ended], timeout=1.0)
        if self._connection is connection:
            # The path is dead. What comes of it later is no business of a link that is closed: the
            # outbox still has what is unconfirmed, and the next process sends it.
            self._detach("stopped")
            connection.abort()

    # What the connection tells

    def connection_made(self, connection: Connection) -> None:
        """The TLS session stands."""
        self._connection = connection
        self._window = Window(self._settings.window)
        self._arrivals = Arrivals()
        self._outcomes.connected(connection.name)
        if self._suspicion.active:
            self.state = State.PROBING
            self._after(PROBE, self._start_writing)
        else:
            self._start_writing()

    def packet_received(self, connection: Connection, packet: ErrorPacket) -> None:
        """The server names a push, and discards what follows."""
        if connection is not self._connection:
            return
        self._detach(packet.reason)
        connection.abort()
        settlement = self._window.settle(packet)
        for push in settlement.recalled:
            self._outcomes.recalled(push)
        for push in settlement.confirmed:
            self._outcomes.completed(push)
        if settlement.rejected is not None:
            self._rejected(settlement.rejected, packet)
        if not settlement.understood:
            self._ended_silently(settlement.replay)
        elif settled := len(settlement.confirmed) + (settlement.rejected is not None):
            self._progress(settled)
            self._send_again(settlement.replay, packet.reason, 0.0, in_doubt=False)
        else:
            delay = self._backoff.next()
            self._send_again(settlement.replay, packet.reason, delay, in_doubt=False)

    def connection_closed(self, connection: Connection, reason: str) -> None:
        """The connection ended, and it was not us."""
        if connection is not self._connection:
            return
        was_probing = self.state is State.PROBING
        self._detach(reason)
        unconfirmed = self._window.clear()
        if unconfirmed:
            self._ended_silently(unconfirmed)
        elif was_probing:
            self._rest(self._backoff.next())
        else:
            self._rest(0.0)

    # Connecting

    def _connect(self) -> None:
        self.state = State.CONNECTING
        self._pace.note(clock.monotonic())
        loop = asyncio.get_running_loop()
        self._task = loop.create_task(self._dial(), name=f"airnotifier-dial:{self.name}")

    async def _dial(self) -> None:
        endpoint = self._endpoint
        try:
            async with asyncio.timeout(self._settings.connect_timeout):
                await asyncio.get_running_loop().create_connection(
                    lambda: Connection(self),
                    endpoint.host,
                    endpoint.port,
                    ssl=endpoint.tls,
                    server_hostname=endpoint.host,
                )
        except OSError as error:
            if self.state is State.CONNECTING:
                self._outcomes.closed(None, type(error).__name__)
                self._rest(self._backoff.next())
        finally:
            self._task = None

    def _detach(self, reason: str) -> None:
        assert self._connection is not None
        self._outcomes.closed(self._connection.name, reason)
        self._connection = None
        for timer in (self._timer, self._confirmation):
            if timer is not None:
                timer.cancel()
        self._timer = self._confirmation = None

    def _rest(self, delay: float) -> None:
        """Without a connection: be ready for the next one after `delay` seconds."""
        if self.state is State.CLOSED:
            return
        self.state = State.WAITING
        self._after(delay, self._rested)

    def _rested(self) -> None:
        self.state = State.IDLE
        self.wake()

    def _after(self, delay: float, action: Callable[[], None]) -> None:
        self._timer = asyncio.get_running_loop().call_later(delay, action)

    # Sending, and sending again

    def _start_writing(self) -> None:
        self.state = State.OPEN
        self._fill()

    def _fill(self) -> None:
        connection = self._connection
        assert connection is not None
        frames: list[bytes] = []
        while connection.writable and (room := self._room()) > 0:
            if self._departures.peek(room) is None:
                break
            push = self._departures.pop()
            identifier = self._next_identifier()
            try:
                token = bytes.fromhex(push.token)
                frame = encode(identifier, push.expires, token, push.payload.encode())
            except (ValueError, struct.error):
                self._outcomes.rejected(push, "not_encodable")
                continue
            self._note(push)
            self._outcomes.dispatched(push, connection.name, identifier)
            frames.append(frame)
            if len(frames) == FRAMES_PER_WRITE:
                connection.write(frames)
                frames = []
        if frames:
            connection.write(frames)
        self._look()
        self._plan_confirmation()

    def _room(self) -> int:
        """How many pushes may be written now."""
        return 0 if self._window.exhausted else self._suspicion.allowance - len(self._window)

    def _next_identifier(self) -> int:
        """The identifier of the next frame."""
        return self._window.next

    def _note(self, push: Push) -> None:
        """Remember a push that is being written."""
        self._window.add(push)

    def _ended_silently(self, unconfirmed: list[Push]) -> None:
        culprit = self._suspicion.silent_end(unconfirmed)
        if culprit is not None:
            self._outcomes.rejected(culprit, "connection_closed")
            unconfirmed = [push for push in unconfirmed if push is not culprit]
            self._progress(1)
        delay = self._backoff.next()
        self._send_again(unconfirmed, "connection_closed", delay, in_doubt=True)

    def _rejected(self, push: Push, packet: ErrorPacket) -> None:
        if packet.status == INVALID_TOKEN:
            prune = self._settings.prune_invalid_tokens
            self._departures.refuse(push, packet.reason, prune=prune)
        else:
            self._outcomes.rejected(push, packet.reason)

    def _send_again(self, pushes: list[Push], reason: str, delay: float, *, in_doubt: bool) -> None:
        for push in pushes:
            self._outcomes.retry(push, reason, delay, in_doubt=in_doubt)
        self._departures.put_back(pushes)
        self._rest(delay)

    # Confirmation by silence

    def _look(self) -> None:
        connection = self._connection
        if connection is None or not len(self._window):
            return
        if connection.writable and not connection.unsent:
            # Only then the kernel's count is about all that was written.
            self._arrivals.look(clock.monotonic(), self._window.next, connection.progress())

    def _plan_confirmation(self) -> None:
        """Come back when silence has lasted for the first that arrived, or when there may be
        something new to see.
        """
        if not len(self._window):
            return
        now, step = clock.monotonic(), self._settings.confirm_after / CONFIRMATION_STEPS
        due = float("inf")
        if self._arrivals.oldest is not None:
            # A timer may be early by what its clock rounds.
            due = self._arrivals.oldest + self._settings.confirm_after + step / 10
        if not self._arrivals.has_all(self._window.next):
            due = min(due, now + step / LOOKS_PER_STEP)
        loop = asyncio.get_running_loop()
        when = loop.time() + max(due - now, 0.0)
        if self._confirmation is not None:
            if self._confirmation.when() <= when:
                return
            self._confirmation.cancel()
        self._confirmation = loop.call_at(when, self._confirm_and_fill)

    def _confirm_and_fill(self) -> None:
        self._confirmation = None
        self._confirm()
        connection = self._connection
        if connection is None:
            return
        if self._settled is not None:
            overdue = clock.monotonic() >= self._arrive_by and self._arrivals.oldest is None
            if not overdue and len(self._window):
                self._plan_confirmation()
            elif not self._settled.done():
                self._settled.set_result(None)
        elif self._window.exhausted and not len(self._window):
            self._detach("identifiers used up")
            connection.close()
            self._rest(0.0)
        elif self.state is State.OPEN:
            self._fill()
        else:
            self._plan_confirmation()

    def _confirm(self) -> None:
        self._look()
        confirmed = self._window.confirm(
            self._arrivals.known_since(clock.monotonic() - self._settings.confirm_after)
        )
        for push in confirmed:
            self._outcomes.completed(push)
        if confirmed:
            self._progress(len(confirmed))

    def _progress(self, settled: int) -> None:
        self._suspicion.progress(settled)
        self._backoff.reset()
