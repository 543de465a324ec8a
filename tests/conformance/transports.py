"""What every transport of a stream connection must do, whoever made it.

`check_transport(make_pair)` needs only a factory of connected pairs, so that the same checks judge
the simulated network and real sockets (`test_transports.py` runs both). It is not about
establishing connections, time, or TLS.

What the simulated network does differently, knowingly, and where a check makes room for it:

* An RST ends a connection at once. On a real socket an end that does not read (paused, or kept
  open after the peer's end of file) notices at its next read or write, then as EPIPE.
* Bytes under way are limited by one window per direction; a real kernel buffers megabytes on both
  sides. The checks write more than either can hold.
"""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

import pytest

MORE_THAN_BUFFERS_HOLD = 24 * 1024 * 1024
"""Bytes that neither the simulated window nor the kernel's socket buffers can take in."""

LINGER_ZERO = struct.pack("ii", 1, 0)


class Witness(asyncio.Protocol):
    """A protocol that writes down its callbacks; runs of `data_received` become one entry."""

    def __init__(self, *, keep_open: bool = False) -> None:
        self.log: list[str] = []
        self.received = bytearray()
        self.error: BaseException | None = None
        self.keep_open = keep_open
        self.transport: Any = None
        self._waiters: list[tuple[Callable[[], bool], asyncio.Future[None]]] = []

    def note(self, entry: str) -> None:
        self.log.append(entry)
        for condition, waiter in self._waiters:
            if not waiter.done() and condition():
                waiter.set_result(None)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for a callback after which the condition holds."""
        if not condition():
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiters.append((condition, waiter))
            await waiter

    async def until_lost(self) -> None:
        await self.until(lambda: "lost" in self.log)

    async def until_received(self, size: int) -> None:
        await self.until(lambda: len(self.received) >= size)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.note("made")

    def data_received(self, data: bytes) -> None:
        self.received += data
        if self.log[-1] == "data":
            self.log.pop()
        self.note("data")

    def eof_received(self) -> bool:
        self.note("eof")
        return self.keep_open

    def pause_writing(self) -> None:
        self.note("pause")

    def resume_writing(self) -> None:
        self.note("resume")

    def connection_lost(self, exc: BaseException | None) -> None:
        self.error = exc
        self.note("lost")


class BufferedWitness(Witness, asyncio.BufferedProtocol):  # type: ignore[misc]
    """The same with a buffer of its own, smaller than what is sent."""

    def __init__(self) -> None:
        super().__init__()
        self._buffer = bytearray(1000)

    def get_buffer(self, sizehint: int) -> bytearray:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        super().data_received(bytes(self._buffer[:nbytes]))


@dataclass
class Pair:
    """Both ends of a connection. `settle()` returns when whatever is under way has arrived."""

    client: Any
    server: Any
    settle: Callable[[], Awaitable[None]]


MakePair = Callable[[Witness, Witness], AbstractAsyncContextManager[Pair]]
"""From the protocols of the client and the server to an open connection between them."""


def reset_on_abort(witness: Witness) -> None:
    witness.transport.get_extra_info("socket").setsockopt(
        socket.SOL_SOCKET, socket.SO_LINGER, LINGER_ZERO
    )


async def bytes_arrive_in_order(make_pair: MakePair) -> None:
    pieces = [bytes([number % 251]) * (number * 37 % 5000) for number in range(400)]
    async with make_pair(Witness(), Witness()) as pair:
        for piece in pieces:
            pair.client.transport.write(piece)
            pair.server.transport.write(piece[::-1])
        whole = b"".join(pieces)
        await pair.server.until_received(len(whole))
        await pair.client.until_received(len(whole))
        assert pair.server.received == whole
        assert pair.client.received == whole


async def writelines_and_all_kinds_of_bytes(make_pair: MakePair) -> None:
    async with make_pair(Witness(), Witness()) as pair:
        changing = bytearray(b"as it was")
        pair.client.transport.writelines([b"one ", bytearray(b"two "), memoryview(b"three ")])
        pair.client.transport.write(b"")
        pair.client.transport.write(changing)
        changing[:] = b"otherwise"
        await pair.server.until_received(23)
        assert pair.server.received == b"one two three as it was"


async def only_bytes_can_be_written(make_pair: MakePair) -> None:
    async with make_pair(Witness(), Witness()) as pair:
        for wrong in ("text", 5, None, [1]):
            with pytest.raises(TypeError):
                pair.client.transport.write(wrong)


async def half_close_leaves_the_other_direction_open(make_pair: MakePair) -> None:
    async with make_pair(Witness(), Witness(keep_open=True)) as pair:
        assert pair.client.transport.can_write_eof()
        pair.client.transport.write(b"question")
        pair.client.transport.write_eof()
        await pair.server.until(lambda: "eof" in pair.server.log)
        assert pair.server.received == b"question"
        pair.server.transport.write(b"answer")
        await pair.client.until_received(6)
        assert not pair.client.transport.is_closing()
        pair.server.transport.close()
        await pair.client.until_lost()
        await pair.server.until_lost()
        assert pair.client.log == ["made", "data", "eof", "lost"]
        assert pair.server.log == ["made", "data", "eof", "lost"]
        assert pair.client.error is None
        assert pair.server.error is None


async def a_write_after_write_eof_is_an_error(make_pair: MakePair) -> None:
    async with make_pair(Witness(), Witness(keep_open=True)) as pair:
        pair.client.transport.write_eof()
        pair.client.transport.write_eof()  # harmless
        with pytest.raises(RuntimeError, match="write_eof"):
            pair.client.transport.write(b"more")


async def end_of_file_closes_unless_the_protocol_keeps_it_open(make_pair: MakePair) -> None:
    async with make_pair(Witness(), Witness()) as pair:
        pair.client.transport.write_eof()
        await pair.server.until_lost()
        assert pair.server.log == ["made", "eof", "lost"]
        assert pair.server.transport.is_closing()
        await pair.client.until_lost()
        assert pair.client.error is None


async def close_sends_what_is_buffered(make_pair: MakePair) -> None:
    async with make_pair(Witness(), Witness()) as pair:
        pair.server.transport.pause_reading()
        payload = bytes(range(256)) * (MORE_THAN_BUFFERS_HOLD // 256)
        pair.client.transport.write(payload)
        pair.client.transport.close()
        assert pair.client.transport.is_closing()
        await pair.settle()
        assert "lost" not in pair.client.log
        pair.server.transport.resume_reading()
        await pair.client.until_lost()
        await pair.server.until_lost()
        assert pair.server.received == payload
        assert pair.server.log == ["made", "data", "eof", "lost"]
        assert pair.client.error is None


async def write_eof_and_close_after_a_full_buffer_both_flush(make_pair: MakePair) -> None:
    async with make_pair(Witness(), Witness()) as pair:
        pair.server.transport.pause_reading()
        pair.client.transport.write(bytes(MORE_THAN_BUFFERS_HOLD))
        pair.client.transport.write_eof()
        pair.client.transport.close()
        await pair.settle()
        pair.server.transport.resume_reading()
        await pair.server.until_lost()
        assert len(pair.server.received) == MORE_THAN_BUFFERS_HOLD
        assert pair.server.log == ["made", "data", "eof", "lost"]
        await pair.client.until_lost()


async def abort_after_write_eof_still_ends_the_connection(make_pair: MakePair) -> None:
    async with make_pair(Witness(), Witness()) as pair:
        pair.client.transport.write(bytes(MORE_THAN_BUFFERS_HOLD))
        pair.client.transport.write_eof()
        pair.client.transport.abort()
        await pair.client.until_lost()
        await pair.server.until_lost()
        assert len(pair.server.received) < MORE_THAN_BUFFERS_HOLD


class ClosesWhenResumed(Witness):
    def resume_writing(self) -> None:
        super().resume_writing()
        self.transport.abort()


async def the_writer_may_end_it_when_it_is_resumed(make_pair: MakePair) -> None:
    async with make_pair(ClosesWhenResumed(), Witness()) as pair:
        pair.client.transport.write(bytes(MORE_THAN_BUFFERS_HOLD))
        await pair.client.until_lost()
        await pair.server.until_lost()
        assert pair.client.log == ["made", "pause", "resume", "lost"]


async def a_write_after_close_is_dropped(make_pair: MakePair) -> None:
    async with make_pair(Witness(), Witness()) as pair:
        pair.client.transport.write(b"before")
        pair.client.transport.close()
        pair.client.transport.write(b"after")
        await pair.server.until_lost()
        assert pair.server.received == b"before"


async def close_with_unread_bytes_resets(make_pair: MakePair) -> None:
    async with make_pair(Witness(), Witness()) as pair:
        pair.client.transport.pause_reading()
        pair.server.transport.write(b"never read")
        await pair.settle()
        pair.client.transport.close()
        await pair.server.until_lost()
        assert isinstance(pair.server.error, ConnectionResetError)
        assert "eof" not in pair.server.log
        await pair.client.until_lost()
        assert pair.client.error is None


async def abort_drops_the_buffer_and_resets(make_pair: MakePair) -> None:
    async with make_pair(Witness(), Witness()) as pair:
        reset_on_abort(pair.client)
        pair.client.transport.write(bytes(MORE_THAN_BUFFERS_HOLD))
        pair.client.transport.abort()
        assert pair.client.transport.is_closing()
        assert "lost" not in pair.client.log  # never from within the call
        await pair.client.until_lost()
        await pair.server.until_lost()
        assert pair.client.error is None
        assert isinstance(pair.server.error, ConnectionResetError)
        assert len(pair.server.received) < MORE_THAN_BUFFERS_HOLD
        assert "eof" not in pair.server.log


async def bytes_for_an_end_that_is_gone_are_answered_with_a_reset(make_pair: MakePair) -> None:
    async with make_pair(Witness(), Witness(keep_open=True)) as pair:
        pair.client.transport.close()
        await pair.server.until(lambda: "eof" in pair.server.log)
        pair.server.transport.write(b"late")
        await pair.settle()
        pair.server.transport.write(b"later")  # at the latest now a real socket notices
        await pair.server.until_lost()
        assert isinstance(pair.server.error, ConnectionError)
        assert pair.client.received == b""
        assert pair.client.log == ["made", "lost"]


async def connection_lost_comes_once_and_nothing_after_it(make_pair: MakePair) -> None:
    async with make_pair(Witness(), Witness(keep_open=True)) as pair:
        for witness in (pair.client, pair.server):
            witness.transport.write(b"x" * 1000)
        pair.client.transport.close()
        pair.client.transport.close()
        pair.client.transport.abort()
        pair.client.transport.abort()
        await pair.client.until_lost()
        pair.client.transport.close()
        pair.client.transport.abort()
        pair.client.transport.resume_reading()
        pair.server.transport.write(b"y")
        await pair.settle()
        pair.server.transport.write(b"z")
        await pair.server.until_lost()
        await pair.settle()
        for witness in (pair.client, pair.server):
            assert witness.log.count("lost") == 1
            assert witness.log[-1] == "lost"


async def nothing_is_received_after_close(make_pair: MakePair) -> None:
    async with make_pair(Witness(), Witness()) as pair:
        pair.server.transport.write(b"crossing the close")
        pair.client.transport.close()
        await pair.settle()
        await pair.server.until_lost()
        assert pair.client.log == ["made", "lost"]


async def both_ends_may_close_at_the_same_moment(make_pair: MakePair) -> None:
    async with make_pair(Witness(), Witness()) as pair:
        pair.client.transport.close()
        pair.server.transport.close()
        await pair.client.until_lost()
        await pair.server.until_lost()
        await pair.settle()
        assert pair.client.log == pair.server.log == ["made", "lost"]
        assert pair.client.error is pair.server.error is None


async def nothing_arrives_while_reading_is_paused(make_pair: MakePair) -> None:
    async with make_pair(Witness(), Witness()) as pair:
        assert pair.server.transport.is_reading()
        pair.server.transport.pause_reading()
        pair.server.transport.pause_reading()  # harmless
        assert not pair.server.transport.is_reading()
        pair.client.transport.write(b"held ")
        await pair.settle()
        pair.client.transport.write(b"back")
        pair.client.transport.write_eof()
        await pair.settle()
        assert pair.server.log == ["made"]
        pair.server.transport.resume_reading()
        pair.server.transport.resume_reading()  # harmless
        await pair.server.until(lambda: "eof" in pair.server.log)
        assert pair.server.received == b"held back"


class PausesAtOnce(Witness):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.transport.pause_reading()


async def reading_may_be_paused_in_connection_made(make_pair: MakePair) -> None:
    async with make_pair(Witness(), PausesAtOnce()) as pair:
        pair.client.transport.write(b"too early")
        await pair.settle()
        assert pair.server.log == ["made"]
        assert not pair.server.transport.is_reading()
        pair.server.transport.resume_reading()
        await pair.server.until_received(9)


class PausesAfterEach(Witness):
    def data_received(self, data: bytes) -> None:
        self.transport.pause_reading()
        super().data_received(data)


async def reading_may_be_paused_in_data_received(make_pair: MakePair) -> None:
    async with make_pair(Witness(), PausesAfterEach()) as pair:
        for letter in (b"a", b"b", b"c"):
            pair.client.transport.write(letter)
            await pair.settle()
        assert pair.server.received == b"a"
        while len(pair.server.received) < 3:
            before = len(pair.server.received)
            pair.server.transport.resume_reading()
            await pair.server.until_received(before + 1)
        assert pair.server.received == b"abc"


async def a_full_buffer_pauses_the_writer_until_it_drains(make_pair: MakePair) -> None:
    async with make_pair(Witness(), Witness()) as pair:
        transport = pair.client.transport
        transport.set_write_buffer_limits(high=100_000, low=20_000)
        assert transport.get_write_buffer_limits() == (20_000, 100_000)
        pair.server.transport.pause_reading()
        written = 0
        while "pause" not in pair.client.log:
            assert transport.get_write_buffer_size() <= 100_000
            transport.write(bytes(50_000))
            written += 50_000
            if transport.get_write_buffer_size() == 0:
                await pair.settle()
        assert transport.get_write_buffer_size() > 100_000
        transport.write(bytes(50_000))
        written += 50_000
        assert pair.client.log.count("pause") == 1
        await pair.settle()
        assert "resume" not in pair.client.log
        pair.server.transport.resume_reading()
        await pair.client.until(lambda: "resume" in pair.client.log)
        assert transport.get_write_buffer_size() <= 20_000
        await pair.server.until_received(written)
        assert pair.client.log == ["made", "pause", "resume"]


async def write_buffer_limits_follow_each_other(make_pair: MakePair) -> None:
    async with make_pair(Witness(), Witness()) as pair:
        transport = pair.client.transport
        transport.set_write_buffer_limits(low=1000)
        assert transport.get_write_buffer_limits() == (1000, 4000)
        transport.set_write_buffer_limits(high=1000)
        assert transport.get_write_buffer_limits() == (250, 1000)
        transport.set_write_buffer_limits()
        assert transport.get_write_buffer_limits() == (16_384, 65_536)
        with pytest.raises(ValueError, match="must be >="):
            transport.set_write_buffer_limits(high=1, low=2)


async def a_lower_limit_pauses_the_writer_at_once(make_pair: MakePair) -> None:
    async with make_pair(Witness(), Witness()) as pair:
        transport = pair.client.transport
        pair.server.transport.pause_reading()
        transport.set_write_buffer_limits(high=MORE_THAN_BUFFERS_HOLD * 2)
        transport.write(bytes(MORE_THAN_BUFFERS_HOLD))
        assert "pause" not in pair.client.log
        transport.set_write_buffer_limits(high=0)
        assert pair.client.log == ["made", "pause"]


async def a_buffered_protocol_gets_the_same_bytes(make_pair: MakePair) -> None:
    async with make_pair(Witness(), BufferedWitness()) as pair:
        payload = bytes(range(256)) * 100
        pair.client.transport.write(payload)
        pair.client.transport.write_eof()
        await pair.server.until_lost()
        assert pair.server.received == payload
        assert pair.server.log == ["made", "data", "eof", "lost"]


async def both_ends_know_their_names(make_pair: MakePair) -> None:
    async with make_pair(Witness(), Witness()) as pair:
        ours, theirs = pair.client.transport, pair.server.transport
        assert ours.get_extra_info("peername") == theirs.get_extra_info("sockname")
        assert ours.get_extra_info("sockname") == theirs.get_extra_info("peername")
        address, port = ours.get_extra_info("peername")
        assert isinstance(address, str)
        assert isinstance(port, int)
        assert ours.get_extra_info("no such thing") is None
        assert ours.get_extra_info("no such thing", "default") == "default"
        assert ours.get_extra_info("ssl_object") is None
        ours.close()
        await pair.client.until_lost()
        assert ours.get_extra_info("peername") == (address, port)


async def socket_options_can_be_set(make_pair: MakePair) -> None:
    async with make_pair(Witness(), Witness()) as pair:
        sock = pair.client.transport.get_extra_info("socket")
        assert sock.family == socket.AF_INET
        assert sock.type == socket.SOCK_STREAM
        for level, option in (
            (socket.IPPROTO_TCP, socket.TCP_NODELAY),
            (socket.SOL_SOCKET, socket.SO_KEEPALIVE),
        ):
            sock.setsockopt(level, option, 1)
            again = pair.client.transport.get_extra_info("socket")
            assert again.getsockopt(level, option) == 1
        assert sock.getpeername() == pair.client.transport.get_extra_info("peername")


class Fails(Witness):
    def data_received(self, data: bytes) -> None:
        raise LookupError("a fault of the protocol")


async def a_failing_protocol_is_reported_and_loses_its_connection(make_pair: MakePair) -> None:
    reported: list[BaseException | None] = []
    loop = asyncio.get_running_loop()
    async with make_pair(Witness(), Fails()) as pair:
        loop.set_exception_handler(lambda _, context: reported.append(context.get("exception")))
        pair.client.transport.write(b"anything")
        await pair.server.until_lost()
        await pair.client.until_lost()
        assert [type(error) for error in reported] == [LookupError]
        assert isinstance(pair.server.error, LookupError)


class FailsWhenMade(Witness):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        raise LookupError("a fault of the protocol")


async def a_protocol_that_fails_when_made_is_reported(make_pair: MakePair) -> None:
    reported: list[BaseException | None] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: reported.append(context.get("exception")))
    async with make_pair(Witness(), FailsWhenMade()) as pair:
        await pair.settle()
        assert [type(error) for error in reported] == [LookupError]
        pair.client.transport.write(b"it goes on")  # as asyncio has it
        await pair.server.until_received(10)


class ClosesAtOnce(Witness):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.transport.write(b"goodbye")
        self.transport.close()


async def a_protocol_may_close_in_connection_made(make_pair: MakePair) -> None:
    async with make_pair(Witness(), ClosesAtOnce()) as pair:
        await pair.client.until_lost()
        assert pair.client.log == ["made", "data", "eof", "lost"]
        assert pair.client.received == b"goodbye"
        await pair.server.until_lost()
        assert pair.server.log == ["made", "lost"]


async def the_protocol_can_be_changed(make_pair: MakePair) -> None:
    async with make_pair(Witness(), Witness()) as pair:
        successor = Witness()
        successor.log.append("made")
        first = pair.server
        transport = first.transport
        transport.set_protocol(successor)
        assert transport.get_protocol() is successor
        pair.client.transport.write(b"for the second")
        pair.client.transport.close()
        await successor.until_lost()
        assert successor.received == b"for the second"
        assert first.log == ["made"]
        first.note("lost")  # for who takes the pair down and waits for both


Check = Callable[[MakePair], Awaitable[None]]

CHECKS: tuple[Check, ...] = (
    bytes_arrive_in_order,
    writelines_and_all_kinds_of_bytes,
    only_bytes_can_be_written,
    half_close_leaves_the_other_direction_open,
    a_write_after_write_eof_is_an_error,
    end_of_file_closes_unless_the_protocol_keeps_it_open,
    close_sends_what_is_buffered,
    write_eof_and_close_after_a_full_buffer_both_flush,
    abort_after_write_eof_still_ends_the_connection,
    the_writer_may_end_it_when_it_is_resumed,
    a_write_after_close_is_dropped,
    close_with_unread_bytes_resets,
    abort_drops_the_buffer_and_resets,
    bytes_for_an_end_that_is_gone_are_answered_with_a_reset,
    connection_lost_comes_once_and_nothing_after_it,
    nothing_is_received_after_close,
    both_ends_may_close_at_the_same_moment,
    nothing_arrives_while_reading_is_paused,
    reading_may_be_paused_in_connection_made,
    reading_may_be_paused_in_data_received,
    a_full_buffer_pauses_the_writer_until_it_drains,
    write_buffer_limits_follow_each_other,
    a_lower_limit_pauses_the_writer_at_once,
    a_buffered_protocol_gets_the_same_bytes,
    both_ends_know_their_names,
    socket_options_can_be_set,
    a_failing_protocol_is_reported_and_loses_its_connection,
    a_protocol_that_fails_when_made_is_reported,
    a_protocol_may_close_in_connection_made,
    the_protocol_can_be_changed,
)


async def check_transport(make_pair: MakePair) -> None:
    """Run all checks; each makes pairs of its own. `AssertionError` from the first that fails."""
    for check in CHECKS:
        await check(make_pair)
