"""How connections end: end of file, close, abort, reset, and faults of a protocol.

Part of `transports.py`.
"""

import asyncio

import pytest

from tests.conformance.witness import MORE_THAN_BUFFERS_HOLD, MakePair, Witness, reset_on_abort


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
