"""How tokens are named where a token itself must not appear."""

import hashlib
from functools import lru_cache


def token_ref(token: str) -> str:
    """A short name for a token in traces: BLAKE2b-48 of its text, 12 hex digits.

    The servers' logs use the same rule, so that a token can be followed without being shown.
    """
    return hashlib.blake2b(token.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()


@lru_cache(maxsize=256)
def topic_hash(app_id: str) -> bytes:
    """An app's name on the APNs courier connection: SHA-1 of the bundle id, 20 bytes."""
    return hashlib.sha1(app_id.encode(), usedforsecurity=False).digest()
