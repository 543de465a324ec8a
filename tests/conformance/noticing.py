"""When a protocol learns that its connection has ended: when asyncio looks at the socket.

Part of `transports.py`.
"""

import errno

import pytest

from tests.conformance.witness import MORE_THAN_BUFFERS_HOLD, MakePair, Witness, reset_on_abort


async def a_paused_reader_is_told_of_a_reset_after_what_came_before_it(make_pair: MakePair) -> None:
    async with make_pair(Witness(), Witness()) as pair:
        pair.client.transport.pause_reading()
        pair.server.transport.write(b"still to be read")
        reset_on_abort(pair.server)
        pair.server.transport.abort()
        await pair.settle()
        assert pair.client.log == ["made"]
        assert not pair.client.transport.is_closing()
        pair.client.transport.resume_reading()
        await pair.client.until_lost()
        assert pair.client.received == b"still to be read"
        assert isinstance(pair.client.error, ConnectionResetError)


async def a_paused_reader_is_told_of_a_reset_when_it_writes(make_pair: MakePair) -> None:
    async with make_pair(Witness(), Witness()) as pair:
        pair.client.transport.pause_reading()
        reset_on_abort(pair.server)
        pair.server.transport.abort()
        await pair.settle()
        assert pair.client.log == ["made"]
        pair.client.transport.write(b"anybody?")
        await pair.client.until_lost()
        assert isinstance(pair.client.error, ConnectionResetError)


async def a_reset_connection_cannot_be_half_closed(make_pair: MakePair) -> None:
    async with make_pair(Witness(), Witness()) as pair:
        pair.client.transport.pause_reading()
        reset_on_abort(pair.server)
        pair.server.transport.abort()
        await pair.settle()
        with pytest.raises(OSError) as caught:  # noqa: PT011 - it is the errno that counts
            pair.client.transport.write_eof()
        assert caught.value.errno == errno.ENOTCONN


async def after_the_end_of_file_only_a_write_finds_out(make_pair: MakePair) -> None:
    async with make_pair(Witness(keep_open=True), Witness()) as pair:
        pair.server.transport.close()
        await pair.client.until(lambda: "eof" in pair.client.log)
        pair.client.transport.write(b"answered with a reset")
        await pair.settle()
        assert pair.client.log == ["made", "eof"]
        pair.client.transport.write(b"refused")
        await pair.client.until_lost()
        assert isinstance(pair.client.error, BrokenPipeError)


async def the_end_of_file_is_told_again_when_reading_goes_on(make_pair: MakePair) -> None:
    async with make_pair(Witness(keep_open=True), Witness()) as pair:
        pair.server.transport.write_eof()
        await pair.client.until(lambda: "eof" in pair.client.log)
        pair.client.transport.pause_reading()
        pair.client.transport.resume_reading()
        await pair.settle()
        assert pair.client.log == ["made", "eof", "eof"]


async def a_write_after_close_joins_what_is_still_buffered(make_pair: MakePair) -> None:
    async with make_pair(Witness(), Witness()) as pair:
        pair.server.transport.pause_reading()
        pair.client.transport.write(bytes(MORE_THAN_BUFFERS_HOLD))
        pair.client.transport.close()
        pair.client.transport.write(b"late")
        await pair.settle()
        pair.server.transport.resume_reading()
        await pair.server.until_lost()
        assert len(pair.server.received) == MORE_THAN_BUFFERS_HOLD + 4
        await pair.client.until_lost()


async def what_comes_after_close_is_unread_and_resets(make_pair: MakePair) -> None:
    async with make_pair(Witness(), Witness()) as pair:
        pair.server.transport.pause_reading()
        pair.client.transport.write(bytes(MORE_THAN_BUFFERS_HOLD))
        pair.client.transport.close()
        await pair.settle()
        pair.server.transport.write(b"never read")
        await pair.settle()
        pair.server.transport.resume_reading()
        await pair.server.until_lost()
        assert isinstance(pair.server.error, ConnectionResetError)
        await pair.client.until_lost()


async def what_waits_is_read_in_one_go(make_pair: MakePair) -> None:
    pieces: list[bytes] = []

    class Counts(Witness):
        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            pieces.append(data)

    async with make_pair(Witness(), Counts()) as pair:
        pair.server.transport.pause_reading()
        for letter in (b"a", b"b", b"c"):
            pair.client.transport.write(letter)
            await pair.settle()
        pair.server.transport.resume_reading()
        await pair.server.until_received(3)
        assert pieces == [b"abc"]


CHECKS = (
    what_waits_is_read_in_one_go,
    a_paused_reader_is_told_of_a_reset_after_what_came_before_it,
    a_paused_reader_is_told_of_a_reset_when_it_writes,
    a_reset_connection_cannot_be_half_closed,
    after_the_end_of_file_only_a_write_finds_out,
    the_end_of_file_is_told_again_when_reading_goes_on,
    a_write_after_close_joins_what_is_still_buffered,
    what_comes_after_close_is_unread_and_resets,
)
