"""A light HTTP/1.1 client for phones and browsers, on httptools and `Host.connect`.

One object per device; a request is a simpy event whose value is a `Response`. Between requests
nothing is held but, for a few seconds, an idle connection per origin: no parser, no buffers.

What this is not: no redirects, cookies, compression, proxies, pipelining or streaming (callers
build what they need; see `devices.browser`). Simplification: one idle connection is kept per
origin; requests made at the same time open further ones, closed when they are done.
"""

import ssl
from collections.abc import Mapping
from typing import TYPE_CHECKING

import simpy

from devices.http_exchange import Connection, Exchange, Origin, Response
from devices.http_request import Form, encode

if TYPE_CHECKING:
    from sim.surface import Host

__all__ = ["Form", "HttpClient", "IDLE_SECONDS", "Response"]

IDLE_SECONDS = 15.0
"""How long an unused connection is kept (virtual seconds): below the keep-alive of common servers,
so that the client is the one who closes and a request rarely meets a dying connection."""


class HttpClient:
    """Makes requests from one host.

    `tls` is used for https addresses; without it they fail with `ConnectFailed`.
    """

    __slots__ = ("_host", "_idle", "_tls", "_user_agent")

    def __init__(self, host: "Host", *, user_agent: str, tls: ssl.SSLContext | None = None) -> None:
        self._host = host
        self._tls = tls
        self._user_agent = user_agent
        self._idle: dict[Origin, Connection] = {}

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        form: Form | None = None,
        body: bytes = b"",
        timeout: float = 60.0,
        traced_path: str | None = None,
    ) -> simpy.Event:
        """Send a request; the event's value is a `Response`, its failure an `HttpError`.

        `form` is sent urlencoded (and then `body` must be empty); `timeout` is in virtual seconds
        and covers the whole request. `traced_path` stands in the trace for the path when that
        contains a secret; the query never appears there.
        """
        origin, path, data = encode(
            method, url, user_agent=self._user_agent, headers=headers, form=form, body=body
        )
        exchange = Exchange(self, method, origin, traced_path or path, data, timeout)
        exchange.start()
        return exchange.event

    def close(self) -> None:
        """Close the idle connections; requests under way finish and are not kept."""
        for connection in list(self._idle.values()):
            connection.drop()

    # -- used by the exchange and the connection

    @property
    def host(self) -> "Host":
        return self._host

    def tls_for(self, origin: Origin) -> ssl.SSLContext | None:
        return self._tls if origin[0] == "https" else None

    def take_idle(self, origin: Origin) -> Connection | None:
        connection = self._idle.pop(origin, None)
        if connection is not None:
            connection.wake()
        return connection

    def keep(self, connection: "Connection") -> None:
        if connection.origin in self._idle:
            connection.drop()
        else:
            self._idle[connection.origin] = connection
            connection.rest(IDLE_SECONDS)

    def forget(self, connection: "Connection") -> None:
        if self._idle.get(connection.origin) is connection:
            del self._idle[connection.origin]
