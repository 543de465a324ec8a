"""What a push service needs from the world around it, and the rule for naming tokens in traces."""

import hashlib
from typing import Protocol

FieldValue = str | int | float | bool | None


class Trace(Protocol):
    """Takes the events of a run; the recorder of a world is one."""

    def emit(self, kind: str, host: str, /, **fields: FieldValue) -> None:
        """Record that `kind` happened on `host` now. Fields are flat."""


def token_ref(token: str) -> str:
    """A short stable name (12 hex digits) for a push token: BLAKE2b-48 of its text.

    The text is the one used in HTTP APIs: lowercase hex for APNs, the registration id for GCM.
    Servers name tokens in their logs by the same rule, so the two can be joined.
    """
    return hashlib.blake2b(token.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()


def peer_name(peername: object) -> str:
    """`address:port` of a transport's `peername`; empty when the transport knows none."""
    if isinstance(peername, tuple) and len(peername) >= 2:
        return f"{peername[0]}:{peername[1]}"
    return ""
