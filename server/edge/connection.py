"""One connection of a peer: aiohttp's, with time limits and our own error answers.

A peer has `head_timeout` for the head of a request, from its first byte or from the start of the
connection. For a body it has `body_timeout` and a second more for each `min_rate` bytes; for
reading an answer that the network does not swallow at once, `send_timeout` and the same pace. A
connection without a request ends after `idle_timeout`. A peer that is too slow with a body gets
408; in the other cases no answer is due, and the connection is closed.
"""

import asyncio
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, cast

from aiohttp import web
from aiohttp.http_exceptions import LineTooLong
from aiohttp.streams import StreamReader

from server.edge.crowd import Crowd
from server.edge.edge import Edge

if TYPE_CHECKING:
    from server.edge.runner import EdgeServer

LONGEST_LINE = 8190
"""Bytes of a request line or of one header: Apache's LimitRequestLine and LimitRequestFieldSize."""
MOST_HEADERS = 100
"""Apache's LimitRequestFields."""

_PEERS_FAULTS = (web.RequestPayloadError, web.HTTPRequestTimeout, ConnectionError)
"""Errors of reading the rest of a body that the handler did not read."""


class Phase(Enum):
    """What the connection is waiting for."""

    HEAD = auto()
    """The rest of a head."""
    BODY = auto()
    """The rest of a body."""
    HANDLER = auto()
    """Our handler."""
    NEXT = auto()
    """The first byte of the next request. aiohttp counts this time."""


class Connection(web.RequestHandler):
    """The protocol of one connection."""

    def __init__(self, server: "EdgeServer", edge: Edge, crowd: Crowd) -> None:
        self._edge = edge
        self._crowd = crowd
        self._clock = asyncio.get_running_loop()
        self._wire: asyncio.Transport | None = None
        self._payload: StreamReader | None = None
        self._phase = Phase.HEAD
        self._since = 0.0
        self._received = 0
        self._unread_until: float | None = None
        """By when the peer has to have read what is written; None if nothing waits."""
        self._timer: asyncio.TimerHandle | None = None
        options: dict[str, Any] = {
            "access_log": None,  # query strings carry tokens and passwords
            "keepalive_timeout": edge.limits.idle_timeout,
            "max_line_size": LONGEST_LINE,
            "max_field_size": LONGEST_LINE,
            "max_headers": MOST_HEADERS,
            "auto_decompress": False,  # neither PHP nor Tornado unpacked what a client packed
        }
        super().__init__(server, loop=self._clock, **options)

    # -- what the network does

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        wire = cast(asyncio.Transport, transport)
        peer = wire.get_extra_info("peername")
        if not self._crowd.enter(self, str(peer[0]) if peer else ""):
            wire.abort()
            return
        self._wire = wire
        wire.set_write_buffer_limits(high=0)  # to be told whenever an answer has to wait
        super().connection_made(transport)
        self._enter(Phase.HEAD)

    def data_received(self, data: bytes) -> None:
        self._received += len(data)
        if self._phase is Phase.NEXT and data:
            self._enter(Phase.HEAD)
        super().data_received(data)

    def pause_writing(self) -> None:
        super().pause_writing()
        assert self._wire is not None
        limits = self._edge.limits
        size = self._wire.get_write_buffer_size()
        self._unread_until = self._clock.time() + limits.send_timeout + size / limits.min_rate
        self._set_timer()

    def resume_writing(self) -> None:
        self._unread_until = None
        super().resume_writing()

    def connection_lost(self, exc: BaseException | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._crowd.leave(self)
        if self._wire is not None:
            self._wire = None
            super().connection_lost(exc)

    # -- what becomes of requests

    def begin(self, payload: StreamReader) -> None:
        """A head has been read, and its handler is called next. `payload`: the body."""
        self._payload = payload
        self._crowd.serving(self)
        self._enter(Phase.HANDLER if payload.is_eof() else Phase.BODY)

    async def finish_response(
        self, request: web.BaseRequest, resp: Any, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        done = await super().finish_response(request, self._ours(resp), start_time)
        self._crowd.waiting(self)
        self._enter(Phase.NEXT)
        return done

    def _ours(self, response: Any) -> web.StreamResponse:
        """The answer, unless it is the framework's."""
        if not isinstance(response, web.StreamResponse):
            return self._edge.refusal(500)
        if not isinstance(response, web.HTTPException) or response.status < 400:
            return response
        refusal = self._edge.refusal(response.status)
        if "Allow" in response.headers:
            refusal.headers["Allow"] = response.headers["Allow"]
        if response.keep_alive is False or response.status == 408:
            refusal.force_close()
        return refusal

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """The answer to a request that cannot be parsed, or whose handler failed."""
        if isinstance(exc, ConnectionError):
            raise exc  # the peer is gone
        if status >= 500:
            self._edge.log.failure("request.failed", exc, path=_pattern(request))
        else:
            self._edge.log.seldom("request.malformed", peer=request.remote)
            if isinstance(exc, LineTooLong):
                status = 431
        if request.writer.output_size > 0:
            raise ConnectionError("an answer has begun already")
        response = self._edge.refusal(status)
        response.force_close()
        return response

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """aiohttp reports every failure of a connection here. Its text may hold a secret."""
        error = kw.get("exc_info")
        if not isinstance(error, _PEERS_FAULTS):
            self._edge.log.failure("connection.failed", error)

    # -- limits

    def _enter(self, phase: Phase) -> None:
        self._phase = phase
        self._since = self._clock.time()
        self._received = 0
        self._set_timer()

    def _deadline(self) -> float | None:
        if self._unread_until is not None:
            return self._unread_until
        limits = self._edge.limits
        if self._phase is Phase.HEAD:
            return self._since + limits.head_timeout
        if self._phase is Phase.BODY and self._payload is not None and not self._payload.is_eof():
            return self._since + limits.body_timeout + self._received / limits.min_rate
        return None

    def _set_timer(self) -> None:
        """Look again at the deadline. A timer that is early is kept: it sets the next one."""
        deadline = self._deadline()
        if deadline is None or self._wire is None:
            return
        if self._timer is not None:
            if self._timer.when() <= deadline:
                return
            self._timer.cancel()
        self._timer = self._clock.call_at(deadline, self._look)

    def _look(self) -> None:
        self._timer = None
        deadline = self._deadline()
        if deadline is None:
            return
        if deadline > self._clock.time():
            self._set_timer()
        elif self._unread_until is None and self._phase is Phase.BODY:
            assert self._payload is not None
            self._phase = Phase.HANDLER
            self._payload.set_exception(web.HTTPRequestTimeout())
        else:
            self.end()

    # -- ending

    def end(self) -> None:
        """Close at once, without waiting for the peer."""
        wire = self._wire
        self.force_close()
        if wire is not None:
            wire.abort()

    async def shutdown(self, timeout: float | None = 15.0) -> None:
        """Let a request that has arrived be answered; wait for nothing that a peer still owes."""
        if self._phase is Phase.BODY and self._payload is not None and not self._payload.is_eof():
            self._payload.set_exception(ConnectionResetError("the server stops"))
        await super().shutdown(timeout)
        self.end()


def _pattern(request: web.BaseRequest) -> str | None:
    """The route of a request, without the values in its path; None if there is no route."""
    match = request.match_info if isinstance(request, web.Request) else None
    resource = None if match is None else match.route.resource
    return None if resource is None else resource.canonical
