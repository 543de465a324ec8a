"""A small HTTP/1.1 server on httptools, under the endpoints of the mock GCM.

It exists because answering is synchronous here: a request is read whole, answered at once, and the
answer perhaps sent later. That needs no task, no streams and a third of the time of a framework.

What it does: keep-alive and pipelining (RFC 9112, 9.3), HTTP/1.0, chunked bodies, HEAD,
`Expect: 100-continue`, limits for head and body, flow control in both directions, no answer to
what is malformed but 400 and the end of the connection. `Upgrade` is ignored, as RFC 9110 allows,
except on a request with a body: httptools takes that for the other protocol, so it gets 400.

Simplifications: compressed bodies are not unpacked; a body over the limit is read to its end
before it is refused, so that the refusal is not lost in a reset; a request that has begun has
so much time, however large it is (`sim.vendors.doorkeeper`).
"""

import asyncio
import contextlib
import socket
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import httptools

from sim.vendors.doorkeeper import Doorkeeper
from sim.vendors.gcm.http_messages import Request, Response, encode, error_page, path_of
from sim.vendors.seams import peer_name

MAX_HEAD = 65_536
"""Bytes kept of a request line and headers that do not end; more are answered with 431."""

MAX_BODY = 1 << 20
"""Bytes; more are answered with 413. A thousand registration ids are a fifth of it."""

IDLE_SECONDS = 3630.0
"""After which a connection without a request is closed (virtual or real seconds)."""


@dataclass(slots=True)
class _Turn:
    """What has to be answered next on a connection, or is refused already."""

    request: Request | Response
    keep_alive: bool = False
    old: bool = False
    """HTTP/1.0, which hears of `keep-alive` instead of `close`."""
    is_head: bool = False


class HttpServer:
    """Makes the connections of a listening port (it is a protocol factory) and can end them.

    `answer` is called once for each request, in their order; what it raises becomes a 500.
    """

    def __init__(self, answer: Callable[[Request], Response], doorkeeper: Doorkeeper) -> None:
        self.answer = answer
        self.doorkeeper = doorkeeper
        self.is_stopping = False
        self._connections: dict[HttpConnection, None] = {}
        self._quiet: asyncio.Event | None = None

    def __call__(self) -> "HttpConnection":
        return HttpConnection(self)

    def connection_made(self, connection: "HttpConnection") -> None:
        """A connection is open."""
        self._connections[connection] = None

    def connection_lost(self, connection: "HttpConnection", error: Exception | None) -> None:
        """A connection has ended; `error` as asyncio tells it."""
        del self._connections[connection]
        self._look_whether_quiet()

    async def shutdown(self, timeout: float) -> None:
        """Close idle connections now, others after the answer they wait for or this many seconds.

        Listeners have to be closed before.
        """
        self.is_stopping = True
        self._quiet = asyncio.Event()
        for connection in self._connections:
            if not connection.is_answering:
                connection.close()
        self._look_whether_quiet()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._quiet.wait(), timeout)
        for connection in self._connections:
            connection.close()
        for connection in self._connections:
            connection.abort()  # TLS would wait for the peer's farewell
        await asyncio.sleep(0)

    def _look_whether_quiet(self) -> None:
        if self._quiet is not None and not any(each.is_answering for each in self._connections):
            self._quiet.set()


class HttpConnection(asyncio.Protocol):
    """One connection. The httptools callbacks land here."""

    __slots__ = (
        "_active",
        "_begun",
        "_body",
        "_closed",
        "_expects",
        "_head",
        "_headers",
        "_idle",
        "_in_head",
        "_is_incomplete",
        "_late",
        "_loop",
        "_parser",
        "_read_paused",
        "_server",
        "_size",
        "_slow",
        "_transport",
        "_turns",
        "_url",
        "_was_admitted",
        "_write_paused",
        "peer",
    )

    def __init__(self, server: HttpServer) -> None:
        self._server = server
        self._loop = asyncio.get_running_loop()
        self.peer = ""
        self._transport: asyncio.Transport | None = None
        self._parser: httptools.HttpRequestParser | None = None
        self._turns: deque[_Turn] = deque()
        self._late: asyncio.TimerHandle | None = None
        self._idle: asyncio.TimerHandle | None = None
        self._slow: asyncio.TimerHandle | None = None
        """Runs while a request is incomplete."""
        self._active = 0.0
        self._read_paused = self._write_paused = False
        self._closed = self._was_admitted = False
        self._begun = 0
        self._head = 0
        self.on_message_begin()

    # -- asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self.peer = peer_name(transport.get_extra_info("peername"))
        sock = transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if not self._server.doorkeeper.admits(self, transport.get_extra_info("peername")):
            self._transport.abort()
            return
        self._was_admitted = True
        self._parser = httptools.HttpRequestParser(self)
        self._active = self._loop.time()
        self._look_whether_idle()
        self._server.connection_made(self)

    def data_received(self, data: bytes) -> None:
        parser = self._parser
        if parser is None or self._closed:
            return
        begun, rest = self._begun, data
        while rest:
            try:
                parser.feed_data(rest)
                break
            except httptools.HttpParserUpgrade as upgrade:
                rest = rest[upgrade.args[0] :]  # nobody here speaks anything else
            except httptools.HttpParserError:
                self._refuse_the_rest(400)
                break
        if self._in_head and self._begun == begun:
            self._head += len(data)
            if self._head > MAX_HEAD:
                self._refuse_the_rest(431)
        elif self._expects and not self._turns:
            self._continue()
        if self._slow is None and self._is_incomplete:
            patience = self._server.doorkeeper.patience
            self._slow = self._loop.call_later(patience, self._close_on_the_slow)
        if self._turns:
            self._answer()

    def eof_received(self) -> None:
        """The transport closes itself: who has said all does not listen any more."""

    def pause_writing(self) -> None:
        self._write_paused = True

    def resume_writing(self) -> None:
        self._write_paused = False
        self._answer()

    def connection_lost(self, exc: Exception | None) -> None:
        self._closed = True
        self._transport = self._parser = None  # the parser refers to this object
        self._turns.clear()
        for timer in (self._late, self._idle, self._slow):
            if timer is not None:
                timer.cancel()
        self._late = self._idle = self._slow = None
        self._server.doorkeeper.leave(self)
        if self._was_admitted:
            self._server.connection_lost(self, exc)

    # -- from the parser

    def on_message_begin(self) -> None:
        self._begun += 1
        self._is_incomplete = True
        self._in_head = True
        self._head = 0
        self._url = b""
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self._size = 0
        self._expects = False

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        text = value.strip(b" \t").decode("utf-8", "surrogateescape")
        self._headers.setdefault(name.decode("latin-1").lower(), text)

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._expects = self._headers.get("expect", "").lower() == "100-continue"

    def on_body(self, body: bytes) -> None:
        self._expects = False
        self._size += len(body)
        if self._size <= MAX_BODY:
            self._body.append(body)
        else:
            self._body.clear()

    def on_message_complete(self) -> None:
        assert self._parser is not None
        self._is_incomplete = self._expects = False
        if self._slow is not None:
            self._slow.cancel()
            self._slow = None
        old = self._parser.get_http_version() == "1.0"
        without_host = not old and "host" not in self._headers  # RFC 9112, 3.2
        if without_host or (self._parser.should_upgrade() and self._announces_body()):
            self._refuse_the_rest(400)
        if self._closed:
            return
        method = self._parser.get_method().decode("latin-1")
        if self._size > MAX_BODY:
            request: Request | Response = error_page(413)
        else:
            body = b"".join(self._body)
            request = Request(method, path_of(self._url), self._headers, body, self.peer)
        self._turns.append(_Turn(request, self._parser.should_keep_alive(), old, method == "HEAD"))

    def _announces_body(self) -> bool:
        headers = self._headers
        return "transfer-encoding" in headers or headers.get("content-length", "0") != "0"

    # -- answering

    @property
    def is_answering(self) -> bool:
        """Whether somebody waits for an answer."""
        return bool(self._turns) or self._late is not None

    def _answer(self) -> None:
        """Answer what can be answered now; what is behind that waits, and so does its sender."""
        turns = self._turns
        while turns and self._late is None and not self._write_paused:
            turn = turns.popleft()
            response = self._response_to(turn.request)
            if response.delay:
                self._late = self._loop.call_later(response.delay, self._send_late, turn, response)
            else:
                self._send(turn, response)
        if self._read_paused != bool(turns) and self._transport is not None:
            self._read_paused = not self._read_paused
            if self._read_paused:
                self._transport.pause_reading()
            else:
                self._transport.resume_reading()

    def _response_to(self, request: Request | Response) -> Response:
        if isinstance(request, Response):
            return request
        try:
            return self._server.answer(request)
        except Exception as error:
            context = {"message": "answering a request failed", "exception": error}
            self._loop.call_exception_handler(context)
            return error_page(500)

    def _send_late(self, turn: _Turn, response: Response) -> None:
        self._late = None
        self._send(turn, response)
        self._answer()

    def _send(self, turn: _Turn, response: Response) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        keep_alive = turn.keep_alive and not self._server.is_stopping
        self._transport.write(
            encode(response, old=turn.old, keep_alive=keep_alive, is_head=turn.is_head)
        )
        self._active = self._loop.time()
        if not keep_alive:
            self.close()

    def _refuse_the_rest(self, status: int) -> None:
        """Answer what came before, then this; take no notice of anything behind it."""
        if not self._closed:
            self._closed = True
            self._turns.append(_Turn(error_page(status)))

    def _continue(self) -> None:
        self._expects = False
        if self._transport is not None and not self.is_answering:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    # -- ending

    def close(self) -> None:
        """Close in good order, answering nobody any more."""
        self._closed = True
        self._turns.clear()
        # asyncio's TLS loses sight of a transport that is closed twice.
        if self._transport is not None and not self._transport.is_closing():
            self._transport.close()

    def abort(self) -> None:
        """Close without waiting for anybody."""
        if self._transport is not None:
            self._transport.abort()

    def _close_on_the_slow(self) -> None:
        self._slow = None
        if self._read_paused:  # it is us who do not read on
            patience = self._server.doorkeeper.patience
            self._slow = self._loop.call_later(patience, self._close_on_the_slow)
        else:
            self.close()

    def _look_whether_idle(self) -> None:
        now, until = self._loop.time(), self._active + IDLE_SECONDS
        if self.is_answering:
            until = now + IDLE_SECONDS
        if until > now:
            self._idle = self._loop.call_at(until, self._look_whether_idle)
        else:
            self._idle = None
            self.close()
