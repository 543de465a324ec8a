"""TLS on a simulated connection: asyncio's own TLS protocol, with the plaintext in the wire digest.

OpenSSL's random numbers are its own, so ciphertexts differ between runs of the same seed; what
was said inside does not, and that is what the digest takes. Connections upgraded by
`loop.start_tls()` do without.
"""

import asyncio
import ssl
from typing import TYPE_CHECKING, Any

from sim.net import digest
from sim.net.tls_alerts import AlertingTls

if TYPE_CHECKING:
    from sim.kernel.loop import SimLoop
    from sim.net.transport import SimTransport


class SimTlsProtocol(AlertingTls):
    """asyncio's TLS protocol that shows the world what it is about to encrypt."""

    _transport: "SimTransport | None"

    def forget(self) -> None:
        """The world is over: see `SimTransport.forget`."""
        if self._app_transport is not None:
            self._app_transport._closed = True

    def _write_appdata(self, list_of_data: Any) -> None:
        transport = self._transport
        if transport is not None:  # else the connection is lost, and nothing goes out
            network = transport.host.network
            now = network.environment.now
            for data in list_of_data:
                network.digest.add(
                    digest.PLAINTEXT, now, transport.number, transport.direction, bytes(data)
                )
        super()._write_appdata(list_of_data)


def wrap_in_tls(
    loop: "SimLoop",
    protocol: asyncio.BaseProtocol,
    context: ssl.SSLContext,
    waiter: asyncio.Future[Any] | None,
    *,
    server_side: bool = False,
    server_hostname: str | None = None,
    handshake_timeout: float | None = None,
    shutdown_timeout: float | None = None,
) -> SimTlsProtocol:
    """A protocol that speaks TLS towards the network and plaintext towards `protocol`.

    The caller attaches it to a transport; `waiter` is done when the handshake is. Timeouts in
    virtual seconds.
    """
    make: Any = SimTlsProtocol
    tls: SimTlsProtocol = make(
        loop,
        protocol,
        context,
        waiter,
        server_side,
        server_hostname,
        ssl_handshake_timeout=handshake_timeout,
        ssl_shutdown_timeout=shutdown_timeout,
    )
    return tls
