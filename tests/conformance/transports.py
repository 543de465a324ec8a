"""What every transport of a stream connection must do, whoever made it.

`check_transport(make_pair)` needs only a factory of connected pairs, so that the same checks judge
the simulated network and real sockets (`test_transports.py` runs both). It is not about
establishing connections, time, or TLS.

What the simulated network does differently, knowingly, and where a check makes room for it:

* Bytes under way are limited by one window per direction; a real kernel buffers megabytes on both
  sides. The checks write more than either can hold.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable

import pytest

from tests.conformance import endings, noticing
from tests.conformance.witness import MORE_THAN_BUFFERS_HOLD, BufferedWitness, MakePair, Witness


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
    endings.half_close_leaves_the_other_direction_open,
    endings.a_write_after_write_eof_is_an_error,
    endings.end_of_file_closes_unless_the_protocol_keeps_it_open,
    endings.close_sends_what_is_buffered,
    endings.write_eof_and_close_after_a_full_buffer_both_flush,
    endings.abort_after_write_eof_still_ends_the_connection,
    endings.the_writer_may_end_it_when_it_is_resumed,
    endings.a_write_after_close_is_dropped,
    endings.close_with_unread_bytes_resets,
    endings.abort_drops_the_buffer_and_resets,
    endings.bytes_for_an_end_that_is_gone_are_answered_with_a_reset,
    endings.connection_lost_comes_once_and_nothing_after_it,
    endings.nothing_is_received_after_close,
    endings.both_ends_may_close_at_the_same_moment,
    nothing_arrives_while_reading_is_paused,
    reading_may_be_paused_in_connection_made,
    reading_may_be_paused_in_data_received,
    a_full_buffer_pauses_the_writer_until_it_drains,
    write_buffer_limits_follow_each_other,
    a_lower_limit_pauses_the_writer_at_once,
    a_buffered_protocol_gets_the_same_bytes,
    both_ends_know_their_names,
    socket_options_can_be_set,
    endings.a_failing_protocol_is_reported_and_loses_its_connection,
    endings.a_protocol_that_fails_when_made_is_reported,
    endings.a_protocol_may_close_in_connection_made,
    the_protocol_can_be_changed,
    *noticing.CHECKS,
)


async def check_transport(make_pair: MakePair) -> None:
    """Run all checks; each makes pairs of its own. `AssertionError` from the first that fails."""
    for check in CHECKS:
        await check(make_pair)
