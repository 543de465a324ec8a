"""Randomness from one root seed through named streams.

Every draw in a world comes from a stream with a name that says what it is for. A stream's sequence
depends on the root seed and its name only, so a new use of randomness never changes what an
existing one draws.
"""

import hashlib
import random


class Seeds:
    """The named random streams of one world.

    >>> Seeds(42).stream("net/wifi").random() == Seeds(42).stream("net/wifi").random()
    True
    """

    def __init__(self, root: int) -> None:
        self.root = root
        self._streams: dict[str, random.Random] = {}

    def stream(self, label: str) -> random.Random:
        """The stream with this name; asking twice gives the same object, further along."""
        stream = self._streams.get(label)
        if stream is None:
            stream = self._streams[label] = random.Random(self.integer(label))
        return stream

    def integer(self, label: str) -> int:
        """A 256-bit number that belongs to the label, without touching any stream."""
        return int.from_bytes(self.material(label), "big")

    def material(self, label: str) -> bytes:
        """32 bytes that belong to the label: for keys that must be the same in every run."""
        return hashlib.blake2b(f"{self.root}/{label}".encode(), digest_size=32).digest()
