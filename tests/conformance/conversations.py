"""A conversation: a program for the two ends of one connection, and what each of them was told.

The program is a list of steps; in a step one end does one to four things in one turn of the loop,
and then nothing happens until both ends are quiet. So a real kernel has one answer, too, except
where it depends on how much the buffers of a socket hold. There the account says `UNSURE`:

* what waits in a writer's buffer, once more than a trifle and less than a flood is under way;
* how much has arrived of what an end sent that then gave up sending.

Each end also has a temper: what it does within a callback, the first time it is called.
"""

import asyncio
import contextlib
import logging
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.conformance.both_loops import SERVER_NAME, Main, Place, client_tls, server_tls

UNSURE = "unsure"
TRIFLE = 8 * 1024
"""Bytes that every buffer takes in, and that arrive as one piece."""
FLOOD = 3 * 1024 * 1024
"""Bytes of one write that no buffers hold, TLS's own included."""
_BRIMFUL = 2 * 1024 * 1024
"""More than this under way fills every buffer, with more left than a default high-water mark."""

Side = Literal["client", "server"]
Kind = Literal[
    "write", "write_eof", "pause_reading", "resume_reading", "close", "abort", "limits", "linger",
    "fail",
]  # fmt: skip


@dataclass(frozen=True)
class Op:
    """One call on a transport. `size`: bytes to write, or the high-water mark of `limits`."""

    kind: Kind
    size: int = 0

    def __repr__(self) -> str:
        return f"{self.kind}({self.size})" if self.kind in ("write", "limits") else self.kind


@dataclass(frozen=True)
class Temper:
    """What an end does in its callbacks. `fail` raises."""

    keep_open: bool = False
    on_data: Op | None = None
    on_eof: Op | None = None
    on_resume: Op | None = None


@dataclass(frozen=True)
class Step:
    """What one end does in one turn."""

    side: Side
    ops: tuple[Op, ...]


UPGRADE = "upgrade"
"""A step: both ends take up TLS, if the connection is open and quiet both ways."""


@dataclass(frozen=True)
class Conversation:
    tls: bool
    client: Temper
    server: Temper
    steps: tuple[Step | Literal["upgrade"], ...]


class Fault(Exception):
    """What a failing protocol raises."""


class Talker(asyncio.Protocol):
    """One end. Writes down its callbacks; bytes are counted and held against what was sent."""

    def __init__(self, temper: Temper, *, secured: bool) -> None:
        self.temper = temper
        self.transport: Any = None
        self.peer: Talker = self
        self.told: list[str] = []
        self.calls: list[str] = []
        self.sent = bytearray()
        self.received = bytearray()
        self.writing_paused = False
        self.lost = False
        self.heard_eof = False
        self.secured = secured
        """Whether it speaks TLS."""
        self.lingers = False
        """Its end is RST. Not with TLS: what TLS says at the end crosses the RST."""
        self.unsure_of_buffer = False
        self.unsure_of_arrival = False
        self._closed_brimful = False
        self._too_soon: set[str] = set()
        self._doubtful = False
        """Whether buffers have decided if its writing was paused."""
        self._reactions = {"data": temper.on_data, "eof": temper.on_eof, "resume": temper.on_resume}

    # -- what it does

    def do(self, op: Op) -> None:
        """Make the call and note what it raised."""
        if self.lost and self._closed_brimful:
            return  # asyncio's transport forgets that it is closed and raises AttributeError
        if self._comes_too_soon(op):
            return
        try:
            self._consider_ending(op)
            self._call(op)
        except (Exception, asyncio.CancelledError) as error:
            self.calls.append(f"{op.kind}: {type(error).__name__}")

    def _comes_too_soon(self, op: Op) -> bool:
        """Whether it meets an answer to the call before it, which is there at once on loopback and
        has to travel in a world: what follows a write to an end that is gone, a reset right behind
        bytes, abort() while the last words of TLS cross. Or whether buffers decide what it does.
        """
        if op.kind in self._too_soon:
            return True
        if self.peer.under_way > TRIFLE:
            if op.kind == "pause_reading":
                return True
            if self.secured and op.kind in ("close", "abort", "fail"):
                return True  # RST or not: how much has TLS taken out of the socket?
        if op.kind == "write" and op.size:
            if self.peer.transport.is_closing():
                self._too_soon |= {"write", "write_eof"}
                return op.size > TRIFLE
            if self.lingers:
                self._too_soon |= {"close", "abort"}
            return self._doubtful and bool(self.transport.is_closing())
        if op.kind == "linger":
            self._too_soon |= {"close", "abort"}
        if op.kind == "close" and self.secured:
            self._too_soon.add("abort")
        return False

    def _consider_ending(self, op: Op) -> None:
        if op.kind == "close" and not self.secured and self.waiting() > 0:
            self._closed_brimful = True
        elif op.kind in ("abort", "fail") and self.under_way > TRIFLE:
            self.unsure_of_arrival = True

    def _call(self, op: Op) -> None:
        transport = self.transport
        if op.kind == "write":
            self._doubtful = self._doubtful or op.size in range(TRIFLE, _BRIMFUL)
            before = len(self.sent)
            data = _letters(before, op.size)
            if not transport.is_closing() or self.waiting() > 0:
                self.sent += data  # ahead of the call: TLS may call back from within write()
            try:
                transport.write(data)
            except RuntimeError:
                del self.sent[before:]
                raise
        elif op.kind == "limits":
            self._doubtful = self._doubtful or self.under_way > TRIFLE
            transport.set_write_buffer_limits(high=op.size)
        elif op.kind == "linger":
            if transport.is_closing() or self.secured:
                return  # there may be no socket any more, or see `Talker.lingers`
            self.lingers = True
            transport.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
            )
        else:
            getattr(transport, op.kind)()

    def _react(self, event: str) -> None:
        op = self._reactions.get(event)
        if op is None or not self._is_sure_of(event):
            return
        del self._reactions[event]
        if op.kind == "fail" and self._comes_too_soon(op):
            return
        if op.kind == "fail":
            if event != "resume":  # that one does not end the connection
                self._consider_ending(op)
            raise Fault
        self.do(op)

    def _is_sure_of(self, event: str) -> bool:
        """Whether it is the same on every ground that this happens, and when."""
        if event == "data":
            return len(self.received) <= TRIFLE
        if event == "resume":
            return not (self._doubtful or self.transport.is_closing())
        return True

    # -- what it is told

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self._note("made")

    def _note(self, entry: str) -> None:
        assert not self.lost, f"{entry} after connection_lost"
        if entry != "data" or self.told[-1:] != ["data"]:
            self.told.append(entry)

    def data_received(self, data: bytes) -> None:
        assert data, "no bytes received"
        self.received += data
        self._note("data")
        self._react("data")

    def eof_received(self) -> bool:
        self.heard_eof = True
        self._note("eof")
        self._react("eof")
        if not self.temper.keep_open:
            self._consider_ending(Op("close"))
        return self.temper.keep_open

    def pause_writing(self) -> None:
        assert not self.writing_paused, "paused twice"
        self.writing_paused = True

    def resume_writing(self) -> None:
        assert self.writing_paused, "resumed without a pause"
        self.writing_paused = False
        self._react("resume")

    def connection_lost(self, exc: BaseException | None) -> None:
        self._note(f"lost: {type(exc).__name__}" if exc is not None else "lost")
        self.lost = True

    # -- what is said of it

    @property
    def under_way(self) -> int:
        """Bytes that its peer was not told of yet."""
        return len(self.sent) - len(self.peer.received)

    def waiting(self) -> int:
        """Bytes in its transport's buffer."""
        try:
            size: int = self.transport.get_write_buffer_size()
        except AttributeError:  # asyncio's transport of TLS, once it was closed twice
            return 0
        return size

    def _is_reading(self) -> bool:
        try:
            return bool(self.transport.is_reading())
        except AttributeError:
            return False

    def consider(self) -> None:
        """After each step: what can be said with certainty of this end's sending?"""
        if self.under_way == 0:
            self.unsure_of_buffer = self._doubtful = False
        elif self._doubtful or TRIFLE < self.under_way < _BRIMFUL:
            self.unsure_of_buffer = True
        if self.under_way > TRIFLE and (self.transport.is_closing() or self.peer.lost):
            self.unsure_of_arrival = True

    def account(self) -> dict[str, object]:
        """What it was told in this step and how it stands after it."""
        transport, unsure = self.transport, self.unsure_of_buffer
        told, self.told = self.told, []
        calls, self.calls = self.calls, []
        self._too_soon.clear()
        if self.lost:  # nobody asks the transport any more
            return {"told": told, "calls": calls, "received": self._arrived()}
        return {
            "told": told,
            "calls": calls,
            "received": self._arrived(),
            "closing": transport.is_closing(),
            "reading": self._is_reading(),
            "buffered": UNSURE if unsure else self.waiting() > 0,
            "asked to pause": UNSURE if unsure else self.writing_paused,
        }

    def _arrived(self) -> object:
        assert self.peer.sent.startswith(self.received), "other bytes than were sent"
        return UNSURE if self.peer.unsure_of_arrival else len(self.received)


def _letters(position: int, size: int) -> bytes:
    """Bytes that differ from place to place."""
    start = position % 251
    return (bytes(range(251)) * (size // 251 + 2))[start : start + size]


@dataclass
class Account:
    """For each step what both ends say of it, and what the loop complained of."""

    steps: list[dict[str, object]] = field(default_factory=list)

    def add(self, step: object, ends: dict[str, Talker], complaints: list[str]) -> None:
        for talker in ends.values():
            talker.consider()
        entry: dict[str, object] = {name: talker.account() for name, talker in ends.items()}
        self.steps.append({"step": repr(step), **entry, "complaints": list(complaints)})
        complaints.clear()


def conversation(program: Conversation) -> Main:
    """The program as a coroutine function that returns its account."""

    async def main(place: Place) -> list[dict[str, object]]:
        ends = {
            "client": Talker(program.client, secured=program.tls),
            "server": Talker(program.server, secured=program.tls),
        }
        with _complaints(place) as complaints:
            return await _converse(place, program, ends, complaints)

    return main


async def _converse(
    place: Place, program: Conversation, ends: dict[str, Talker], complaints: list[str]
) -> list[dict[str, object]]:
    client, server = ends["client"], ends["server"]
    client.peer, server.peer = server, client
    account = Account()

    def activity() -> object:
        return [
            (len(end.told), len(end.received), end.lost, end.waiting())
            for end in ends.values()
            if not end.lost
        ]

    listener, port = await place.listen(lambda: server, ssl=server_tls() if program.tls else None)
    secured: dict[str, Any] = {"ssl": client_tls(), "server_hostname": SERVER_NAME}
    await place.connect(lambda: client, port, **(secured if program.tls else {}))
    await place.quiet()
    while server.transport is None:
        await place.quiet()
    await place.quiet(activity)
    account.add("made", ends, complaints)
    for step in program.steps:
        if isinstance(step, Step):
            for op in step.ops:
                ends[step.side].do(op)
        elif not client.secured and all(_is_idle(end) for end in ends.values()):
            client.secured = server.secured = True
            await asyncio.gather(
                _upgrade(client, client_tls(), server_hostname=SERVER_NAME),
                _upgrade(server, server_tls(), server_side=True),
            )
        await place.quiet(activity)
        account.add(step, ends, complaints)
    for last in ("resume_reading", "close", "abort"):
        for end in ends.values():
            end.do(Op(last))  # type: ignore[arg-type]
            await place.quiet(activity)
            account.add(last, ends, complaints)
    assert client.lost
    assert server.lost
    listener.close()
    return account.steps


def _is_idle(end: Talker) -> bool:
    transport = end.transport
    return (
        not end.lost and not transport.is_closing() and transport.is_reading()
        and not end.lingers
        and end.under_way == 0 and not end.heard_eof
    )  # fmt: skip


async def _upgrade(end: Talker, context: Any, **options: Any) -> None:
    try:
        end.transport = await asyncio.get_running_loop().start_tls(
            end.transport, end, context, **options
        )
    except (OSError, RuntimeError, TypeError) as error:
        end.calls.append(f"start_tls: {type(error).__name__}")


@contextlib.contextmanager
def _complaints(place: Place) -> Iterator[list[str]]:
    """What reaches the loop's exception handler and asyncio's log meanwhile.

    Without the AttributeErrors of asyncio's transports, which lose a connection twice that is ended
    by its protocol while the last bytes go out.
    """
    complaints: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: complaints.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("asyncio")
    loop = asyncio.get_running_loop()

    def note(_loop: object, context: dict[str, Any]) -> None:
        if place.simulated or not isinstance(context.get("exception"), AttributeError):
            complaints.append(type(context.get("exception")).__name__)

    loop.set_exception_handler(note)
    logger.addHandler(handler)
    was_propagating, logger.propagate = logger.propagate, False
    try:
        yield complaints
    finally:
        logger.propagate = was_propagating
        logger.removeHandler(handler)
        loop.set_exception_handler(None)
