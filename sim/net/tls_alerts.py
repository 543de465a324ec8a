"""TLS servers that say why they refuse a handshake: to the client with an alert, and to the trace.

`asyncio.sslproto.SSLProtocol` drops the alert that OpenSSL has written and aborts. Here it is sent,
and the connection closed as RFC 5246 (7.2.1) wants it: what still comes is read and thrown away
until the client has closed too, lest a reset overtakes the alert. Where OpenSSL has none (a first
record that is no TLS at all), the alert is unexpected_message.
"""

import asyncio
import ssl
from asyncio import sslproto
from typing import Any, Final

from sim.kernel.context import current_host

LINGER: Final = 2.0
"""Seconds that a refused client has to close its end."""

_UNEXPECTED_MESSAGE: Final = bytes.fromhex("1503010002020a")
"""A fatal alert (RFC 5246, 7.2) in a record of TLS 1.0, which every version can read."""

_IN_WORDS: Final = {
    "HTTP_REQUEST": "plain HTTP on a TLS port",
    "HTTPS_PROXY_REQUEST": "an HTTP proxy's CONNECT on a TLS port",
    "WRONG_VERSION_NUMBER": "what came is no TLS",
    "UNSUPPORTED_PROTOCOL": "no TLS version in common",
    "VERSION_TOO_LOW": "no TLS version in common",
    "NO_SHARED_CIPHER": "no cipher suite in common",
    "NO_SHARED_SIGNATURE_ALGORITHMS": "the client cannot check signatures of our key",
    "NO_SUITABLE_SIGNATURE_ALGORITHM": "the client cannot check signatures of our key",
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": "no client certificate",
    "TLSV1_ALERT_UNKNOWN_CA": "the client does not trust our certificate's authority",
    "SSLV3_ALERT_BAD_CERTIFICATE": "the client does not take our certificate",
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": "the client does not take our certificate",
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": "the client finds our certificate expired",
    "SSLV3_ALERT_HANDSHAKE_FAILURE": "the client found nothing that both support",
    "TLSV1_ALERT_PROTOCOL_VERSION": "the client found no TLS version in common",
    "TLSV1_ALERT_INTERNAL_ERROR": "the client had an internal error",
}
"""What OpenSSL's reasons mean here; others are said as they are."""


def why(error: BaseException) -> str:
    """Why a handshake was refused, in words, with OpenSSL's own in brackets."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the client's certificate is not valid: {error.verify_message}"
    if isinstance(error, ssl.SSLError) and error.reason:
        meaning = _IN_WORDS.get(error.reason)
        return f"{meaning} ({error.reason})" if meaning else error.reason
    if isinstance(error, ConnectionAbortedError):
        return "the client did not finish in time"
    return "the client went away"


class AlertingTls(sslproto.SSLProtocol):
    """See the module. A client's end behaves as asyncio's own."""

    _app_state: Any
    _outgoing: ssl.MemoryBIO
    _state: Any
    _refused = False
    _lingering: asyncio.TimerHandle | None = None

    def _fatal_error(
        self, exc: BaseException | type[BaseException], message: str = "Fatal error on transport"
    ) -> None:
        error = exc() if isinstance(exc, type) else exc
        if self._server_side and self._app_state is sslproto.AppProtocolState.STATE_INIT:
            self._refuse(error)
        else:
            super()._fatal_error(error, message)

    def buffer_updated(self, nbytes: int) -> None:
        if not self._refused:
            super().buffer_updated(nbytes)

    def connection_lost(self, exc: BaseException | None) -> None:
        if self._lingering is not None:
            self._lingering.cancel()
        if self._server_side and self._state is sslproto.SSLProtocolState.DO_HANDSHAKE:
            self._tell(exc or ConnectionResetError())
        super().connection_lost(exc)

    def _refuse(self, error: BaseException) -> None:
        transport: Any = self._transport
        if transport is None or self._refused:
            return
        self._refused = True
        self._tell(error)
        alert = self._outgoing.read()
        if not alert and isinstance(error, ssl.SSLError) and "ALERT" not in (error.reason or ""):
            alert = _UNEXPECTED_MESSAGE
        if not alert:
            transport.abort()
            return
        transport.write(alert)
        if transport.can_write_eof():
            transport.write_eof()
        self._lingering = self._loop.call_later(LINGER, transport.abort)

    def _tell(self, error: BaseException) -> None:
        host = current_host.get(None)
        transport: Any = self._transport
        if host is None or transport is None:
            return
        name = transport.get_extra_info("peername")
        peer = f"{name[0]}:{name[1]}" if name else ""
        host.trace.emit("tls.refused", host.name, peer=peer, why=why(error))
