"""The binary gateway on port 2195: one protocol object per provider connection.

    OPEN      frame good         -> push core, in order; nothing is answered
              bad, command 1, 2  -> POISONED; after reject_delay the error packet, in one write
              bad, command 0     -> POISONED; no packet
              unparseable        -> POISONED; no packet (`modern_protocol_error`: code 128)
    POISONED  everything that arrives is thrown away, valid notifications too; closed after
              close_delay

"After" the bad notification means stream order, not time: what already waits in the receive buffer
is lost as well. Other connections of the same certificate are not affected. Sources: Apple,
"Binary Provider API"; Technical Note TN2265. The order of the checks is not documented; see
`rejection`.
"""

import asyncio
import json
import socket
import struct
from collections.abc import Callable
from enum import Enum
from random import Random

from sim.vendors.apns.certificates import Environment, provider_identity
from sim.vendors.apns.core import PushCore
from sim.vendors.apns.frames import (
    NO_IDENTIFIER,
    PRIORITIES,
    PRIORITY_IMMEDIATE,
    Frame,
    FrameDecoder,
    Status,
    Unparseable,
    error_packet,
)
from sim.vendors.apns.limits import ConnectionLimiter
from sim.vendors.apns.registry import TOKEN_LENGTH, AppToken, topic_hash
from sim.vendors.seams import peer_name, token_ref

DISCARDED_NAMED = 10_000
"""Notifications whose tokens one `vendor.discarded` names: a peer may go on writing for as long as
`close_delay` lets it."""

LINGER_ZERO = struct.pack("ii", 1, 0)
"""struct linger: on, for zero seconds."""


class State(Enum):
    """Of a provider connection."""

    OPEN = "open"
    POISONED = "poisoned"
    CLOSED = "closed"


class ProviderGateway:
    """What all provider connections share."""

    def __init__(self, core: PushCore, environment: Environment, rng: Random) -> None:
        self.core = core
        self.environment = environment
        self.rng = rng
        self.limiter = ConnectionLimiter()
        self.doorkeeper = core.doorkeeper()
        self.connections: dict[ProviderConnection, None] = {}

    def __call__(self) -> "ProviderConnection":
        return ProviderConnection(self)

    @property
    def open_connections(self) -> list["ProviderConnection"]:
        """Those that take notifications."""
        return [connection for connection in self.connections if connection.is_open]


class ProviderConnection(asyncio.Protocol):
    """One provider connection: reads notifications, is silent unless one is bad."""

    __slots__ = (
        "_accepted",
        "_decoder",
        "_discarded",
        "_discarded_frames",
        "_discarded_refs",
        "_gateway",
        "_has_frames",
        "_last_identifier",
        "_peer",
        "_reason",
        "_slow",
        "_state",
        "_timer",
        "_topic",
        "_transport",
    )

    def __init__(self, gateway: ProviderGateway) -> None:
        self._gateway = gateway
        self._decoder = FrameDecoder()
        self._state = State.OPEN
        self._accepted = 0
        self._last_identifier = NO_IDENTIFIER
        self._discarded = 0
        self._discarded_frames = 0
        self._discarded_refs: list[str] = []
        self._has_frames = True
        self._peer = ""
        self._reason = "peer"
        self._topic: bytes | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._slow: asyncio.TimerHandle | None = None
        """Runs while a notification is incomplete."""
        self._transport: asyncio.Transport | None = None

    def __repr__(self) -> str:
        return f"<ProviderConnection {self._peer} [{self._state.name}, accepted={self._accepted}]>"

    @property
    def is_open(self) -> bool:
        """Whether it takes notifications."""
        return self._state is State.OPEN

    # -- called by the transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._peer = peer_name(transport.get_extra_info("peername"))
        sock = transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        gateway = self._gateway
        if not gateway.doorkeeper.admits(self, transport.get_extra_info("peername")):
            self._state = State.CLOSED
            transport.abort()
            return
        gateway.connections[self] = None
        gateway.core.statistics.connections_opened += 1
        ssl_object = transport.get_extra_info("ssl_object")
        der = ssl_object.getpeercert(binary_form=True) if ssl_object is not None else None
        identity = provider_identity(der) if der else None
        topic = identity.topic if identity is not None else None
        gateway.core.emit("vendor.connected", peer=self._peer, topic=topic)
        if identity is None or gateway.environment not in identity.environments:
            self._close("certificate")
            return
        if not self._is_admitted(topic):
            self._close("reconnect limit")
            return
        self._topic = topic_hash(topic) if topic else None

    def data_received(self, data: bytes) -> None:
        if self._state is not State.OPEN:
            self._discarded += len(data)
            if self._has_frames:
                self._decoder.feed(data)
                self._count_discarded()
            return
        self._decoder.feed(data)
        while self._state is State.OPEN:
            frame = self._decoder.next_frame()
            if frame is None:
                break
            self._stop_waiting()
            if isinstance(frame, Unparseable):
                self._refuse_stream(frame)
            else:
                self._take(frame)
        if self._slow is None and self.is_open and self._decoder.buffered:
            patience = self._gateway.doorkeeper.patience
            self._slow = asyncio.get_running_loop().call_later(patience, self._lose_patience)

    def connection_lost(self, exc: Exception | None) -> None:
        self._gateway.doorkeeper.leave(self)
        self._stop_timer()
        self._stop_waiting()
        if self not in self._gateway.connections:  # refused
            return
        core = self._gateway.core
        del self._gateway.connections[self]
        if self._discarded:
            core.statistics.discarded_bytes += self._discarded
            core.statistics.discarded += self._discarded_frames
            core.emit(
                "vendor.discarded",
                peer=self._peer,
                bytes=self._discarded,
                notifications=self._discarded_frames,
                token_refs=",".join(self._discarded_refs),
            )
        reason = "lost" if exc is not None and self._reason == "peer" else self._reason
        core.emit("vendor.closed", peer=self._peer, reason=reason)
        self._state = State.CLOSED

    def _is_admitted(self, topic: str | None) -> bool:
        gateway = self._gateway
        limit = gateway.core.settings.reconnect_limit
        if limit is None:
            return True
        source = f"{self._peer.rpartition(':')[0]} {topic}"
        if gateway.limiter.admits(source, asyncio.get_running_loop().time(), limit):
            return True
        gateway.core.overrides.note("reconnect_limit")
        return False

    # -- notifications

    def _take(self, frame: Frame) -> None:
        core = self._gateway.core
        verdict = rejection(frame, self._topic, core)
        if isinstance(verdict, Status):
            core.statistics.rejected += 1
            core.emit(
                "vendor.rejected",
                token_ref=token_ref(frame.token.hex()),
                reason=verdict.name.lower(),
                peer=self._peer,
                identifier=_identifier(frame),
            )
            self._poison(
                None if frame.command == 0 else self._packet(verdict, frame.identifier),
                self._reject_delay(),
                "rejected",
            )
            return
        notification = core.accept(verdict, frame.payload, frame.expiry)
        core.emit(
            "vendor.accepted",
            nid=notification.nid,
            token_ref=token_ref(frame.token.hex()),
            peer=self._peer,
            identifier=_identifier(frame),
        )
        self._accepted += 1
        self._last_identifier = frame.identifier
        core.forward(notification)
        settings = core.settings
        if settings.shutdown_after is not None and self._accepted >= settings.shutdown_after:
            core.overrides.note("shutdown_after")
            self.shut_down()
        elif settings.close_after is not None and self._accepted >= settings.close_after:
            core.overrides.note("close_after")
            self.close_silently()

    def _refuse_stream(self, fault: Unparseable) -> None:
        self._gateway.core.statistics.rejected += 1
        if self._gateway.core.settings.modern_protocol_error:
            delay = self._reject_delay()
            packet = self._packet(Status.PROTOCOL_ERROR, fault.identifier)
            self._poison(packet, delay, "unparseable")
        else:
            self._poison(None, 0.0, "unparseable")

    def shut_down(self) -> None:
        """Code 10: the server closes for its own reasons and names what it accepted last."""
        if self._state is State.OPEN:
            self._poison(error_packet(Status.SHUTDOWN, self._last_identifier), 0.0, "shutdown")

    def close_silently(self) -> None:
        """The server closes for its own reasons and says nothing."""
        if self._state is State.OPEN:
            self._discarded += self._decoder.buffered
            self._count_discarded()
            self._close("silence")

    def _packet(self, status: Status, identifier: bytes) -> bytes | None:
        core, rng = self._gateway.core, self._gateway.rng
        settings = core.settings
        if settings.no_error_packet and rng.random() < settings.no_error_packet:
            core.overrides.note("no_error_packet")
            return None
        if settings.wrong_identifier and rng.random() < settings.wrong_identifier:
            core.overrides.note("wrong_identifier")
            identifier = rng.randbytes(4)
        return error_packet(status, identifier)

    def _reject_delay(self) -> float:
        core = self._gateway.core
        core.overrides.note("reject_delay")
        return core.settings.reject_delay.sample(self._gateway.rng)

    # -- the way to the end

    def _poison(self, packet: bytes | None, delay: float, reason: str) -> None:
        self._state = State.POISONED
        self._reason = reason
        self._discarded += self._decoder.buffered
        self._count_discarded()
        self._later(delay, lambda: self._say_and_wait(packet))

    def _say_and_wait(self, packet: bytes | None) -> None:
        if packet is not None:
            self._open_transport().write(packet)
        core = self._gateway.core
        core.overrides.note("close_delay")
        self._later(core.settings.close_delay, self._finish)

    def _finish(self) -> None:
        transport = self._open_transport()
        if self._gateway.core.settings.close_style == "rst":
            # The socket is closed with a RST whether or not there are unread bytes.
            transport.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, LINGER_ZERO
            )
            transport.abort()
        else:
            transport.close()

    def _count_discarded(self) -> None:
        """Count the notifications that nobody looks at and remember whom they were for; none behind
        what cannot be parsed."""
        while isinstance(frame := self._decoder.next_frame(), Frame):
            self._discarded_frames += 1
            if len(self._discarded_refs) < DISCARDED_NAMED:
                self._discarded_refs.append(token_ref(frame.token.hex()))
        if frame is not None:
            self._has_frames = False
            self._decoder = FrameDecoder()

    def _close(self, reason: str) -> None:
        self._state = State.POISONED
        self._reason = reason
        self._open_transport().close()

    def _later(self, delay: float, action: Callable[[], None]) -> None:
        self._timer = asyncio.get_running_loop().call_later(delay, action)

    def _lose_patience(self) -> None:
        """The rest of a notification does not come: nobody can say what it is about."""
        self._slow = None
        if self.is_open:
            self._discarded += self._decoder.buffered
            self._close("slow")

    def _stop_waiting(self) -> None:
        if self._slow is not None:
            self._slow.cancel()
            self._slow = None

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _open_transport(self) -> asyncio.Transport:
        assert self._transport is not None
        return self._transport

    def abort(self) -> None:
        """End the connection at once: the service stops."""
        self._reason = "stopped"
        self._open_transport().abort()


def rejection(frame: Frame, topic: bytes | None, core: PushCore) -> Status | AppToken:
    """The status that a bad notification gets, or the app and device that a good one is for.

    Removed apps are no reason: their notifications are accepted and found undeliverable later.
    """
    if not frame.token:
        return Status.MISSING_DEVICE_TOKEN
    if len(frame.token) != TOKEN_LENGTH:
        return Status.INVALID_TOKEN_SIZE
    if not frame.payload:
        return Status.MISSING_PAYLOAD
    if len(frame.payload) > core.settings.legacy_payload_limit:
        return Status.INVALID_PAYLOAD_SIZE
    if topic is None:
        return Status.MISSING_TOPIC
    app = core.registry.find(frame.token)
    if app is None or app.topic != topic:
        return Status.INVALID_TOKEN
    if frame.priority not in PRIORITIES:
        return Status.PROCESSING_ERROR
    if frame.command == 2 and frame.priority == PRIORITY_IMMEDIATE and _is_silent(frame.payload):
        return Status.PROCESSING_ERROR
    return app


def _is_silent(payload: bytes) -> bool:
    """Only `content-available`: such a notification may not ask for priority 10 (Apple)."""
    if b"content-available" not in payload:
        return False
    try:
        aps = json.loads(payload)["aps"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return False
    return isinstance(aps, dict) and not {"alert", "sound", "badge"} & aps.keys()


def _identifier(frame: Frame) -> int | None:
    """As an unsigned number, for the trace; command 0 has none."""
    return int.from_bytes(frame.identifier, "big") if frame.command else None
