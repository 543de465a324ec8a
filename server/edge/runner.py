"""Serving an application behind its edge, in a process or in a simulated world."""

from typing import cast

from aiohttp import web
from aiohttp.http import HttpVersion10, HttpVersion11

from server.edge.connection import Connection
from server.edge.crowd import Crowd
from server.edge.edge import EDGE, Edge


class EdgeServer(web.Server):
    """Makes the connections of a listening port, and takes their requests."""

    def __init__(self, inner: web.Server, edge: Edge, crowd: Crowd) -> None:
        super().__init__(self._take, request_factory=inner.request_factory)
        self._handle = inner.request_handler
        self._edge = edge
        self._crowd = crowd

    def __call__(self) -> web.RequestHandler:
        return Connection(self, self._edge, self._crowd)

    async def _take(self, request: web.BaseRequest) -> web.StreamResponse:
        cast(Connection, request.protocol).begin(request.content)
        if request.version not in (HttpVersion10, HttpVersion11):
            refusal = self._edge.refusal(400)
            refusal.force_close()
            return refusal
        expected = request.headers.get("Expect")
        # aiohttp would quote the header in its answer, and fail at one that is no UTF-8.
        if expected and expected.lower() != "100-continue" and request.version == HttpVersion11:
            return self._edge.refusal(417)
        return await self._handle(request)


class Runner(web.AppRunner):
    """Serves an application that has an `Edge`. `room`: the most connections; None: no limit.

    There is no access log: query strings carry tokens and passwords.
    """

    def __init__(self, app: web.Application, *, room: int | None = None) -> None:
        self._edge = app[EDGE]
        self._room = room
        # aiohttp takes this time twice: for handlers to finish, and for what does not want to end.
        super().__init__(app, shutdown_timeout=self._edge.limits.stop_timeout / 2)

    async def _make_server(self) -> web.Server:
        # aiohttp has no public way to give a server connections of another class.
        inner = await super()._make_server()
        return EdgeServer(inner, self._edge, Crowd(self._edge, self._room))
