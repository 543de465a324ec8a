"""One HTTP/1.1 request and its response, and the connection that carries it.

The parser exists from the request to the end of its response; an idle connection holds none.
`devices.http` decides which connection is used and kept.
"""

import asyncio
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import httptools
import simpy

from devices.errors import ConnectFailed, ConnectionLost, HttpError, InvalidResponse, RequestTimeout

if TYPE_CHECKING:
    from devices.http import HttpClient
    from sim.kernel.environment import Call

Origin = tuple[str, str, int]
"""Scheme, host name, port."""

MAX_BODY = 1 << 20
"""Bytes; a larger body is an `InvalidResponse`. No page or answer of a site comes near it."""

MAX_HEAD = 65_536
"""Bytes of a status line and headers, interim responses included; a longer head is an
`InvalidResponse`."""

REPEATABLE = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS"})
"""Methods that may be sent twice when a reused connection dies unanswered (RFC 9110, 9.2.2)."""


@dataclass(frozen=True, slots=True)
class Response:
    """A complete response. Header names are in lower case, in order of arrival."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        """The first value of the header `name` (lower case), or None."""
        return next((value for key, value in self.headers if key == name), None)

    def text(self) -> str:
        """The body as UTF-8, undecodable bytes replaced."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body as JSON. Raises ValueError."""
        return json.loads(self.body)


class Exchange:
    """One request and its response. The httptools callbacks land here."""

    __slots__ = (
        "_body",
        "_client",
        "_complete",
        "_connection",
        "_head",
        "_headers",
        "_in_head",
        "_method",
        "_origin",
        "_parser",
        "_path",
        "_request",
        "_reusable",
        "_reused",
        "_size",
        "_status",
        "_timer",
        "event",
    )

    def __init__(
        self,
        client: "HttpClient",
        method: str,
        origin: Origin,
        path: str,
        request: bytes,
        timeout: float,
    ) -> None:
        self._client = client
        self._method = method
        self._origin = origin
        self._path = path
        self._request = request
        env = client.host.env
        self.event: simpy.Event = env.event()
        self._timer: Call = env.call_later(timeout, self._timed_out)
        self._connection: Connection | None = None
        self._reused = False
        self._clear()

    def _clear(self) -> None:
        self._parser: httptools.HttpResponseParser | None = httptools.HttpResponseParser(self)
        self._status = 0
        self._headers: list[tuple[str, str]] = []
        self._body: list[bytes] = []
        self._head = 0
        self._in_head = True
        self._size = 0
        self._complete = False
        self._reusable = False

    def start(self) -> None:
        connection = self._client.take_idle(self._origin)
        self._reused = connection is not None
        if connection is not None:
            self._send_on(connection)
            return
        scheme, name, port = self._origin
        tls = self._client.tls_for(self._origin)
        if scheme == "https" and tls is None:
            self._fail(ConnectFailed(f"{self}: this client has no TLS settings"))
            return
        opening = self._client.host.connect(
            name,
            port,
            lambda: Connection(self._client, self._origin),
            tls=tls,
            server_hostname=name if tls else None,
        )
        assert opening.callbacks is not None
        opening.callbacks.append(self._connected)

    def _connected(self, opening: simpy.Event) -> None:
        if not opening.ok:
            opening.defused = True
            self._fail(ConnectFailed(f"{self}: {_reason(cast(BaseException, opening.value))}"))
            return
        connection: Connection = cast(Any, opening.value)[1]
        if self.event.triggered:
            connection.drop()
        else:
            self._send_on(connection)

    def _send_on(self, connection: "Connection") -> None:
        self._connection = connection
        connection.send(self, self._request)

    # -- from the connection

    def feed(self, data: bytes) -> None:
        parser = self._parser
        if parser is None:
            return
        try:
            parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            if not self._complete:
                self._abandon(InvalidResponse(f"{self}: {type(error).__name__}"))
                return
            self._reusable = False  # the response is whole, what follows it is not ours
        if self._complete:
            self._finish()
        elif self._size > MAX_BODY:
            self._abandon(InvalidResponse(f"{self}: body over {MAX_BODY} bytes"))
        elif self._in_head:
            self._head += len(data)
            if self._head > MAX_HEAD:
                self._abandon(InvalidResponse(f"{self}: head over {MAX_HEAD} bytes"))

    def lost(self, error: Exception | None) -> None:
        connection, self._connection = self._connection, None
        if connection is None or self.event.triggered:
            return
        if self._status >= 200 and not self._has_length():
            self._reusable = False
            self._finish()
        elif self._reused and not self._status and self._method in REPEATABLE:
            self._clear()
            self.start()
        else:
            self._fail(ConnectionLost(f"{self}{self._so_far()}: {_reason(error)}"))

    def _so_far(self) -> str:
        if not self._status:
            return ""
        return f" answered {self._status} and {self._size} bytes of the body"

    def _has_length(self) -> bool:
        return any(name in ("content-length", "transfer-encoding") for name, _ in self._headers)

    # -- from the parser

    def on_message_begin(self) -> None:
        if self._complete:  # a second response that nobody asked for
            self._reusable = False

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._complete:
            self._headers.append((name.decode("latin-1").lower(), value.decode("utf-8", "replace")))

    def on_headers_complete(self) -> None:
        if not self._complete:
            assert self._parser is not None
            self._status = self._parser.get_status_code()
            self._in_head = False

    def on_body(self, body: bytes) -> None:
        if not self._complete:
            self._body.append(body)
            self._size += len(body)

    def on_message_complete(self) -> None:
        if 100 <= self._status < 200:  # an interim response: the real one follows
            self._status = 0
            self._in_head = True
            self._headers.clear()
        else:
            self._complete = True
            assert self._parser is not None
            self._reusable = self._parser.should_keep_alive()

    # -- the three ways to end

    def _finish(self) -> None:
        response = Response(self._status, tuple(self._headers), b"".join(self._body))
        self._parser = None  # it refers to this object: without the cycle no collector is needed
        connection, self._connection = self._connection, None
        self._timer.cancel()
        self._trace(response.status)
        if connection is not None:
            connection.release(self._reusable)
        self.event.succeed(response)

    def _abandon(self, error: HttpError) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.abort()
        self._fail(error)

    def _fail(self, error: HttpError) -> None:
        self._parser = None
        self._timer.cancel()
        if not self.event.triggered:
            self._trace(0)
            self.event.fail(error)

    def _timed_out(self) -> None:
        self._abandon(RequestTimeout(f"{self}{self._so_far()}: timed out"))

    def _trace(self, status: int) -> None:
        host = self._client.host
        host.trace.emit(
            "http.request",
            host.name,
            method=self._method,
            server=self._origin[1],
            path=self._path,
            status=status,
        )

    def __str__(self) -> str:
        scheme, name, port = self._origin
        return f"{self._method} {scheme}://{name}:{port}{self._path}"


class Connection(asyncio.Protocol):
    """One TCP or TLS connection to an origin, with at most one exchange on it."""

    __slots__ = ("_client", "_exchange", "_idle_timer", "_transport", "origin")

    def __init__(self, client: "HttpClient", origin: Origin) -> None:
        self._client = client
        self.origin = origin
        self._transport: asyncio.Transport | None = None
        self._exchange: Exchange | None = None
        self._idle_timer: Call | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if self._exchange is not None:
            self._exchange.feed(data)
        else:  # nobody asked: what it means cannot be known
            self.drop()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self.wake()
        self._client.forget(self)
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            exchange.lost(exc)

    def send(self, exchange: Exchange, request: bytes) -> None:
        self._exchange = exchange
        if self._transport is None:
            self._exchange = None
            exchange.lost(None)
        else:
            self._transport.write(request)

    def release(self, reusable: bool) -> None:
        self._exchange = None
        if self._transport is None:
            return
        if reusable and not self._transport.is_closing():
            self._client.keep(self)
        else:
            self.drop()

    def rest(self, seconds: float) -> None:
        self._idle_timer = self._client.host.env.call_later(seconds, self.drop)

    def wake(self) -> None:
        if self._idle_timer is not None:
            self._idle_timer.cancel()
            self._idle_timer = None

    def drop(self) -> None:
        """Close in good order."""
        self._let_go()
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Give up on a connection whose peer misbehaves or stays silent."""
        self._let_go()
        if self._transport is not None:
            self._transport.abort()

    def _let_go(self) -> None:
        self.wake()
        self._exchange = None
        self._client.forget(self)


def _reason(error: BaseException | None) -> str:
    if error is None:
        return "closed by the peer"
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
