"""What the certificates and TLS servers of a world are like."""

from dataclasses import dataclass
from typing import Final, Literal, get_args

KeyKind = Literal["rsa", "ecdsa", "ed25519"]
KEY_KINDS: Final[tuple[KeyKind, ...]] = get_args(KeyKind)


@dataclass(frozen=True, slots=True)
class TlsPolicy:
    """The defaults are those of a simulated world.

    `old_clients`: servers also take TLS 1.0 and 1.1 and the cipher suites of their time.
    `insistent`: a server that asks for a client certificate refuses a handshake without one.
    """

    keys: KeyKind = "ed25519"
    old_clients: bool = False
    insistent: bool = False


LIVE_TLS: Final = TlsPolicy(keys="rsa", insistent=True)
"""What every TLS stack takes, and what Apple's servers do about a missing certificate."""
