"""The loop of a live world: asyncio's own, but for TLS servers, which refuse handshakes with an
alert (`sim.net.tls_alerts`).
"""

import asyncio
from asyncio import selector_events
from typing import Any

from sim.net.tls_alerts import AlertingTls


class LiveLoop(asyncio.SelectorEventLoop):
    """See the module."""

    def _make_ssl_transport(
        self,
        rawsock: Any,
        protocol: asyncio.BaseProtocol,
        sslcontext: Any,
        waiter: Any = None,
        *,
        server_side: bool = False,
        server_hostname: str | None = None,
        extra: Any = None,
        server: Any = None,
        **timeouts: Any,
    ) -> Any:
        make: Any = AlertingTls
        tls = make(self, protocol, sslcontext, waiter, server_side, server_hostname, **timeouts)
        transport: Any = selector_events._SelectorSocketTransport  # type: ignore[attr-defined]
        transport(self, rawsock, tls, extra=extra, server=server)
        return tls._app_transport
