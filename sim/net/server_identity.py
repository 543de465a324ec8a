"""The certificate that a server shows, chosen at each handshake: sound, or with a flaw for a while,
and as the clocks of both ends see it.

OpenSSL looks at the real clock, whatever a host's calendar says. So where a clock is wrong, its
owner is shown a certificate whose dates are moved as far the other way, and OpenSSL comes to the
conclusion that it would come to with that clock: those who connect about the server's certificate,
the server about theirs (there it is the dates of the trusted authority that are moved).

Simplification: clocks count in whole days, and a world's certificates are in the middle of their
year whenever somebody with the right time looks at them, since operators renew them.
"""

import ssl
from collections.abc import Callable, Sequence
from typing import Final

from sim.net.tls import CertificateAuthority, CertificateFlaw

Clock = Callable[[], float]
"""Seconds by which a calendar clock is fast."""

_DAY: Final = 86_400


class ServerIdentity:
    """See the module. `context` is for the server to listen with."""

    def __init__(
        self,
        ca: CertificateAuthority,
        common_name: str,
        names: Sequence[str],
        *,
        client_certificates: bool = False,
        spared: Sequence[str] = (),
    ) -> None:
        """`spared`: server names; those who ask for one of them see the sound certificate."""
        self._ca = ca
        self._common_name = common_name
        self._names = names
        self._client_certificates = client_certificates
        self._spared = spared
        self._theirs: Clock = _right
        self._ours: Clock = _right
        self._flaws: list[tuple[CertificateFlaw, Callable[[], None]]] = []
        self._contexts: dict[tuple[CertificateFlaw | None, int, int], ssl.SSLContext] = {}
        self.context = self._make(None, 0, 0)

    def follow_clocks(self, theirs: Clock, ours: Clock) -> None:
        """From now on the clocks of those who connect, and of the server, decide about dates."""
        self._theirs, self._ours = theirs, ours
        self.context.sni_callback = self._choose

    def show(self, flaw: CertificateFlaw, used: Callable[[], None]) -> Callable[[], None]:
        """Show a certificate with this flaw until the result is called. `used`: each time it is."""
        entry = (flaw, used)
        self._flaws.append(entry)
        self.context.sni_callback = self._choose
        return lambda: self._flaws.remove(entry)

    def _choose(
        self, connection: ssl.SSLObject | ssl.SSLSocket, name: str | None, _context: ssl.SSLContext
    ) -> None:
        if name is not None and name in self._spared:
            return
        flaw = None
        if self._flaws:
            flaw, used = self._flaws[-1]
            used()
        key = (flaw, int(self._theirs() / _DAY), int(self._ours() / _DAY))
        if key not in self._contexts:
            self._contexts[key] = self._make(*key)
        connection.context = self._contexts[key]

    def _make(self, flaw: CertificateFlaw | None, theirs: int, ours: int) -> ssl.SSLContext:
        certificate = self._ca.issue(
            self._common_name, names=self._names, flaw=flaw, days_fast=theirs
        )
        return self._ca.server_context(
            certificate, client_certificates=self._client_certificates, days_fast=ours
        )


def _right() -> float:
    return 0.0
